"""Published values beside measured ones, and published single runs as what they are."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from scipy import stats

from analysis.blocks.published import PUBLISHED, compute
from analysis.facts import Facts
from harness.declaration import Declaration
from harness.records.folder import ResultsFolder

if TYPE_CHECKING:
    from tests.analysis.conftest import Study

FIVE = [0.90, 0.91, 0.92, 0.93, 0.94]
"""Mean .92, s = .015811: single runs lie in .92 ± 2.776445 * .015811 * sqrt(1.2) = .871910 to .968090."""

STUDY_A = {
    "table 1": {"sgd": 0.8603, "sgd_high_lr": 0.8703, "rmsprop": 0.8794, "adam": 0.8841},
    "table 2": {"base": 0.8603, "dropout": 0.8742},
    "table 3": {
        "default": 0.8603,
        "random_normal": 0.8611,
        "xavier_normal": 0.8720,
        "kaiming_uniform": 0.8733,
    },
    "table 4": {"base": 0.8603, "batch_norm": 0.8774},
}
"""Test accuracies that the report of study A concludes from, one run each."""


def publish(study: "Study", path: Path, published: dict[str, list[dict[str, Any]]]) -> Facts:
    """Write a study with published values; return its facts."""
    study.published = published
    return study.facts(path)


def run_of(source: str = "study A", **values: float) -> dict[str, Any]:
    """Return one published run as the manifest holds it."""
    return {"source": source, "note": None, "at": None, "values": values, "notes": {}}


@pytest.mark.parametrize(
    ("value", "position", "excess"),
    [
        (0.95, "within", 0.0),  # outside the interval of the mean, .9004 to .9396
        (0.8603, "below", 0.871910 - 0.8603),
        (0.98, "above", 0.98 - 0.968090),
    ],
)
def test_a_published_run_is_judged_as_a_single_run(
    new_study: "type[Study]", tmp_path: Path, value: float, position: str, excess: float
) -> None:
    """By the interval of one further run, not by that of the mean; outside, side and distance are told."""
    study = new_study(arms={"a": {}})
    study.confirm("a", FIVE)
    facts = publish(study, tmp_path, {"a": [run_of(test_accuracy=value)]})
    (row,) = compute(facts).to_dict("records")
    assert (row["low"], row["high"]) == (pytest.approx(0.871910, abs=2e-6), pytest.approx(0.968090, abs=2e-6))
    assert (row["n"], row["mean"], row["position"]) == (5, pytest.approx(0.92), position)
    assert row["excess"] == pytest.approx(excess, abs=2e-6)


def test_the_table_says_how_far_and_why(new_study: "type[Study]", tmp_path: Path) -> None:
    """Percent, percentage points, the note of the run and that of the value; two runs are two rows."""
    study = new_study(arms={"a": {}})
    study.confirm("a", FIVE)
    first = run_of("study A, table 1", test_accuracy=0.8603) | {
        "note": "another rate",
        "notes": {"test_accuracy": "one seed"},
    }
    facts = publish(study, tmp_path, {"a": [first, run_of("notebook", test_accuracy=0.91)]})
    table = PUBLISHED.table.rendered("published", facts)
    cells = table.cells
    assert list(cells.iloc[0]) == [
        "a",
        "test accuracy (%)",
        "86.03",
        "92.0 ± 2.0",
        "5",
        "87.2 to 96.8",
        "1.2 pp below",
        "study A, table 1",
        "another rate; one seed",
    ]
    assert list(cells["Published lies"]) == ["1.2 pp below", "within"]
    assert "Of 2 judged values 1 lie outside" in table.caption


@pytest.mark.parametrize(
    ("accuracies", "reason"),
    [([], "no run of ours has it"), ([0.9], "single seed of ours: no spread to judge by")],
)
def test_too_few_seeds_judge_nothing(
    new_study: "type[Study]", tmp_path: Path, accuracies: list[float], reason: str
) -> None:
    """The value is shown, and why it is not judged."""
    study = new_study(arms={"a": {}}, confirm_runs=2)
    study.confirm("a", accuracies)
    facts = publish(study, tmp_path, {"a": [run_of(test_accuracy=0.8603)]})
    (row,) = compute(facts).to_dict("records")
    assert (row["position"], row["reason"], row["published"]) == (None, reason, 0.8603)


def test_a_diverged_run_judges_nothing(new_study: "type[Study]", tmp_path: Path) -> None:
    """The survivors' spread is not that of a run."""
    study = new_study(arms={"a": {}})
    study.confirm("a", FIVE)
    study.add("a", "confirm", seed=999, status="diverged", epochs=1)
    facts = publish(study, tmp_path, {"a": [run_of(test_accuracy=0.8603)]})
    (row,) = compute(facts).to_dict("records")
    assert (row["n"], row["reason"]) == (0, "a run of ours diverged")


