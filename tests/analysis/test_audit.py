"""The audit of early stopping: what stopped runs reach at full length, and what that says."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.collections import PathCollection
from scipy import stats

from analysis import audit, budget
from analysis.blocks import Plot, Table, early_stopping, early_stopping_audit
from analysis.blocks.registry import PLOTS, TABLES
from analysis.facts import Facts
from analysis.load import load_study
from analysis.page import caveats, document, progress, provenance
from analysis.render.figure import arm_styles
from analysis.render.table import RenderedTable
from analysis.search import WinnerRule
from analysis.statistics import rank_correlation
from harness.study.file import Search
from harness.study.seeds import search_seeds
from harness.tuning.arm_search import run_value

if TYPE_CHECKING:
    from tests.analysis.conftest import Run, Study

LOG = {"low": 1e-4, "high": 1.0, "log": True}
STOPPING = {"grace_epochs": 1, "reduction_factor": 2}
REFERENCE = Path(__file__).parents[2] / "results" / "reference" / "optimizers"


class Audited:
    """One arm of four epochs, so with rungs at 1 and 2, built from its validation accuracies."""

    def __init__(self, new_study: "type[Study]", metric: str = "val_accuracy", **search: Any) -> None:
        self.study = new_study(arms={"sgd": {"lr": LOG}}, max_epochs=4, metric=metric)
        self.study.search_settings = {"audit": 2, "early_stopping": STOPPING} | search
        self.metric = metric

    def run(self, *accuracies: float, is_winner: bool = False, **values: Any) -> "Run":
        """Add a search run; of fewer than four epochs it was stopped. A loss is 1 less the accuracy."""
        status = "completed" if len(accuracies) == 4 else "stopped"
        run = self.study.add("sgd", "search", **self._of(accuracies) | {"status": status} | values)
        if is_winner and "repeats" in self.study.search_settings:
            self.study.winners_of_repeats["sgd", run.repeat] = run.run_id
        elif is_winner:
            self.study.winners["sgd"] = run.run_id
        return run

    def audit(self, stopped: "Run", *accuracies: float, **values: Any) -> None:
        """Add the audit of a stopped run."""
        self.study.audit(stopped, **self._of(accuracies) | values)

    def _of(self, accuracies: tuple[float, ...]) -> dict[str, Any]:
        values = accuracies if self.metric == "val_accuracy" else [1 - value for value in accuracies]
        return {"epochs": len(accuracies), "curve": {self.metric: list(values)}}


def rendered_table(facts: Facts) -> RenderedTable:
    """Return the table of the audit, with its caption."""
    return early_stopping.EARLY_STOPPING.table.rendered("early_stopping", facts)


def one_ended_better(new_study: "type[Study]", unaudited: int = 0, **search: Any) -> "Study":
    """Return two completed and two audited runs: one ends .05 above the winner's .85, one .15 below."""
    arm = Audited(new_study, **search)
    arm.run(0.50, 0.60, 0.70, 0.80)
    arm.run(0.60, 0.65, 0.72, 0.85, is_winner=True)
    arm.audit(arm.run(0.30), 0.30, 0.70, 0.80, 0.90)
    arm.audit(arm.run(0.45, 0.55), 0.45, 0.55, 0.60, 0.70)
    for _ in range(unaudited):
        arm.run(0.20)
    return arm.study


@pytest.mark.parametrize("metric", ["val_accuracy", "val_loss"])
def test_better_runs_are_found(new_study: "type[Study]", tmp_path: Path, metric: str) -> None:
    """One of two, by .05, in either direction of the metric; the exact interval of 1 of 1 is 2.5 to 100 %."""
    facts = one_ended_better(new_study, unaudited=3, metric=metric).facts(tmp_path)
    (row,) = facts.audit.to_dict("records")
    assert (row["ended"], row["stopped"], row["audited"], row["completed"]) == (7, 5, 2, 2)
    assert (row["better_searches"], row["audited_searches"]) == (1, 1)
    assert (row["share_low"], row["share_high"]) == pytest.approx((0.025, 1.0))
    assert row["regret"] == pytest.approx(0.05)
    ends = (0.85, 0.90) if metric == "val_accuracy" else (0.15, 0.10)
    assert (row["winner_final"], row["best_audited"]) == pytest.approx(ends)


