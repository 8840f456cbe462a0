"""Statistics over the levels of a factor, by hand and by simulation."""

import numpy as np
import pytest
from scipy import stats

from analysis.statistics import factors


def test_slopes_of_exact_lines() -> None:
    """One slope a seed, over levels that are not evenly spaced."""
    values = np.array([[0.0, 1.0, 3.0], [5.0, 3.0, -1.0], [2.0, 2.0, 2.0]])
    assert factors.slopes([0, 1, 3], values) == pytest.approx([1.0, -2.0, 0.0])


def test_slope_of_a_bent_line() -> None:
    """Levels 0, 1, 2 with values 0, 0, 3: (-1 * 0 + 0 * 0 + 1 * 3) / 2 = 1.5."""
    assert factors.slopes([0, 1, 2], np.array([[0.0, 0.0, 3.0]])) == pytest.approx([1.5])


@pytest.mark.parametrize(
    ("rows", "tau"),
    [
        ([[1, 2, 3]], 1.0),
        ([[3, 2, 1]], -1.0),
        ([[1, 3, 2]], 1 / 3),  # two pairs of three in order
        ([[1, 2, 3], [3, 2, 1]], 0.0),
        ([[2, 2, 2]], 0.0),
    ],
)
def test_rank_correlation(rows: list[list[float]], tau: float) -> None:
    """Kendall's tau, averaged over seeds."""
    assert factors.rank_correlation([1, 10, 100], np.array(rows, dtype=float)) == pytest.approx(tau)


def test_the_largest_of_two_levels() -> None:
    """Differences 1, 2, 3: t = 3.4641 on 2 degrees, one-sided p = .03709; the larger one has the rest."""
    values = np.array([[0.0, 1.0], [0.0, 2.0], [0.0, 3.0]])
    assert factors.not_the_largest(values) == pytest.approx([0.03709, 0.96291], abs=1e-5)


def test_three_levels_are_corrected_for_two_rivals() -> None:
    """The third level is far below, so the first one's p is twice that against the second."""
    values = np.array([[0.0, 1.0, -90.0], [0.0, 2.0, -91.0], [0.0, 3.0, -93.0]])
    assert factors.not_the_largest(values)[0] == pytest.approx(2 * 0.03709, abs=1e-4)


def test_equal_levels_refute_nothing() -> None:
    """Identical values refute no level; one ahead by the same amount for every seed refutes all others."""
    values = np.array([[1.0, 1.0, 1.0], [2.0, 2.0, 2.0]])
    assert factors.not_the_largest(values).tolist() == [1.0, 1.0, 1.0]
    assert factors.not_the_largest(values + np.array([0, 0, 1])).tolist() == [0.0, 0.0, 1.0]


@pytest.mark.parametrize("n", [3, 5, 10])
def test_the_best_level_stays_in_the_set(n: int) -> None:
    """Seven close levels, noise shared within a seed: the best is refuted in at most 5 % of 1 000 studies."""
    generator = np.random.default_rng(n)
    means = np.array([0.0, 0.6, 1.0, 1.1, 1.0, 0.4, 0.0])
    refuted = 0
    for _ in range(1000):
        values = means + generator.normal(size=(n, 7)) + generator.normal(size=(n, 1))
        refuted += factors.not_the_largest(values)[3] < 0.05
    assert refuted <= 50


def test_monotone_by_hand() -> None:
    """Steps 1, 2, 3 and 1, 2, 6: t = 3.46 and 1.96 on 2 degrees; the second is the weaker, p = .18855."""
    values = np.array([[0.0, 1.0, 2.0], [0.0, 2.0, 4.0], [0.0, 3.0, 9.0]])
    assert factors.monotone_p(values).along == pytest.approx(stats.ttest_1samp([1, 2, 6], 0).pvalue)
    assert factors.monotone_p(values).against == 1.0


def test_any_pair_refutes_a_monotone_response() -> None:
    """Levels 0 and 2 fall by 1, 2, 3 (p = .074180), more clearly than either step: 3 pairs times that."""
    values = np.array([[1.0, 0.5, 0.0], [2.0, 0.5, 0.0], [3.0, 2.5, 0.0]])
    monotone = factors.monotone_p(values)
    assert monotone.along == 1.0
    assert monotone.against == pytest.approx(3 * 0.074180, abs=1e-5)


def test_one_seed_says_nothing_of_a_monotone_response() -> None:
    """No step can be tested."""
    assert factors.monotone_p(np.array([[0.0, 1.0]])) == (1.0, 1.0)
