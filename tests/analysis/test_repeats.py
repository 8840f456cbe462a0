"""A study that repeats its searches, from its journal to its report."""

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from analysis.blocks.results import RESULTS
from analysis.blocks.variance import compute as compute_variance
from analysis.facts import Facts
from analysis.records import load_study
from analysis.report import write_report
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


def test_the_spread_of_repeats_is_told_from_that_of_seeds(repeated: "Study", tmp_path: Path) -> None:
    """Means of 81, 82 and 83 % are what seeds that spread by the root of 2 pp squared make of one truth."""
    frame = compute_variance(Facts(load_study(repeated.write(tmp_path))))
    sgd = frame[frame["arm"] == "sgd"].set_index("source")
    assert sgd.loc["searches", "deviation"] == pytest.approx(0.0, abs=1e-8)  # 1 - 2 / 2 pp squared
    assert sgd.loc["searches", "n"] == 3
    assert sgd.loc["seeds", "deviation"] == pytest.approx(2**0.5 / 100)


def test_a_report_is_written(repeated: "Study", tmp_path: Path) -> None:
    """Whole, with every block that is for such a study."""
    folder = repeated.write(tmp_path)
    write_report(folder)
    text = (folder / "report" / "report.md").read_text(encoding="utf-8")
    assert "the first of 3 searches" in text
    assert "not measured: the search ran once" not in text
