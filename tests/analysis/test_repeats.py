"""A study that repeats its searches, from its journal to its report."""

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from analysis.blocks.results import RESULTS
from analysis.facts import Facts
from analysis.load import load_study
from analysis.page import caveats
from analysis.replicates import uses_no_seed
from analysis.report import write_report
from analysis.variance import sources_of_noise
from harness.commands.planning.measured import Earlier
from harness.errors import ResultsError
from harness.study.seeds import confirm_seeds, search_seeds

if TYPE_CHECKING:
    from tests.analysis.conftest import Study

LOG = {"low": 1e-4, "high": 1.0, "log": True}
RATES = {0: 0.02, 1: 0.05, 2: 0.9}
"""What each search chose; the last lies at the upper edge."""


@pytest.fixture
def repeated(new_study: "type[Study]") -> "Study":
    """Return a study of two arms, three searches each of two runs, and two confirm runs a search."""
    study = new_study(
        arms={"sgd": {"lr": LOG}, "adam": {"lr": LOG}}, search_settings={"repeats": 3, "trials": 2}
    )
    study.confirm_runs = 6
    for arm in study.arms:
        for repeat, rate in RATES.items():
            (seed,) = search_seeds(0, arm, repeat, 1)
            for number, lr in enumerate((rate, 0.001)):
                run_id = f"{arm}-r{repeat}-search-{number:04d}"
                study.add(arm, "search", repeat=repeat, number=number, run_id=run_id, lr=lr, seed=seed)
            study.winners_of_repeats[arm, repeat] = f"{arm}-r{repeat}-search-0000"
            fresh = confirm_seeds(0, arm, repeat, 2, common=False)
            for number, (seed, accuracy) in enumerate(zip(fresh, (0.80, 0.82), strict=True)):
                study.add(
                    arm, "confirm", repeat=repeat, number=number, seed=seed, lr=rate,
                    run_id=f"{arm}-r{repeat}-confirm-{number:04d}", test_accuracy=accuracy + repeat / 100,
                )  # fmt: skip
    return study


def test_every_repeat_has_its_winner_and_its_confirm_runs(repeated: "Study", tmp_path: Path) -> None:
    """In the order of repeats; rows say which they belong to."""
    records = load_study(repeated.write(tmp_path))
    assert records.winners_of("sgd") == [f"sgd-r{repeat}-search-0000" for repeat in range(3)]
    assert records.winners == {"sgd": "sgd-r0-search-0000", "adam": "adam-r0-search-0000"}
    confirm = records.runs_of("confirm", "adam")
    assert list(confirm["repeat"]) == [0, 0, 1, 1, 2, 2]
    assert set(records.runs["dataset"]) == {"fashion_mnist"}


def test_an_arm_that_no_seed_changes_is_found_within_its_repeats(repeated: "Study", tmp_path: Path) -> None:
    """Its searches choose differently, but the seeds of each give the same to the last digit."""
    for run in repeated.runs:
        if run.phase == "confirm" and run.arm == "sgd":
            run.test_accuracy = 0.8 + run.repeat / 100
    records = load_study(repeated.write(tmp_path))
    assert uses_no_seed(records, "sgd")
    assert not uses_no_seed(records, "adam")


def test_a_seed_of_another_repeat_is_a_stranger(repeated: "Study", tmp_path: Path) -> None:
    """Each repeat of each arm has seeds of its own."""
    runs = {run.run_id: run for run in repeated.runs}
    runs["sgd-r1-confirm-0000"].seed = runs["sgd-r2-confirm-0000"].seed
    with pytest.raises(ResultsError, match=r"run sgd-r1-confirm-0000 has a seed that declaration\.json"):
        load_study(repeated.write(tmp_path))


def test_the_chosen_rates_of_all_repeats_are_shown(repeated: "Study", tmp_path: Path) -> None:
    """Their range and number; one at an edge is enough for the mark."""
    facts = Facts(load_study(repeated.write(tmp_path)))
    table = RESULTS.table.rendered("results", facts)
    assert "0.02 to 0.9 (3 repeats) (edge ↑)" in table.markdown()


def test_the_chosen_optimizers_of_all_repeats_are_shown(repeated: "Study", tmp_path: Path) -> None:
    """Not only the first one's."""
    for run in repeated.runs:
        run.configuration["optimizer"] = "adam" if run.repeat else "sgd"
    frame = RESULTS.table.compute(Facts(load_study(repeated.write(tmp_path))))
    assert set(frame["optimizer"]) == {"adam or sgd"}


def test_a_further_study_is_planned_by_the_spread_of_repeats(repeated: "Study", tmp_path: Path) -> None:
    """Repeats of as many seeds vary as these do; those of one seed by half the variance of seeds more."""
    earlier = Earlier.of(repeated.write(tmp_path), ["sgd"])
    two, one = (earlier.noise("test_accuracy", seeds) for seeds in (2, 1))
    assert two is not None and two.repeat is not None  # noqa: PT018
    assert one is not None and one.repeat is not None  # noqa: PT018
    assert two.repeat.likely == pytest.approx(0.01)
    assert one.repeat.likely == pytest.approx((0.01**2 + 0.02 / 100 / 2) ** 0.5)
    assert two.paired is None
    assert "6 runs of 1 arm; 3 repeats of 2 seeds" in two.origin


def test_the_spread_of_repeats_is_told_from_that_of_seeds(repeated: "Study", tmp_path: Path) -> None:
    """Means 81, 82, 83 %: variance 1 pp², as much as two seeds with a variance of 2 pp² make of it alone."""
    frame = sources_of_noise(Facts(load_study(repeated.write(tmp_path))))
    sgd = frame[frame["arm"] == "sgd"].set_index("source")
    assert sgd.loc["search", "deviation"] == pytest.approx(0, abs=1e-6)
    assert sgd.loc["search", "n"] == 3
    assert sgd.loc["seed", "deviation"] == pytest.approx(2**0.5 / 100)


def test_a_report_is_written(repeated: "Study", tmp_path: Path) -> None:
    """Whole, with every block that is for such a study."""
    folder = repeated.write(tmp_path)
    write_report(folder)
    text = (folder / "report" / "report.md").read_text(encoding="utf-8")
    assert "the first of 3 searches" in text
    assert "not measured: the search ran once" not in text


def test_arms_at_the_same_edge_share_a_warning(repeated: "Study", tmp_path: Path) -> None:
    """Many arms would fill the first screen otherwise."""
    facts = Facts(load_study(repeated.write(tmp_path)))
    [warning] = [sentence for sentence in caveats.warnings(facts) if "edge" in sentence]
    assert "upper edge" in warning
    assert warning.index("sgd (") < warning.index("adam (")
