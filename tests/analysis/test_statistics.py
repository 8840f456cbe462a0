"""Statistics against values worked out by hand or printed in tables."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from analysis import statistics

P_VALUES = st.lists(st.floats(0, 1), max_size=12)


def test_t_interval_of_five_accuracies() -> None:
    """Mean .92, s = .0158114, t(.975, 4) = 2.776445: half-width 2.776445 * .0158114 / sqrt(5) = .019632."""
    interval = statistics.t_interval([0.90, 0.91, 0.92, 0.93, 0.94])
    assert (interval.n, interval.mean) == (5, pytest.approx(0.92))
    assert (interval.low, interval.high) == (
        pytest.approx(0.900368, abs=5e-7),
        pytest.approx(0.939632, abs=5e-7),
    )


def test_one_value_has_no_interval() -> None:
    """A single seed shows no spread."""
    interval = statistics.t_interval([0.9])
    assert (interval.mean, interval.half_width, interval.low, interval.high) == (0.9, None, None, None)


def test_no_values_have_no_mean() -> None:
    """Nothing in, nothing out: not zero and not NaN."""
    assert statistics.t_interval([]) == statistics.MeanInterval(n=0, mean=None, half_width=None)


def test_paired_difference_of_three_seeds() -> None:
    """Differences 1, 2, 3: mean 2, s 1, t = 2 sqrt(3) = 3.4641; p(2 df) = 1 - t / sqrt(t^2 + 2) = .074180."""
    found = statistics.paired_difference({1: 2.0, 2: 4.0, 3: 6.0, 9: 0.0}, {1: 1.0, 2: 2.0, 3: 3.0, 8: 0.0})
    assert found is not None
    assert (found.n, found.mean, found.deviation) == (3, 2.0, 1.0)
    assert found.p == pytest.approx(0.074180, abs=1e-6)
    assert found.half_width(0.95) == pytest.approx(4.302653 / 3**0.5, abs=1e-6)


@pytest.mark.parametrize("second", [{}, {1: 0.5}, {7: 0.5, 8: 0.5}])
def test_fewer_than_two_common_seeds_have_no_difference(second: dict[int, float]) -> None:
    """Values of different seeds are never paired."""
    assert statistics.paired_difference({1: 0.4, 2: 0.6}, second) is None


def test_equal_values_differ_by_nothing() -> None:
    """Identical arms give p = 1 and an interval of no width, not 0/0."""
    found = statistics.paired_difference({1: 0.4, 2: 0.6}, {1: 0.4, 2: 0.6})
    assert found is not None
    assert (found.mean, found.half_width(0.95), found.p) == (0.0, 0.0, 1.0)


def test_a_further_run_lies_in_the_prediction_interval() -> None:
    """Mean .92, t s = 2.776445 * .0158114 = .043900, times sqrt(1 + 1/5) = 1.095445: .92 ± .048090."""
    assert statistics.prediction_interval([0.90, 0.91, 0.92, 0.93, 0.94]) == pytest.approx(
        (0.871910, 0.968090), abs=2e-6
    )


def test_one_value_predicts_nothing() -> None:
    """Without spread there is no interval for a further run."""
    assert statistics.prediction_interval([0.9]) is None


@pytest.mark.parametrize("n", [3, 5, 10])
def test_prediction_interval_covers_as_often_as_it_says(n: int) -> None:
    """Of 5 000 further normal values, 94 to 96 of 100 lie in the 95 % interval of n earlier ones."""
    generator = np.random.default_rng(40 + n)
    hits = 0
    for *sample, further in generator.normal(size=(5000, n + 1)):
        low, high = statistics.prediction_interval(sample) or (0.0, 0.0)
        hits += low <= further <= high
    assert 0.94 <= hits / 5000 <= 0.96


def test_two_one_sided_tests_by_hand() -> None:
    """Mean .5, s 1, n 4: standard error .5; region 2 is 3 errors away, P(t > 3, 3 df) = .028834."""
    found = statistics.MeanTest(n=4, mean=0.5, deviation=1.0, p=0.39)
    assert found.p_inside(2.0) == pytest.approx(0.028834, abs=1e-6)
    assert found.p_inside(0.4) > 0.5  # the mean lies outside


def test_outside_a_region_by_hand() -> None:
    """Mean 2, standard error .5, region .5: 3 errors beyond it, 2 P(t > 3, 3 df) = .057669."""
    found = statistics.MeanTest(n=4, mean=-2.0, deviation=1.0, p=0.03)
    assert found.p_outside(0.5) == pytest.approx(0.057669, abs=1e-6)
    assert found.p_outside(3.0) == 1.0


@given(st.lists(st.floats(-10, 10), min_size=3, max_size=8), st.floats(0.01, 5))
def test_intervals_agree_with_the_tests_of_a_region(values: list[float], region: float) -> None:
    """Inside: the 90 % interval lies in the region. Outside: the 95 % one lies beyond it."""
    found = statistics.mean_test(values)
    assert found is not None
    narrow, wide = abs(found.mean) + found.half_width(0.9), abs(found.mean) - found.half_width(0.95)
    if abs(narrow - region) > 1e-6:
        assert (found.p_inside(region) < 0.05) == (narrow < region)
    if abs(wide - region) > 1e-6:
        assert (found.p_outside(region) < 0.05) == (wide > region)


def test_outside_of_nothing_is_the_plain_test() -> None:
    """A region of no width asks whether there is any difference."""
    found = statistics.mean_test([1.0, 2.0, 4.0])
    assert found is not None
    assert found.p_outside(0.0) == pytest.approx(found.p)


def test_log_ratio_of_times() -> None:
    """Twice, four and eight times as long: the geometric mean is 4."""
    found = statistics.paired_log_ratio({1: 2.0, 2: 4.0, 3: 8.0}, {1: 1.0, 2: 1.0, 3: 1.0, 4: 9.0})
    assert found is not None
    assert (found.n, np.exp(found.mean)) == (3, pytest.approx(4.0))


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [([2, 3], [1, 2.5], 0.75), ([1, 1], [1], 0.5), ([5], [1, 2, 3], 1.0), ([], [1], None)],
)
def test_probability_of_improvement(first: list[float], second: list[float], expected: float | None) -> None:
    """Of the four pairs of [2, 3] and [1, 2.5] three are ahead; ties count by half."""
    assert statistics.probability_of_improvement(first, second) == expected


@pytest.mark.parametrize(
    ("successes", "trials", "expected"), [(6, 6, 0.03125), (5, 5, 0.0625), (8, 10, 0.109375), (2, 4, 1.0)]
)
def test_binomial_p_by_hand(successes: int, trials: int, expected: float) -> None:
    """2 / 2^6; 2 / 2^5; 2 (45 + 10 + 1) / 2^10; never above 1."""
    assert statistics.binomial_p(successes, trials, 0.5) == pytest.approx(expected)
    assert statistics.binomial_p(trials - successes, trials, 0.5) == pytest.approx(expected)


def test_smallest_binomial_p() -> None:
    """Five runs cannot reach .05, whatever they do; of ten runs against 10 %, ten successes reach 2e-10."""
    assert statistics.smallest_binomial_p(5, 0.5) == pytest.approx(0.0625)
    assert statistics.smallest_binomial_p(10, 0.1) == pytest.approx(2e-10)


def test_holm_of_three() -> None:
    """3 * .01 = .03, 2 * .03 = .06, 1 * .04 = .04, raised to the .06 before it."""
    assert statistics.holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])


def test_holm_levels_stop_with_the_first_failure() -> None:
    """.01 meets .05 / 3 and passes; .03 meets .05 / 2 and fails; .04 shares that level."""
    assert statistics.holm_alphas([0.01, 0.04, 0.03], 0.05) == pytest.approx([0.05 / 3, 0.025, 0.025])


@given(P_VALUES)
def test_holm_agrees_with_its_levels(p_values: list[float]) -> None:
    """A p-value is below its level exactly where its adjusted value is below alpha."""
    adjusted, alphas = statistics.holm(p_values), statistics.holm_alphas(p_values, 0.05)
    for p, after, alpha in zip(p_values, adjusted, alphas, strict=True):
        assert after >= p
        if abs(after - 0.05) > 1e-9:
            assert (p < alpha) == (after < 0.05)


@given(P_VALUES, st.randoms(use_true_random=False))
def test_holm_does_not_depend_on_order(p_values: list[float], random: "np.random.Generator") -> None:
    """Shuffled p-values give the shuffled result."""
    order = list(range(len(p_values)))
    random.shuffle(order)
    adjusted = statistics.holm(p_values)
    assert statistics.holm([p_values[i] for i in order]) == [adjusted[i] for i in order]


def test_wilson_interval_of_eight_in_ten() -> None:
    """With z = 1.96: centre (.8 + .19208) / 1.38416 = .71674, spread .22659."""
    low, high = statistics.wilson_interval(8, 10)
    assert (low, high) == (pytest.approx(0.4902, abs=1e-4), pytest.approx(0.9433, abs=1e-4))


@given(st.integers(1, 50), st.data())
def test_wilson_interval_holds_the_share(trials: int, data: st.DataObject) -> None:
    """The observed share lies inside, and both ends are proportions, the same as scipy's."""
    successes = data.draw(st.integers(0, trials))
    low, high = statistics.wilson_interval(successes, trials)
    assert 0 <= low <= successes / trials + 1e-12
    assert successes / trials - 1e-12 <= high <= 1
    expected = stats.binomtest(successes, trials).proportion_ci(method="wilson")
    assert (low, high) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_wilson_interval_needs_a_trial() -> None:
    """A proportion of nothing is refused."""
    with pytest.raises(ValueError, match="at least one trial"):
        statistics.wilson_interval(0, 0)