def test_without_a_better_one_the_regret_is_zero(new_study: "type[Study]", tmp_path: Path) -> None:
    """An audited run that ends like the winner, or worse, is no better one."""
    arm = Audited(new_study)
    arm.run(0.6, 0.7, 0.8, 0.85, is_winner=True)
    arm.audit(arm.run(0.3), 0.3, 0.7, 0.8, 0.85)
    arm.audit(arm.run(0.3), 0.3, 0.7, 0.8, 0.20)
    (row,) = arm.study.facts(tmp_path).audit.to_dict("records")
    assert (row["better_searches"], row["regret"]) == (0, 0.0)


def test_each_of_several_searches_has_a_winner_of_its_own(new_study: "type[Study]", tmp_path: Path) -> None:
    """Audited runs end at .90, .84 and .70 where .85, .80 and .75 won: regrets .05, .04 and 0."""
    arm = Audited(new_study, repeats=3)
    for repeat, (won, audited) in enumerate([(0.85, 0.90), (0.80, 0.84), (0.75, 0.70)]):
        (seed,) = search_seeds(0, "sgd", repeat, 1)
        arm.run(0.6, 0.7, 0.7, won, is_winner=True, repeat=repeat, seed=seed)
        arm.audit(arm.run(0.3, repeat=repeat, seed=seed), 0.3, 0.4, 0.5, audited)
    facts = arm.study.facts(tmp_path)
    (row,) = facts.audit.to_dict("records")
    assert (row["searches"], row["audited_searches"], row["better_searches"]) == (3, 3, 2)
    assert (row["winner_final"], row["best_audited"]) == pytest.approx((0.80, 2.44 / 3))
    half_width = stats.t.ppf(0.975, 2) * np.std([0.05, 0.04, 0], ddof=1) / np.sqrt(3)
    assert (row["regret"], row["regret_half_width"]) == pytest.approx((0.03, half_width))
    table = rendered_table(facts)
    assert table.cells["Regret (pp)"][0] == "3.0 (0.0 to 9.6)"
    assert "means over an arm's searches" in table.caption
    (warning,) = [text for text in caveats.warnings(facts) if "Early stopping" in text]
    assert warning.endswith("mean over searches): sgd in 2 of 3 searches (3.00 pp).")


def test_a_search_counts_once_however_many_runs_were_better(new_study: "type[Study]", tmp_path: Path) -> None:
    """Three of three in the first search and none of one in the second: one of two, 1.26 to 98.74 %.

    The third search stopped no run, so that it says nothing.
    """
    arm = Audited(new_study, repeats=3)
    for repeat, audited in enumerate([(0.90, 0.91, 0.92), (0.70,), ()]):
        (seed,) = search_seeds(0, "sgd", repeat, 1)
        arm.run(0.6, 0.7, 0.7, 0.85, is_winner=True, repeat=repeat, seed=seed)
        for final in audited:
            arm.audit(arm.run(0.3, repeat=repeat, seed=seed), 0.3, 0.4, 0.5, final)
    facts = arm.study.facts(tmp_path)
    (row,) = facts.audit.to_dict("records")
    assert (row["searches"], row["audited_searches"], row["better_searches"]) == (3, 2, 1)
    assert (row["share_low"], row["share_high"]) == pytest.approx((0.0125791, 0.9874209), abs=1e-6)
    assert rendered_table(facts).cells["Ended better than the winner"][0] == "1 of 2 searches (1 to 99 %)"


@pytest.mark.parametrize(
    ("search", "better", "regret"),
    [({}, 1, 0.01), ({"average_epochs": 2}, 0, 0.0), ({"winner": "best"}, 0, 0.0)],
)
def test_runs_end_by_the_winners_rule(
    new_study: "type[Study]", tmp_path: Path, search: dict[str, Any], better: int, regret: float
) -> None:
    """.86 beats .85 at the last epoch, not .68 against .80 over two, nor .86 against .90 at the best."""
    arm = Audited(new_study, **search)
    arm.run(0.60, 0.90, 0.75, 0.85, is_winner=True)
    arm.audit(arm.run(0.30), 0.30, 0.40, 0.50, 0.86)
    (row,) = arm.study.facts(tmp_path).audit.to_dict("records")
    assert (row["better_searches"], row["regret"]) == (better, pytest.approx(regret))


