"""What seeds can show, against power tables, closed forms and simulation."""

import numpy as np
import pytest
from scipy import stats

from analysis import statistics
from analysis.statistics import power


@pytest.mark.parametrize(("n", "expected"), [(10, 0.996), (34, 0.495)])
def test_detectable_difference_matches_power_tables(n: int, expected: float) -> None:
    """Paired t-test, alpha .05, power .80, in standard deviations of the difference (values of G*Power)."""
    found = power.detectable_difference(n=n, deviation=1.0, alpha=0.05)
    assert found == pytest.approx(expected, abs=1e-3)


@pytest.mark.parametrize(("difference", "expected"), [(0.5, 34), (-0.5, 34), (1.0, 10), (0.2, 199)])
def test_seeds_to_find_match_power_tables(difference: float, expected: int) -> None:
    """The same test asked the other way round (values of G*Power); the sign does not matter."""
    assert power.seeds_to_find(difference=difference, deviation=1.0, alpha=0.05) == expected


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
    first = statistics.mean_test(list(samples[0]))
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
    assert power.detectable_share(n=6, share=0.5, alpha=0.05) == pytest.approx(0.8 ** (1 / 6))


def test_five_runs_detect_no_share() -> None:
    """Five of five have p = .0625."""
    assert power.detectable_share(n=5, share=0.5, alpha=0.05) is None


@pytest.mark.parametrize(("true", "expected"), [(1.0, 6), (0.0, 6), (0.5, None)])
def test_trials_to_find(true: float, expected: int | None) -> None:
    """Runs that all diverge are told from one half by six, on either side; one half itself never."""
    assert power.trials_to_find(true=true, share=0.5, alpha=0.05) == expected
