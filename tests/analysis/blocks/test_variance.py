"""What noise dominates: seeds, test set, epochs."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from analysis.blocks import variance
from analysis.blocks.variance import VARIANCE, deviation_interval

if TYPE_CHECKING:
    from tests.analysis.conftest import Study

ABSENT = "\N{EN DASH}"
LOG = {"low": 1e-4, "high": 1.0, "log": True}
BENT = [-0.01, 0.01, 0.0, 0.01, -0.01]
"""Has mean 0, slope 0, and a sum of squares of 4e-4: a variance of 4e-4 / 3 with 5 - 2 degrees of freedom."""


def by_source(frame: pd.DataFrame, arm: str = "sgd") -> dict[str, dict[str, Any]]:
    """Return the rows of an arm by their source."""
    rows = frame[frame["arm"] == arm].to_dict("records")
    return {str(row["source"]): {str(name): value for name, value in row.items()} for row in rows}


def test_spread_of_seeds_has_a_chi_square_interval(new_study: "type[Study]", tmp_path: Path) -> None:
    """Of .90, .91, .92 the deviation is .01; 2 / 7.37776 and 2 / .0506356 are its ends' squares."""
    study = new_study(arms={"sgd": {}})
    study.confirm("sgd", [0.90, 0.91, 0.92])
    seeds = by_source(variance.compute(study.facts(tmp_path)))["seeds"]
    assert seeds["n"] == 3
    assert seeds["deviation"] == pytest.approx(0.01)
    assert [seeds["low"], seeds["high"]] == pytest.approx([0.0052066, 0.0628475], abs=1e-6)


@given(st.integers(2, 50), st.floats(0.5, 0.99))
def test_the_interval_is_that_of_the_chi_square_test(n: int, level: float) -> None:
    """A deviation at an end of the interval has the measured one exactly at a tail of its law."""
    low, high = deviation_interval(1.0, n, level)
    assert stats.chi2.sf((n - 1) / low**2, n - 1) == pytest.approx((1 - level) / 2)
    assert stats.chi2.cdf((n - 1) / high**2, n - 1) == pytest.approx((1 - level) / 2)


def test_the_test_set_has_a_binomial_error(new_study: "type[Study]", tmp_path: Path) -> None:
    """The root of .9 * .1 / 10 000 is .003, whatever the number of seeds."""
    study = new_study(arms={"sgd": {}})
    study.confirm("sgd", [0.88, 0.92])
    row = by_source(variance.compute(study.facts(tmp_path)))["test set"]
    assert (row["deviation"], row["n"]) == (pytest.approx(0.003), 10_000)


def test_epochs_wobble_around_a_line(new_study: "type[Study]", tmp_path: Path) -> None:
    """One run bent on a slope, one straight: the root of half of 4e-4 / 3 is .0081650.

    A jump before the last five epochs is not in it, and a run of four epochs is left out.
    """
    study = new_study(arms={"sgd": {}}, max_epochs=6)
    bent = [0.1, *(0.8 + 0.02 * epoch + bend for epoch, bend in enumerate(BENT))]
    straight = [0.1, *(0.8 - 0.01 * epoch for epoch in range(5))]
    for seed, curve in enumerate((bent, straight, [0.1, 0.9, 0.1, 0.9])):
        study.add("sgd", "confirm", seed=seed, epochs=len(curve), curve={"val_accuracy": curve})
    row = by_source(variance.compute(study.facts(tmp_path)))["epochs"]
    assert row["n"] == 2
    assert row["deviation"] == pytest.approx(0.0081650, abs=1e-7)


def test_runs_of_few_epochs_have_no_wobble(new_study: "type[Study]", tmp_path: Path) -> None:
    """Three epochs a run: not measured, and n says so."""
    study = new_study(arms={"sgd": {}})
    study.confirm("sgd", [0.90, 0.91])
    cells = variance.lay_out(variance.compute(study.facts(tmp_path)))
    assert cells.iloc[0, 3] == f"{ABSENT} (n = 0)"


def test_a_diverged_seed_voids_the_spread(new_study: "type[Study]", tmp_path: Path) -> None:
    """The survivors alone would flatter the arm."""
    study = new_study(arms={"sgd": {}})
    study.confirm("sgd", [0.90, 0.91])
    study.add("sgd", "confirm", seed=9, status="diverged", epochs=1)
    facts = study.facts(tmp_path)
    frame = variance.compute(facts)
    assert frame["deviation"].isna().all()
    assert variance.lay_out(frame).iloc[0, 1] == f"{ABSENT} (1 diverged, n = 2)"
    assert "A diverged seed voids" in variance.caption(facts, frame)


def test_one_seed_has_no_spread(new_study: "type[Study]", tmp_path: Path) -> None:
    """A deviation takes two; the error of the test set does not."""
    study = new_study(arms={"sgd": {}})
    study.confirm("sgd", [0.9])
    cells = variance.lay_out(variance.compute(study.facts(tmp_path))).iloc[0].tolist()
    assert cells[:3] == ["sgd", f"{ABSENT} (n = 1)", "0.30 (n = 10,000)"]


def test_searches_are_not_measured(new_study: "type[Study]", tmp_path: Path) -> None:
    """One search says nothing about others; a fixed arm has none."""
    study = new_study(arms={"sgd": {"lr": LOG}, "fixed": {}})
    study.search("sgd", [0.1], best=0.1)
    for arm in study.arms:
        study.confirm(arm, [0.90, 0.91])
    frame = variance.compute(study.facts(tmp_path))
    assert (by_source(frame)["searches"]["n"], by_source(frame, "fixed")["searches"]["n"]) == (1, 0)
    assert variance.lay_out(frame)["Searches: SD of test accuracy (pp)"].tolist() == [
        "not measured: the search ran once",
        "nothing was searched",
    ]


def test_equal_seeds_have_a_spread_of_zero(new_study: "type[Study]", tmp_path: Path) -> None:
    """Identical values are shown as 0 and not as a rounding error."""
    study = new_study(arms={"sgd": {}})
    study.confirm("sgd", [0.9, 0.9, 0.9])
    cells = variance.lay_out(variance.compute(study.facts(tmp_path)))
    assert cells.iloc[0, 1] == "0 (0 to 0, n = 3)"


def test_only_with_a_confirm_phase(measured: "Study", tmp_path: Path) -> None:
    """No other run sees the test set."""
    assert not VARIANCE.table.is_for(measured.facts(tmp_path))