def test_diverged_audits_count_and_failed_ones_are_missing(new_study: "type[Study]", tmp_path: Path) -> None:
    """Of four audit runs one completes better, two diverge and one fails: three have a result."""
    arm = Audited(new_study)
    arm.run(0.6, 0.7, 0.8, 0.85, is_winner=True)
    arm.audit(arm.run(0.3), 0.3, 0.7, 0.8, 0.9)
    for _ in range(2):
        arm.study.audit(arm.run(0.3, 0.4), status="diverged", epochs=3)
    arm.study.audit(arm.run(0.3), status="failed", epochs=0)
    facts = arm.study.facts(tmp_path)
    (row,) = early_stopping_audit.compute(facts).to_dict("records")
    assert [row[name] for name in ("audited", "completed", "diverged", "failed")] == [4, 1, 2, 1]
    cells = rendered_table(facts).cells.iloc[0]
    assert cells["Audited"] == "4 (2 diverged, 1 failed)"
    assert cells["Ended better than the winner"] == "1 of 1 search (3 to 100 %)"
    assert row["n_1"] == 2
    frame = early_stopping.compute(facts)
    assert frame["full_status"].value_counts()["diverged"] == 2
    (ax,) = early_stopping.draw(frame, arm_styles(facts.records.arms)).axes
    assert sum(len(line.get_xdata()) for line in ax.lines if line.get_marker() == "x") == 2


def test_audits_that_all_failed_say_nothing(new_study: "type[Study]", tmp_path: Path) -> None:
    """The table has no share, the figure no drawing, and both documents say why."""
    arm = Audited(new_study)
    arm.run(0.6, 0.7, 0.8, 0.85, is_winner=True)
    arm.study.audit(arm.run(0.3), status="failed", epochs=0)
    facts = arm.study.facts(tmp_path)
    table = early_stopping_audit.compute(facts)
    assert table[["better_searches", "share_low", "regret", "best_audited"]].isna().all(axis=None)
    figure = PLOTS["early_stopping"].rendered("early_stopping", facts, arm_styles(["sgd"]))
    assert figure.svg is None
    content = document.Content(facts=facts, tables={}, figures={"early_stopping": figure})
    for text in (document.render_markdown(content), document.render_html(content)):
        assert "No drawing of early stopping" in text


def test_an_audit_repeats_the_run_of_its_arm_and_number(new_study: "type[Study]", tmp_path: Path) -> None:
    """Whatever their ids are: another arm's run of the same number is another run."""
    study = new_study(arms={"sgd": {"lr": LOG}, "adam": {"lr": LOG}}, search_settings={"audit": 1})
    for arm in study.arms:
        study.audit(study.add(arm, "search", status="stopped", run_id=f"{arm} x"), run_id=f"y {arm}")
    records = study.facts(tmp_path).records
    assert records.audits == {"sgd x": "y sgd", "adam x": "y adam"}
    runs = audit.compute_runs(records)
    assert runs[["run_id", "fate", "full_run_id"]].to_numpy().tolist() == [
        ["sgd x", "audited", "y sgd"],
        ["adam x", "audited", "y adam"],
    ]


def test_without_a_winner_nothing_is_judged(new_study: "type[Study]", tmp_path: Path) -> None:
    """Where every other run diverged, an audited run has nobody to beat."""
    arm = Audited(new_study)
    arm.study.add("sgd", "search", status="diverged", epochs=1)
    arm.audit(arm.run(0.3), 0.3, 0.7, 0.8, 0.9)
    arm.study.winners["sgd"] = None
    facts = arm.study.facts(tmp_path)
    (row,) = facts.audit.to_dict("records")
    assert row["completed"] == 1
    assert np.isnan(row["regret"])
    assert early_stopping.compute(facts).empty
    assert rendered_table(facts).cells["Ended better than the winner"][0] == "\N{EN DASH}"


def test_rungs_rank_as_worked_out_by_hand(new_study: "type[Study]", tmp_path: Path) -> None:
    """At epoch 1 the ranks are 3, 4, 1, 2 and finally 2, 3, 4, 1: 1 - 6 * 12 / 60; at epoch 2 they agree."""
    facts = one_ended_better(new_study).facts(tmp_path)
    ranks = early_stopping_audit.compute_ranks(facts)
    assert list(ranks["epoch"]) == [1, 2]
    assert list(ranks["n"]) == [4, 4]
    assert list(ranks["rank_correlation"]) == pytest.approx([-0.2, 1.0])


def test_each_audited_run_stands_for_as_many_stopped_ones(new_study: "type[Study]", tmp_path: Path) -> None:
    """Two of four: with both taken twice the mid-ranks give -7.5 / 16.5 at epoch 1; n stays 4."""
    facts = one_ended_better(new_study, unaudited=2).facts(tmp_path)
    ranks = early_stopping_audit.compute_ranks(facts)
    assert ranks["rank_correlation"][0] == pytest.approx(-7.5 / 16.5)
    assert list(ranks["n"]) == [4, 4]