def test_times_are_shown_and_not_judged(new_study: "type[Study]", tmp_path: Path) -> None:
    """Seconds of another machine."""
    study = new_study(arms={"a": {}})
    study.confirm("a", FIVE)
    facts = publish(study, tmp_path, {"a": [run_of(train_seconds=819.0)]})
    (cells,) = PUBLISHED.table.lay_out(compute(facts)).to_dict("records")
    assert (cells["Published"], cells["Measured"], cells["Published lies"]) == (
        "819",
        "6.0 ± 0",
        "another machine",
    )


def test_one_point_of_a_grid_stands_beside_its_own_value(new_study: "type[Study]", tmp_path: Path) -> None:
    """With `at`, the search runs of that point are meant, a seed each."""
    study = new_study(arms={"a": {"lr": {"grid": [0.01, 0.1]}}}, search_settings={"sampler": "grid"})
    for rate, loss in ((0.01, 0.5), (0.1, 0.3)):
        for seed in range(4):
            study.add("a", "search", lr=rate, seed=seed, val_loss=loss + 0.01 * seed)
    study.winners = {"a": "a-search-004"}
    run = run_of("study B", val_loss=0.52) | {"at": {"lr": 0.01}}
    (row,) = compute(publish(study, tmp_path, {"a": [run]})).to_dict("records")
    assert (row["n"], row["mean"], row["position"], row["at"]) == (
        4,
        pytest.approx(0.515),
        "within",
        "lr 0.01",
    )


def test_only_studies_with_published_values_mention_them(reported: Path, tuned_report: Path) -> None:
    """Both documents have the section, or neither, and no file either."""
    for folder, has_section in ((tuned_report, False), (reported, True)):
        report = ResultsFolder(folder).report
        for name in ("report.md", "index.html"):
            assert ("Published values" in (report / name).read_text(encoding="utf-8")) == has_section
        assert (report / "tables" / "published.csv").exists() == has_section


def test_manifests_of_older_studies_have_no_published_values(
    new_study: "type[Study]", tmp_path: Path
) -> None:
    """The field is optional."""
    folder = ResultsFolder(new_study(arms={"a": {}}).write_older(tmp_path))
    text = folder.manifest.read_text(encoding="utf-8")
    assert '"published": {}' in text
    folder.manifest.write_text(text.replace('  "published": {},\n', ""), encoding="utf-8")
    assert Declaration.read(folder).published == {}


@pytest.mark.parametrize("table", list(STUDY_A))
def test_published_single_runs_prove_nothing(new_study: "type[Study]", tmp_path: Path, table: str) -> None:
    """Replayed as the single runs they are, the tables of study A support none of their conclusions."""
    accuracies = STUDY_A[table]
    study = new_study(arms={arm: {} for arm in accuracies})
    for arm, accuracy in accuracies.items():
        study.confirm(arm, [accuracy])
    first, *rest = accuracies
    study.claims = [
        *(
            {"says": f"{arm} is better.", "better": {"arm": arm, "than": first, "metric": "test_accuracy"}}
            for arm in rest
        ),
        {"says": "The last is best.", "best": {"arm": rest[-1], "metric": "test_accuracy"}},
        {"says": "All are equal.", "equal": {"arms": list(accuracies), "metric": "test_accuracy"}},
    ]
    for verdict in study.facts(tmp_path).verdicts:
        assert verdict.ruling == "not testable"
        assert verdict.reason.startswith("single seed")
        assert verdict.as_row()["effect"] is None


def test_repeated_searches_are_what_n_counts(repeated_sizes: "Study", tmp_path: Path) -> None:
    """One further run of a further search: s^2 = .0025 between searches and .0002 within, half of it missing.

    Variances .0025 * 4/3 and .0001, of 2 and 3 degrees of freedom: sqrt(.0034333) = .058595 with df 2.1205.
    """
    published = {"sgd@batch_size=16": [run_of(test_accuracy=0.64), run_of(test_accuracy=0.60)]}
    facts = publish(repeated_sizes, tmp_path, published)
    within, below = compute(facts).to_dict("records")
    assert (within["n"], within["half_width"]) == (3, pytest.approx(0.124207, abs=1e-6))
    reach = 0.86 - within["low"]
    assert reach == pytest.approx(within["high"] - 0.86)
    assert reach == pytest.approx(stats.t.ppf(0.975, 2.1205) * 0.058595, abs=1e-5)
    assert (within["position"], below["position"]) == ("within", "below")
    told = "over the n repeats; of repeats, the variance of runs within one is added"
    assert told in PUBLISHED.table.caption(facts, compute(facts))
