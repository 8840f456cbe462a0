"""What seeds can show, against power tables, closed forms and simulation."""

import numpy as np
import pytest
from scipy import stats

from analysis.statistics import power, share_power
from analysis.statistics.tests import paired


@pytest.mark.parametrize(("n", "expected"), [(10, 0.996), (34, 0.495)])
def test_detectable_difference_matches_power_tables(n: int, expected: float) -> None:
    """Paired t-test, alpha .05, power .80, in standard deviations of the difference (values of G*Power)."""
    found = power.detectable_difference(n=n, deviation=1.0, alpha=0.05)
    assert found == pytest.approx(expected, abs=1e-3)


@pytest.mark.parametrize(("difference", "expected"), [(0.5, 34), (-0.5, 34), (1.0, 10), (0.2, 199)])
def test_seeds_to_find_match_power_tables(difference: float, expected: int) -> None:
    """The same test asked the other way round (values of G*Power); the sign does not matter."""
    assert power.seeds_to_find(difference=difference, deviation=1.0, alpha=0.05) == expected


@pytest.mark.parametrize("n", [2, 3, 5, 9, 40])
def test_power_is_known_at_every_difference(n: int) -> None:
    """Also where the faster of two functions for the noncentral t distribution knows no answer."""
    critical = stats.t.isf(0.025, n - 1)
    for errors in np.linspace(0, 150, 301):
        found = power.power_of_test(difference=errors, n=n, deviation=np.sqrt(n), alpha=0.05)
        assert found == pytest.approx(stats.nct.sf(critical, n - 1, errors), abs=1e-9)


def test_seeds_to_find_has_ends() -> None:
    """A huge difference takes two seeds; one that ten thousand would not find has no number."""
    assert power.seeds_to_find(difference=1e12, deviation=1.0, alpha=0.05) == 2
    assert power.seeds_to_find(difference=0.1, deviation=0.0, alpha=0.05) == 2
    assert power.seeds_to_find(difference=1e-3, deviation=1.0, alpha=0.05) is None


def test_equivalence_power_is_that_of_the_test() -> None:
    """20 000 samples of 12 equal pairs: the two one-sided tests pass as often as foretold."""
    region, samples = 0.9, np.random.default_rng(7).normal(size=(20_000, 12))
    errors = samples.std(axis=1, ddof=1) / np.sqrt(12)
    p = stats.t.sf((region - np.abs(samples.mean(axis=1))) / errors, 11)
    first = paired(samples[0].tolist())
    assert first is not None
    assert first.p_inside(region) == pytest.approx(p[0])
    foretold = power.equivalence_power(n=12, deviation=1.0, region=region, alpha=0.05)
    assert np.mean(p < 0.05) == pytest.approx(foretold, abs=0.01)


def test_seeds_to_show_equivalence() -> None:
    """Normal theory: (1.645 + 1.282)^2 / .5^2 = 34.3 pairs; Student's t takes two more."""
    assert power.seeds_to_show_equivalence(deviation=1.0, region=0.5, alpha=0.05) == 36
    assert power.seeds_to_show_equivalence(deviation=1.0, region=0.01, alpha=0.05) is None


def test_provable_region_inverts_its_power() -> None:
    """The narrowest region has just the power asked for; arms without any noise are equal within nothing."""
    region = power.provable_region(n=10, deviation=2.0, alpha=0.05)
    assert power.equivalence_power(n=10, deviation=2.0, region=region, alpha=0.05) == pytest.approx(0.8)
    assert power.provable_region(n=10, deviation=0.0, alpha=0.05) == 0.0


def test_detectable_share_of_six_runs() -> None:
    """Only six of six reach the level: their chance is .8 at a true share of .8^(1/6) = .9635."""
    assert share_power.detectable_share(n=6, share=0.5, alpha=0.05) == pytest.approx(0.8 ** (1 / 6))


def test_five_runs_detect_no_share() -> None:
    """Five of five have p = .0625."""
    assert share_power.detectable_share(n=5, share=0.5, alpha=0.05) is None


@pytest.mark.parametrize(("true", "expected"), [(1.0, 6), (0.0, 6), (0.5, None)])
def test_trials_to_find(true: float, expected: int | None) -> None:
    """Runs that all diverge are told from one half by six, on either side; one half itself never."""
    assert share_power.trials_to_find(true=true, share=0.5, alpha=0.05) == expected


@pytest.mark.parametrize(("n", "alpha"), [(3, 0.05), (5, 0.05), (5, 0.05 / 15), (10, 0.05)])
def test_welch_finds_what_is_foretold(n: int, alpha: float) -> None:
    """20 000 pairs of samples with the detectable difference: Welch's test finds it in 79 to 81 of 100."""
    detectable = power.detectable_difference(n=n, deviation=2**0.5, alpha=alpha, test="welch")
    first, second = np.random.default_rng(n).normal(size=(2, 20_000, n))
    found = stats.ttest_ind(first + detectable, second, axis=1, equal_var=False).pvalue < alpha
    assert found.mean() == pytest.approx(0.8, abs=0.01)