@given(
    st.lists(
        st.tuples(st.integers(0, 5), st.integers(0, 5), st.integers(1, 4)), min_size=3, max_size=12
    ).filter(lambda rows: len({row[0] for row in rows}) > 1 and len({row[1] for row in rows}) > 1)
)
def test_a_whole_weight_repeats_a_pair(rows: list[tuple[int, int, int]]) -> None:
    """The weighted coefficient is SciPy's after repeating, ties included."""
    first, second, weights = zip(*rows, strict=True)
    repeated = stats.spearmanr(np.repeat(first, weights), np.repeat(second, weights)).statistic
    assert rank_correlation(first, second, weights) == pytest.approx(repeated, abs=1e-12)


def test_too_little_to_rank_has_no_correlation() -> None:
    """Two runs always agree or disagree; equal values have no order."""
    assert rank_correlation([1, 2], [1, 2], [1, 1]) is None
    assert rank_correlation([1, 1, 1], [1, 2, 3], [1, 1, 1]) is None
    assert rank_correlation([1, 2, 3], [2, 2, 2], [1, 1, 1]) is None


def test_departures_from_the_stopped_run_are_told(new_study: "type[Study]", tmp_path: Path) -> None:
    """An audit that is .02 off its stopped run at epoch 1 is no exact repetition."""
    arm = Audited(new_study)
    arm.run(0.6, 0.7, 0.8, 0.85, is_winner=True)
    arm.audit(arm.run(0.30, 0.40), 0.32, 0.40, 0.50, 0.60)
    table = rendered_table(arm.study.facts(tmp_path))
    assert table.numbers["repeat_deviation"][0] == pytest.approx(0.02)
    assert table.caption.endswith("departed from their values by up to 2 pp.")


def test_without_an_audit_nothing_is_shown(new_study: "type[Study]", tmp_path: Path) -> None:
    """Neither document, table, figure nor ledger mentions one; the limits say that none was asked for."""
    study = one_ended_better(new_study)
    study.runs = [run for run in study.runs if run.phase != "audit"]
    del study.search_settings["audit"]
    facts = study.facts(tmp_path)
    assert not TABLES["early_stopping"].is_for(facts)
    plots = [plot for plot in PLOTS.values() if plot.is_for(facts)]
    assert PLOTS["early_stopping"] not in plots
    content = document.Content(facts=facts, tables=document.render_tables(facts), figures={})
    for text in (document.render_markdown(content).lower(), document.render_html(content).lower()):
        settings = text.count("audit 0")  # what was declared is listed whole
        assert text.count("audit") - settings == text.count("was not audited") == 1
    for frame, plot in [(plot.compute(facts), plot) for plot in plots]:
        assert "audit" not in plot.caption(facts, frame) + plot.alt(frame)
    assert facts.audit.empty
    assert early_stopping_audit.compute(facts).empty


def test_an_audit_that_has_not_begun_is_announced(new_study: "type[Study]", tmp_path: Path) -> None:
    """Asked for two, one run was stopped: one is planned, and the report is unfinished."""
    arm = Audited(new_study)
    arm.run(0.6, 0.7, 0.8, 0.85, is_winner=True)
    arm.run(0.3)
    facts = arm.study.facts(tmp_path)
    assert progress.progress(facts.records) == "Unfinished: 2 of 3 planned runs have ended"
    assert "No audit run has ended" in rendered_table(facts).caption
    assert "not known" in early_stopping.caption(facts, early_stopping.compute(facts))
    arm.study.winners.clear()  # while the search goes on, more may be stopped
    assert audit.planned_runs(load_study(arm.study.write(tmp_path / "searching")), "sgd") == 2


def test_the_ledger_shows_audits_and_compares_none(new_study: "type[Study]", tmp_path: Path) -> None:
    """One arm audits two runs, the other none: planned as many as were stopped, no ratio, note or verdict."""
    study = one_ended_better(new_study)
    study.arms["adam"] = {"lr": LOG}
    for _ in range(4):
        study.winners["adam"] = study.add("adam", "search", epochs=4).run_id
    records = load_study(study.write(tmp_path))
    ledger = budget.compute_ledger(records)
    audits = ledger[ledger["phase"] == "audit"].set_index("arm")
    counts = ["planned", "ended", "completed", "planned_epochs", "epochs"]
    assert audits.loc["sgd", counts].tolist() == [2, 2, 2, 8, 8]
    assert audits.loc["adam", counts].tolist() == [0, 0, 0, 0, 0]
    assert audits["epochs_ratio"].isna().all()
    assert budget.inequalities(records) == []
    assert not any("audit" in note for note in budget.spending_notes(ledger))
    assert progress.progress(records) is None


