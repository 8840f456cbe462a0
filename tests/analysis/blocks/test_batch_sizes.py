"""Batch sizes: what each costs, how soon it is at a common loss, and what may not be compared."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from matplotlib.collections import PathCollection

from analysis.blocks.batch_sizes import BATCH_SIZES
from analysis.render.figure import arm_styles

if TYPE_CHECKING:
    from tests.analysis.conftest import Study

LR = {"low": 1e-3, "high": 1.0, "log": True}

CURVES = {
    16: [[0.6, 0.4, 0.3], [0.5, 0.4, 0.3]],
    64: [[0.7, 0.5, 0.38], [0.6, 0.5, 0.42]],
}
"""Batch size to the validation losses of two seeds after each epoch: size 64 ends at 0.40 on average."""


def sized(study: "Study", *, rates: dict[int, float] | None = None, **values: Any) -> "Study":
    """Add a template with two batch sizes, each with its own rate (or a fixed one) and two confirm seeds."""
    for size, curves in CURVES.items():
        arm = f"sgd@batch_size={size}"
        study.arms[arm] = {"lr": LR} if rates else {}
        study.fixed[arm] = {"optimizer": "sgd", "batch_size": size}
        if rates:
            study.search(arm, [rates[size]], best=rates[size])
        for seed, curve in enumerate(curves, start=100):
            study.add(arm, "confirm", seed=seed, val_loss=curve[-1], curve={"val_loss": curve}, **values)
    return study


@pytest.fixture
def tuned(new_study: "type[Study]") -> "Study":
    """Return the template with rates of 0.1 and 0.97, the latter at the edge of its range."""
    return sized(new_study(arms={}), rates={16: 0.1, 64: 0.97})


TABLE, FIGURE = BATCH_SIZES.table, BATCH_SIZES.plot


def test_the_target_is_the_worst_mean_at_the_end(tuned: "Study", tmp_path: Path) -> None:
    """Size 64 ends at (.38 + .42) / 2; size 16 is there after two epochs, one run of 64 after three."""
    frame = tuned.facts(tmp_path).batch_sizes
    assert frame["target"].tolist() == pytest.approx([0.40, 0.40])
    assert frame["reached"].tolist() == [2, 1]
    assert frame["epochs_to"].tolist() == [2.0, 3.0]
    assert frame["steps_to"].tolist() == [212.0, 318.0]  # 106 steps an epoch
    assert frame["epochs_to_half_width"].isna().tolist() == [False, True]


def test_both_budgets_stand_beside_the_results(tuned: "Study", tmp_path: Path) -> None:
    """Three epochs of 106 steps; loss and accuracy as means with t-intervals, rates with their edge."""
    facts = tuned.facts(tmp_path)
    frame = facts.batch_sizes
    assert frame[["budget_epochs", "budget_steps"]].to_numpy().tolist() == [[3, 318], [3, 318]]
    cells = TABLE.lay_out(frame)
    assert cells["Learning rate"].tolist() == ["0.1", "0.97 (edge ↑)"]
    assert cells["Epochs to target"].tolist() == ["2.0 ± 0", "> 3.0"]
    assert cells["Reach it"].tolist() == ["2 of 2", "1 of 2"]
    assert cells["Validation loss"].tolist() == ["0.3000 ± 0", "0.40 ± 0.25"]
    assert "upper" in frame["edge"].tolist()
    caption = TABLE.caption(facts, frame)
    assert "(sgd 0.4)" in caption
    assert "favours small batches" in caption
    assert "Nothing is said of quality" not in caption


def test_without_a_tuned_rate_nothing_is_said_of_quality(new_study: "type[Study]", tmp_path: Path) -> None:
    """Arms with one fixed rate are compared by their costs only."""
    facts = sized(new_study(arms={})).facts(tmp_path)
    frame = facts.batch_sizes
    assert TABLE.lay_out(frame)["Learning rate"].tolist() == ["0.01, fixed"] * 2
    assert "Nothing is said of quality: the learning rate was not tuned" in TABLE.caption(facts, frame)
    numbers = FIGURE.compute(facts)
    assert "fixed where hollow" in FIGURE.caption(facts, numbers)


def test_a_diverged_seed_voids_the_means_and_counts_as_missing(tuned: "Study", tmp_path: Path) -> None:
    """Size 64 then has no mean, so that the target is the end of size 16; its runs still count."""
    tuned.add("sgd@batch_size=64", "confirm", seed=102, status="diverged", epochs=2)
    frame = tuned.facts(tmp_path).batch_sizes
    assert frame["target"].tolist() == pytest.approx([0.30, 0.30])
    assert frame["val_loss"].isna().tolist() == [False, True]
    assert frame[["reached", "runs", "n"]].to_numpy().tolist() == [[2, 2, 2], [0, 3, 2]]
    assert TABLE.lay_out(frame)["n"].tolist() == ["2", "2 (1 diverged)"]


def test_the_first_epoch_does_not_count_in_seconds(tuned: "Study", tmp_path: Path) -> None:
    """A first epoch of 100 s changes nothing: the others take 2 s."""
    for run in tuned.runs:
        run.curve = {**run.curve, "seconds": [100.0, 2.0, 2.0]}
    frame = tuned.facts(tmp_path).batch_sizes
    assert frame["epoch_seconds"].tolist() == [2.0, 2.0]
    assert frame["is_comparable"].all()


def test_seconds_of_runs_side_by_side_are_flagged(tuned: "Study", tmp_path: Path) -> None:
    """A confirm run that was beside another one makes the heading and the caption say so."""
    facts = tuned.facts(tmp_path)
    runs = facts.records.runs
    runs.loc[runs["phase"] == "confirm", "concurrency"] = 2
    frame = facts.batch_sizes
    assert "Seconds an epoch, not comparable" in TABLE.lay_out(frame)
    assert "cannot be compared between sizes: 4 of 4 runs shared" in TABLE.caption(facts, frame)


def test_a_measured_grid_has_only_what_other_tables_lack(measured: "Study", tmp_path: Path) -> None:
    """Its losses stand in the response, its seconds in the timing; the figure would repeat both."""
    facts = measured.facts(tmp_path)
    assert TABLE.is_for(facts)
    assert not FIGURE.is_for(facts)
    cells = TABLE.lay_out(facts.batch_sizes)
    assert list(cells) == [
        "Arm",
        "Batch size",
        "Learning rate",
        "Epochs",
        "Steps",
        "Steps an epoch",
        "Epochs to target",
        "Steps to target",
        "Reach it",
        "n",
    ]
    assert cells["Batch size"].tolist() == ["64", "256", "1024"] * 2


def test_runs_without_a_value_are_counted_above_the_panel(tuned: "Study", tmp_path: Path) -> None:
    """One of two runs of size 64 misses the target: a cross in the panels of the way to it, a hollow mean."""
    facts = tuned.facts(tmp_path)
    frame = FIGURE.compute(facts)
    axes = FIGURE.draw(frame, arm_styles(facts.records.arms)).axes
    crosses = [sum(line.get_marker() == "x" for line in ax.lines) for ax in axes]
    assert crosses == [0, 0, 0, 0, 1, 1]
    seeds = frame[frame["kind"] == "seed"].groupby("quantity").size().to_dict()
    assert seeds == dict.fromkeys(["val_loss", "test_accuracy", "epochs_to", "steps_to"], 4)
    dots = [len(c.get_offsets()) for c in axes[1].collections if isinstance(c, PathCollection)]
    assert dots == [4, 0, 2]


def test_one_seed_has_no_interval(new_study: "type[Study]", tmp_path: Path) -> None:
    """A single run a size is shown alone."""
    study = sized(new_study(arms={}), rates={16: 0.1, 64: 0.2})
    study.runs = [run for run in study.runs if run.seed != 101]
    facts = study.facts(tmp_path)
    cells = TABLE.lay_out(facts.batch_sizes)
    assert cells["Validation loss"].tolist() == ["0.3000", "0.3800"]
    frame = FIGURE.compute(facts)
    assert frame["low"].isna().all()
    assert "16 with rate 0.1, 87.00 %, 318 steps" in FIGURE.alt(frame)


def test_an_unfinished_study_says_why_it_is_empty(new_study: "type[Study]", tmp_path: Path) -> None:
    """Planned confirm runs without one that ended."""
    study = sized(new_study(arms={}), rates={16: 0.1, 64: 0.2})
    study.runs = [run for run in study.runs if run.phase == "search"]
    study.confirm_runs = 2
    facts = study.facts(tmp_path)
    frame = facts.batch_sizes
    assert frame.empty
    assert TABLE.caption(facts, frame).startswith("No batch size is shown")
    assert next(iter(TABLE.lay_out(frame))) == "Arm"
    assert FIGURE.caption(facts, FIGURE.compute(facts)).startswith("No batch size")


def test_other_studies_have_no_batch_sizes(three_arms: "Study", tmp_path: Path) -> None:
    """Arms that differ in the optimizer are compared as arms."""
    facts = three_arms.facts(tmp_path)
    assert not TABLE.is_for(facts)
    assert not FIGURE.is_for(facts)


def test_repeated_searches_are_what_n_counts(repeated_sizes: "Study", tmp_path: Path) -> None:
    """The first search of size 16 is at the target after one epoch, the others after three: s = 1.154701."""
    for run in repeated_sizes.runs:
        if run.arm == "sgd@batch_size=16" and run.phase == "confirm" and run.repeat == 0:
            run.curve = {"val_loss": [0.4, 0.4, 0.4]}
    facts = repeated_sizes.facts(tmp_path)
    small, large = facts.batch_sizes.to_dict("records")
    assert [(row["runs"], row["n"], row["reached"]) for row in (small, large)] == [(6, 3, 6)] * 2
    assert small["test_accuracy_half_width"] == pytest.approx(0.124207, abs=1e-6)
    assert (small["epochs_to"], large["epochs_to"]) == (pytest.approx(7 / 3), 3.0)
    assert small["epochs_to_half_width"] == pytest.approx(4.302653 * 1.154701 / 3**0.5, abs=1e-5)
    drawn = FIGURE.compute(facts)
    bars = drawn.query("kind == 'mean' and quantity in ('test_accuracy', 'epochs_to')")
    assert set(bars["n"]) == {3}
    assert "n repeats" in TABLE.caption(facts, facts.batch_sizes)
    assert "over the repeats, n = 3 a size" in FIGURE.caption(facts, drawn)
