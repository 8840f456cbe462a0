"""Statistics against values worked out by hand or printed in tables."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

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