def test_better_runs_are_a_warning(new_study: "type[Study]", tmp_path: Path) -> None:
    """Whoever reads the first lines learns of it."""
    (warning,) = caveats.warnings(Facts(load_study(one_ended_better(new_study).write(tmp_path))))
    assert warning == (
        "Early stopping ended runs that, trained again at full length, ended better than the winner (in "
        "brackets: by how much the best of them did): sgd in 1 of 1 search (5.00 pp)."
    )


def test_the_figure_draws_every_run_with_a_final_value(new_study: "type[Study]", tmp_path: Path) -> None:
    """Two completed and two audited points, the winner ringed at the line, one audited run above it."""
    facts = one_ended_better(new_study, unaudited=1).facts(tmp_path)
    frame = early_stopping.compute(facts)
    assert frame["fate"].value_counts().to_dict() == {"completed": 2, "audited": 2, "stopped": 1}
    (ax,) = early_stopping.draw(frame, arm_styles(facts.records.arms)).axes
    drawn = [c.get_offsets()[:, 1] for c in ax.collections if isinstance(c, PathCollection)]
    heights = sorted(float(height) for offsets in drawn for height in offsets)
    assert heights == pytest.approx([-15, -5, 0, 0, 5])  # the winner's point and its ring are both at 0
    assert [label.get_text() for label in ax.get_xticklabels()] == ["1\n1 of 2", "2\n1 of 1", "never\n2 runs"]
    assert "(n: sgd 2)" in early_stopping.caption(facts, frame)


@pytest.mark.parametrize(
    ("search", "said"),
    [
        ({}, "val_accuracy at the last epoch"),
        ({"average_epochs": 5}, "val_accuracy, mean of the last 5 epochs"),
        (
            {"winner": "best"},
            "val_accuracy at its best epoch, whose network confirm runs are tested with",
        ),
        (
            {"sampler": "grid", "seeds": 3, "early_stopping": "none", "audit": 0},
            "val_accuracy at the last epoch, averaged over 3 search seeds",
        ),
    ],
)
def test_the_winners_rule_is_told(
    new_study: "type[Study]", tmp_path: Path, search: dict[str, Any], said: str
) -> None:
    """In words, under the protocol; captions name the same epoch."""
    study = one_ended_better(new_study, **search)
    study.confirm("sgd", [0.90, 0.91])
    facts = study.facts(tmp_path)
    assert dict(provenance.protocol(facts.records))["Winner's rule"] == said
    blocks: dict[str, Table[Any] | Plot] = {**TABLES, **PLOTS}
    named = {name: blocks[name] for name in ("search", "results", "learning_rates")}
    captions = {name: block.caption(facts, block.compute(facts)) for name, block in named.items()}
    is_best = "best" in said
    assert said.removesuffix(", whose network confirm runs are tested with") in captions.pop("search")
    for caption in captions.values():
        assert ("epoch with the best val_accuracy" in caption) == is_best
        assert ("last epoch" in caption) == (not is_best)


@given(
    st.lists(st.floats(0, 10), min_size=1, max_size=12),
    st.sampled_from(["val_loss", "val_accuracy"]),
    st.sampled_from([("last", 1), ("last", 3), ("best", 1)]),
)
def test_the_report_values_runs_as_the_search_did(
    values: list[float], metric: Any, rule: tuple[Any, int]
) -> None:
    """The two packages may not import each other; their rules agree."""
    search = Search(trials=1, metric=metric, winner=rule[0], average_epochs=rule[1]).filled()
    read = WinnerRule(
        metric=metric,
        sign=1 if search.mode == "max" else -1,
        is_best_epoch=search.winner == "best",
        average_epochs=search.average_epochs,
        seeds=1,
    )
    assert read.value(values) == run_value(values, search)


def test_recorded_winners_are_the_best_by_the_rule() -> None:
    """In the reference results, read as they are, no completed run beats the winner of its search."""
    records = load_study(REFERENCE)
    rule = WinnerRule.of(records.declaration)
    search = records.runs_of("search")
    for (arm, repeat), runs in search[search["status"] == "completed"].groupby(["arm", "repeat"]):
        curves = audit.metric_curves(records, list(runs["run_id"]), rule.metric)
        best = max(curves, key=lambda run_id: rule.sign * rule.value(curves[run_id]))
        assert records.winners_by_repeat[str(arm)][int(repeat)] == best