def test_welch_shows_equivalence_as_often_as_foretold() -> None:
    """20 000 pairs of equal samples of 10, region 1.2: both one-sided tests pass as foretold (.65)."""
    first, second = np.random.default_rng(9).normal(size=(2, 20_000, 10))
    result = stats.ttest_ind(first, second, axis=1, equal_var=False).confidence_interval(0.9)
    is_inside = (result.low > -1.2) & (result.high < 1.2)
    foretold = power.equivalence_power(n=10, deviation=2**0.5, region=1.2, alpha=0.05, test="welch")
    assert is_inside.mean() == pytest.approx(foretold, abs=0.01)


def test_more_rivals_take_more_replicates() -> None:
    """Power .8 against five rivals is at least .96 against each: more than the test of one pair needs."""
    plan = {"deviation": 1.0, "alpha": 0.05, "test": "welch"}
    least = power.detectable_difference(n=10, power=0.96, **plan)
    assert power.detectable_difference(n=10, rivals=5, **plan) == pytest.approx(least)
    assert power.power_of_test(n=10, difference=-least, **plan) == pytest.approx(0.96)
    one, five = (power.seeds_to_find(difference=least, rivals=rivals, **plan) for rivals in (1, 5))
    assert (one, five) == (7, 10)


def test_limits_of_a_deviation_match_tables() -> None:
    """sqrt(4 / chi2(.2, 4)) = sqrt(4 / 1.6488) = 1.5576 and sqrt(4 / chi2(.8, 4)) = sqrt(4 / 5.9886)."""
    assert power.deviation_limits(2.0, 4) == pytest.approx((2 * 0.81728, 2 * 1.55758), rel=1e-4)


def test_shown_difference_by_hand() -> None:
    """Five replicates of deviation 1: (t(.975, 8) + t(.8, 8)) sqrt(2 / 5) sqrt(8 / chi2(.2, 8))."""
    found = power.shown_difference(first=1.0, others=[1.0], n=5, alpha=0.05)
    assert found is not None
    assert found.high == pytest.approx((2.30600 + 0.88889) * 0.4**0.5 * (8 / 4.59357) ** 0.5, rel=1e-4)
    assert found.low == pytest.approx((2.30600 + 0.88889) * 0.4**0.5 * (8 / 11.03009) ** 0.5, rel=1e-4)


def test_shown_difference_to_several_rivals_by_hand() -> None:
    """Five rivals of deviation 2: 1 + 4; df 4 * 25 / (1 + 5 * .64), the test's at most 8; miss .04."""
    found = power.shown_difference(first=1.0, others=[2.0] * 5, n=5, alpha=0.05)
    errors = 2.30600 + float(stats.t.isf(0.04, 8))
    deviation = power.deviation_limits(5**0.5, 100 / 4.2).high
    assert found is not None
    assert found.high == pytest.approx(errors * deviation / 5**0.5, rel=1e-4)


def test_shown_paired_difference_by_hand() -> None:
    """Five pairs, deviations 1 and 7 of two differences: their root mean square 5; df 4; miss .1 each."""
    found = power.shown_paired_difference(deviations=[1.0, 7.0], n=5, alpha=0.05)
    assert found is not None
    assert found.high == pytest.approx((2.77645 + 1.53321) * 5 / 5**0.5 * 1.55758, rel=1e-4)


def test_a_stopped_study_would_have_shown_what_its_last_look_does() -> None:
    """Deviations from five pairs (4 degrees), tested at the last look's twenty (19 degrees)."""
    found = power.shown_paired_difference(deviations=[1.0], n=5, alpha=0.05, n_last=20)
    assert found is not None
    assert found.high == pytest.approx((2.09302 + 0.86095) / 20**0.5 * 1.55758, rel=1e-4)
    welch = power.shown_difference(first=1.0, others=[1.0], n=5, alpha=0.05, n_last=20)
    assert welch is not None
    assert welch.high == pytest.approx((2.02439 + 0.85122) * 0.1**0.5 * (8 / 4.59357) ** 0.5, rel=1e-4)


def test_few_replicates_are_not_said_to_show_anything() -> None:
    """Four replicates know too little of their noise; arms without any show every difference."""
    assert power.shown_difference(first=1.0, others=[1.0], n=4, alpha=0.05) is None
    assert power.shown_paired_difference(deviations=[1.0], n=4, alpha=0.05) is None
    assert power.shown_difference(first=0.0, others=[0.0], n=5, alpha=0.05) == (0.0, 0.0)
