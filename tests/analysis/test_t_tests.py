"""Welch's and the paired t-test, against values worked out by hand and against scipy."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from analysis.statistics.tests import Difference, paired, welch

VALUES = st.lists(st.floats(-10, 10).map(lambda value: round(value, 3)), min_size=2, max_size=8)


def test_welch_by_hand() -> None:
    """Means 2 and 5, variances 1 and 20/3: squared error 1/3 + 5/3 = 2; df 1 / (1/72 + 25/108) = 4.0755."""
    found = welch([1.0, 2.0, 3.0], [2.0, 4.0, 6.0, 8.0])
    assert found is not None
    assert (found.mean, found.n_first, found.n_second) == (-3.0, 3, 4)
    assert found.standard_error == pytest.approx(math.sqrt(2))
    assert found.df == pytest.approx(216 / 53)
    assert found.deviation == pytest.approx(math.sqrt(1 + 20 / 3))


def test_paired_by_hand() -> None:
    """Gaps 1, 2, 3: mean 2, s 1, t = 2 sqrt(3) = 3.4641; p(2 df) = 1 - t / sqrt(t^2 + 2) = .074180."""
    found = paired([1.0, 2.0, 3.0])
    assert found is not None
    assert (found.mean, found.deviation, found.df, found.n_first) == (2.0, 1.0, 2.0, 3)
    assert found.p == found.p_ahead == pytest.approx(0.074180, abs=1e-6)
    assert found.p_behind == 1.0
    assert found.half_width(0.95) == pytest.approx(4.302653 / 3**0.5, abs=1e-6)


@given(VALUES, VALUES)
def test_welch_is_scipys(first: list[float], second: list[float]) -> None:
    """Wherever both arms vary, p and interval are those of scipy's test of unequal variances."""
    found = welch(first, second)
    assert found is not None
    if len(set(first)) > 1 and len(set(second)) > 1:  # scipy warns of arms that do not vary
        expected = stats.ttest_ind(first, second, equal_var=False)
        assert found.p == pytest.approx(float(expected.pvalue), rel=1e-6)
        low, high = expected.confidence_interval(0.9)
        assert 2 * found.half_width(0.9) == pytest.approx(float(high - low), rel=1e-6)


@pytest.mark.parametrize(("first", "second"), [([], [1.0, 2.0]), ([1.0], [1.0, 2.0]), ([1.0, 2.0], [1.0])])
def test_one_replicate_is_no_test(first: list[float], second: list[float]) -> None:
    """One value of either arm says nothing about its spread; nor does one pair."""
    assert welch(first, second) is None
    assert paired([1.0]) is None


def test_a_quiet_arm_lends_no_freedom() -> None:
    """Where the second arm does not vary, the first arm's n - 1 degrees of freedom remain."""
    found = welch([1.0, 2.0, 3.0], [0.1, 0.1, 0.1, 0.1])
    assert found is not None
    assert (found.df, found.standard_error) == (pytest.approx(2.0), pytest.approx(1 / math.sqrt(3)))


@pytest.mark.parametrize("shift", [0.0, 0.25, -0.25])
def test_arms_without_noise(shift: float) -> None:
    """Equal up to rounding: nothing differs, p = 1. Apart: no variation to judge by, and it is said."""
    noisy_zero = [0.1 + 0.2, 0.3, 0.3]  # 0.30000000000000004 among them
    for found in (welch([value + shift for value in noisy_zero], [0.3, 0.3]), paired([shift] * 3)):
        assert found is not None
        assert (found.mean, found.standard_error) == (pytest.approx(shift), 0.0)
        assert found.is_constant == (shift != 0)
        assert (found.p, found.p_ahead, found.p_behind) == (float(shift == 0), *_sides(shift))
        assert (found.p_inside(0.1), found.p_outside(0.1)) == ((1.0, 0.0) if shift else (0.0, 1.0))


def _sides(shift: float) -> tuple[float, float]:
    """Return the p of either side where nothing varies."""
    return float(shift <= 0), float(shift >= 0)


def test_two_one_sided_tests_by_hand() -> None:
    """Mean .5, standard error .5, 3 df: region 2 is 3 errors away, P(t > 3) = .028834; outside, doubled."""
    found = Difference(mean=0.5, standard_error=0.5, df=3.0, n_first=4, n_second=4, deviation=1.0)
    assert found.p_inside(2.0) == pytest.approx(0.028834, abs=1e-6)
    assert found.p_inside(0.4) > 0.5  # the mean lies outside
    far = Difference(mean=-2.0, standard_error=0.5, df=3.0, n_first=4, n_second=4, deviation=1.0)
    assert far.p_outside(0.5) == pytest.approx(0.057669, abs=1e-6)
    assert far.p_outside(0.0) == far.p == far.p_behind
    assert far.p_ahead == far.p_outside(3.0) == 1.0


@given(VALUES, VALUES, st.floats(0.01, 5))
def test_intervals_agree_with_the_tests(first: list[float], second: list[float], region: float) -> None:
    """Inside: the 90 % interval lies in the region. Outside, and ahead of 0: the 95 % one lies beyond."""
    found = welch(first, second)
    assert found is not None
    narrow, wide = abs(found.mean) + found.half_width(0.9), abs(found.mean) - found.half_width(0.95)
    if abs(narrow - region) > 1e-6:
        assert (found.p_inside(region) < 0.05) == (narrow < region)
    if abs(wide - region) > 1e-6:
        assert (found.p_outside(region) < 0.05) == (wide > region)
    if abs(wide) > 1e-6:
        assert (min(found.p_ahead, found.p_behind) < 0.05) == (wide > 0)
