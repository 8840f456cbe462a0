"""Searches, seeds and test images as sources of noise: by hand, and by simulated studies."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from analysis.statistics.images import (
    components,
    deviation_limits,
    image_limits,
    image_variance,
    new_images,
)
from analysis.statistics.tests import welch


def test_components_by_hand() -> None:
    """Means 2, 6, 10: variance 16; within: 2 on 3 degrees. Search 16 - 2 / 2 = 15. F = 32 / 2 = 16."""
    found = components([[1.0, 3.0], [5.0, 7.0], [9.0, 11.0]])
    assert found is not None
    assert (found.search.value, found.seed.value) == (
        pytest.approx(math.sqrt(15)),
        pytest.approx(math.sqrt(2)),
    )
    assert (found.repeats, found.seeds) == (3, 6)
    # chi2(.975, 3) = 9.3484 and chi2(.025, 3) = .2158: sqrt(6 / 9.3484) and sqrt(6 / .2158)
    assert found.seed[1:] == pytest.approx((0.80114, 5.2730), rel=1e-3)
    # F(.975; 2, 3) = 16.0441 is above F, so 0 is possible; F(.025; 2, 3) = .025533, chi2(.025, 2) = .050636
    assert found.search[1:] == pytest.approx(
        (0.0, math.sqrt((32 - 2 * 0.025533) * 2 / (2 * 0.050636))), rel=1e-4
    )


def test_seeds_that_explain_the_repeats_leave_nothing_to_the_search() -> None:
    """Means 2 and 2.5 with deviations of 1.4 within: a variance below 0 is one of 0."""
    found = components([[1.0, 3.0], [1.5, 3.5]])
    assert found is not None
    assert (found.search.value, found.search.low) == (0.0, 0.0)
    assert found.search.high > 1


def test_missing_seeds_count_by_the_harmonic_mean() -> None:
    """Repeats of two seeds and of one: harmonic mean 4/3. Means 2 and 6: 8 - 2 / (4 / 3) = 6.5."""
    found = components([[1.0, 3.0], [6.0], []])
    assert found is not None
    assert (found.search.value, found.repeats, found.seeds) == (pytest.approx(math.sqrt(6.5)), 2, 3)


@pytest.mark.parametrize("repeats", [[], [[1.0, 2.0]], [[1.0], [2.0], [3.0]]])
def test_one_search_or_one_seed_parts_nothing(repeats: list[list[float]]) -> None:
    """Neither a single repeat nor repeats of one seed tell the search's noise from the seeds'."""
    assert components(repeats) is None


def test_components_cover_the_truth() -> None:
    """Five repeats of two seeds, deviations .1 and .25: at 95 %, 94 to 98 of 100 intervals hold them."""
    generator = np.random.default_rng(11)
    means = 0.1 * generator.normal(size=(1000, 5, 1))
    found = [components(study) for study in (means + 0.25 * generator.normal(size=(1000, 5, 2))).tolist()]
    held = [(c.search.low <= 0.1 <= c.search.high, c.seed.low <= 0.25 <= c.seed.high) for c in found if c]
    assert np.all(np.abs(np.mean(held, axis=0) - 0.96) <= 0.02)


@given(st.integers(1, 50), st.floats(0.5, 0.99))
def test_the_limits_are_those_of_the_chi_square_test(df: int, level: float) -> None:
    """A deviation at a limit has the estimated one exactly at a tail of its law."""
    low, high = deviation_limits(1.0, df, level)
    assert stats.chi2.sf(df / low**2, df) == pytest.approx((1 - level) / 2)
    assert stats.chi2.cdf(df / high**2, df) == pytest.approx((1 - level) / 2)


FIRST = [[1, 1, 0, 1], [1, 0, 0, 1]]
SECOND = [[1, 0, 0, 0], [1, 0, 1, 0]]


def test_image_variance_by_hand() -> None:
    """Gaps 0, .5, -.5, 1: variance .41667; noise (.25 + .25) / 4 = .125; (.41667 - .125) / 4 = .072917."""
    assert image_variance(FIRST, SECOND, is_paired=False) == pytest.approx(0.0729167, abs=1e-6)


def test_new_images_by_hand() -> None:
    """Accuracies .75, .5 and .25, .5: error² .03125 on 2 degrees; with .072917 on 3 it is .104167."""
    found = new_images(FIRST, SECOND, is_paired=False)
    assert found is not None
    assert (found.mean, found.image_deviation) == (0.25, pytest.approx(math.sqrt(0.0729167), abs=1e-6))
    assert found.df == pytest.approx(0.104167**2 / (0.03125**2 / 2 + 0.0729167**2 / 3), rel=1e-4)
    # these images: t(.975, 2) = 4.302653 times sqrt(.03125), which is less than new ones
    assert found.half_width > 4.302653 * math.sqrt(0.03125)


def test_new_images_are_never_narrower_than_these() -> None:
    """A little image noise adds degrees of freedom to two noisy runs: more certainty must not come of it."""
    generator = np.random.default_rng(13)
    gaps, luck = 0.2 * generator.choice([-1.0, 1.0], size=2000), np.array([[-0.2], [0.2]])
    first, second = (generator.random((2, 2000)) < 0.5 + side + luck for side in (gaps, -gaps))
    found, these = (
        new_images(first, second, is_paired=False),
        welch(first.mean(axis=1).tolist(), second.mean(axis=1).tolist()),
    )
    assert found is not None
    assert these is not None
    assert (found.image_deviation > 0, found.df > these.df) == (True, True)
    assert found.half_width == these.half_width(0.95)


def test_arms_that_are_right_on_the_same_images_share_their_luck() -> None:
    """The same predictions with the same seeds: nothing differs, on new images neither."""
    found = new_images(FIRST, FIRST, is_paired=True)
    assert found is not None
    assert (found.mean, found.image_deviation, found.half_width) == (0.0, 0.0, 0.0)


@pytest.mark.parametrize("is_paired", [True, False])
def test_one_replicate_says_nothing_of_new_images(is_paired: bool) -> None:  # noqa: FBT001  # a parameter
    """Its noise cannot be told from that of the images."""
    assert new_images(FIRST[:1], SECOND[:1], is_paired=is_paired) is None


class Population:
    """Studies of two equal arms on fresh images: a tenth of these is uncertain, and differs between arms."""

    uncertain = 0.102
    """Share of images that a run gets right by half: two runs disagree on 5.1 % of all."""
    run_deviation = 0.0188
    """Of a run's luck on uncertain images; with 10,000 images, accuracies then have a deviation of .25 pp."""

    def __init__(self, n_images: int, image_deviation: float, seed: int) -> None:
        self.n_images = n_images
        self.shift = image_deviation * math.sqrt(n_images / self.uncertain) / 2
        """How much each arm's chance departs from one half on an uncertain image, in opposite directions."""
        self.generator = np.random.default_rng(seed)

    def study(self, n: int) -> tuple[np.ndarray, np.ndarray]:
        """Return who is right where; two arrays of shape `(n, n_images)`."""
        count = self.generator.binomial(self.n_images, self.uncertain)
        signs = self.shift * self.generator.choice([-1.0, 1.0], size=count)
        sides = []
        for side in (signs, -signs):
            luck = self.run_deviation * self.generator.normal(size=(n, 1))
            right = np.ones((n, self.n_images), dtype=bool)
            right[:, :count] = self.generator.random((n, count)) < 0.5 + side + luck
            sides.append(right)
        return sides[0], sides[1]

    def coverage(self, n: int, studies: int) -> tuple[float, float]:
        """Return how often the intervals for new images and for these images hold the true difference, 0."""
        held = []
        for _ in range(studies):
            first, second = self.study(n)
            found = new_images(first, second, is_paired=False)
            these = welch(first.mean(axis=1).tolist(), second.mean(axis=1).tolist())
            assert found is not None
            assert these is not None
            held.append((abs(found.mean) <= found.half_width, abs(these.mean) <= these.half_width(0.95)))
        new, same = np.mean(held, axis=0)
        return float(new), float(same)