def test_clopper_pearson_of_all_and_none() -> None:
    """Six of six: (.05 / 2)^(1/6) = .5407 and 1; the mirror image for none of six."""
    assert statistics.clopper_pearson(6, 6) == (pytest.approx(0.025 ** (1 / 6)), 1.0)
    assert statistics.clopper_pearson(0, 6) == (0.0, pytest.approx(1 - 0.025 ** (1 / 6)))


@given(st.integers(1, 40), st.data(), st.floats(0.02, 0.98), st.sampled_from([0.9, 0.95, 0.99]))
def test_clopper_pearson_says_what_the_test_rules(
    trials: int, data: st.DataObject, share: float, level: float
) -> None:
    """A share lies in the interval exactly where the exact test does not reject it."""
    successes = data.draw(st.integers(0, trials))
    low, high = statistics.clopper_pearson(successes, trials, level)
    if min(abs(low - share), abs(high - share)) > 1e-9:
        is_rejected = statistics.binomial_p(successes, trials, share) < 1 - level
        assert (low <= share <= high) != is_rejected


def test_clopper_pearson_needs_a_trial() -> None:
    """A proportion of nothing is refused."""
    with pytest.raises(ValueError, match="at least one trial"):
        statistics.clopper_pearson(0, 0)


@pytest.mark.parametrize("n", [3, 5, 10])
def test_t_interval_covers_as_often_as_it_says(n: int) -> None:
    """Of 5 000 means of n normal values, 95 % intervals cover the true mean in 94 to 96 of 100."""
    generator = np.random.default_rng(20260102 + n)
    samples = generator.normal(size=(5000, n))
    intervals = [statistics.t_interval(list(sample)) for sample in samples]
    covered = sum(i.low is not None and i.high is not None and i.low <= 0 <= i.high for i in intervals)
    assert 0.94 <= covered / 5000 <= 0.96