def test_intervals_for_new_images_hold_the_truth() -> None:
    """Image noise as large as that of five runs: 93 to 97 of 100; intervals for these images, 86 or fewer."""
    new, these = Population(1000, 0.006, seed=12).coverage(5, 600)
    assert abs(new - 0.95) <= 0.02
    assert these <= 0.86


@pytest.mark.full
@pytest.mark.slow
@pytest.mark.parametrize(
    ("n", "image_deviation"),
    [(3, 0.00105), (5, 0.0), (5, 0.00039), (5, 0.00105), (5, 0.00169), (10, 0.00039), (10, 0.00105)],
)
def test_intervals_for_new_images_hold_the_truth_at_full_size(n: int, image_deviation: float) -> None:
    """With 10,000 images, run deviation .25 pp, and 0 to .17 pp from the images: 93.2 % or more of 1 000."""
    new, _ = Population(10_000, image_deviation, seed=n).coverage(n, 1000)
    assert new >= 0.932


@pytest.mark.parametrize(("uncertain", "least"), [(0.6, 0.93), (0.0, 0.96)])
def test_limits_of_the_images_hold_the_truth(uncertain: float, least: float) -> None:
    """Images whose chance is uniform in a share of them, or the same: 93, 96 of 100 hold its deviation."""
    generator = np.random.default_rng(5)
    n_images, held = 1000, []
    truth = math.sqrt((uncertain / 3 + (1 - uncertain) - (1 - uncertain / 2) ** 2) / n_images)
    for _ in range(600):
        chances = np.where(generator.random(n_images) < uncertain, generator.random(n_images), 1.0)
        chances = chances if uncertain else np.full(n_images, 0.88)
        right = generator.random((5, n_images)) < chances
        low, high = image_limits(right, np.zeros_like(right), is_paired=True)
        held.append(low <= truth <= high)
    assert np.mean(held) >= least
