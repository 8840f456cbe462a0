"""Where the noise of an accuracy comes from: searches, seeds, and the images of the test set.

`components` parts an arm's noise into that of its searches and that of its seeds; `new_images` widens the
interval of a difference from *these images* to *new images* of the same kind.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from analysis.statistics import LEVEL
from analysis.statistics.tests import Difference, paired, welch


class Deviation(NamedTuple):
    """A standard deviation with its interval, in the unit of the values."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, kw_only=True)
class Components:
    """How much an arm's replicates vary, and why."""

    search: Deviation
    """Over searches: between repeats, less what their seeds alone would make of it; 0 where that is more."""
    seed: Deviation
    """Over seeds of one configuration: within repeats, the same in each."""
    repeats: int
    seeds: int
    """Confirm runs of all repeats together."""


def components(repeats: Sequence[Sequence[float]], level: float = LEVEL) -> Components | None:
    """Return the search's and the seeds' share in an arm's noise.

    The interval of the search's deviation is approximate: it covers in 95 to 98 % of studies at 95 %
    (simulated, normal noise, 3 to 20 repeats of 1 to 3 seeds). With five repeats it is wide.

    Args:
        repeats: One sequence of values a repeat, one a confirm seed, finite; empty ones are left out.
        level: Confidence level in (0, 1) of each interval.

    Returns: None with fewer than two repeats, or with no repeat of two seeds: nothing parts the two then.

    Source: Searle, Casella and McCulloch (1992), Variance components, chapter 3 (one-way random effects);
        interval by Williams (1962), A confidence interval for variance components; repeats with unequal
        numbers of seeds by Thomas and Hultquist (1978), through the harmonic mean of these numbers.
    """
    groups = [np.asarray(values, dtype=np.float64) for values in repeats if len(values)]
    within = sum(len(values) - 1 for values in groups)
    if len(groups) < 2 or not within:
        return None
    between, seeds = len(groups) - 1, len(groups) / sum(1 / len(values) for values in groups)
    spread = seeds * float(np.var([values.mean() for values in groups], ddof=1))
    noise = sum(float(((values - values.mean()) ** 2).sum()) for values in groups) / within
    tails = (1 - level) / 2, (1 + level) / 2
    upper, lower = (
        max(0.0, spread - noise * float(special.fdtri(between, within, tail)))
        * between
        / (seeds * _chi2_quantile(tail, between))
        for tail in tails
    )
    return Components(
        search=Deviation(*(math.sqrt(v) for v in (max(0.0, (spread - noise) / seeds), lower, upper))),
        seed=Deviation(math.sqrt(noise), *deviation_limits(noise, within, level)),
        repeats=len(groups),
        seeds=sum(len(values) for values in groups),
    )


def deviation_limits(variance: float, df: float, level: float = LEVEL) -> tuple[float, float]:
    """Return the limits of a normal law's standard deviation.

    Args:
        variance: As estimated.
        df: Its degrees of freedom, at least 1.
        level: Confidence level in (0, 1).

    Source: Helmert (1876): df s² / sigma² follows the chi-square law with df degrees of freedom.
    """
    high, low = (
        math.sqrt(variance * df / _chi2_quantile(tail, df)) for tail in ((1 - level) / 2, (1 + level) / 2)
    )
    return low, high


def _chi2_quantile(probability: float, df: float) -> float:
    return 2 * float(special.gammaincinv(df / 2, probability))


@dataclass(frozen=True, kw_only=True)
class NewImages:
    """A difference of accuracies, for other test images of the same kind."""

    mean: float
    image_deviation: float
    """Standard deviation that the choice of the images adds, however many replicates there are."""
    image_limits: tuple[float, float]
    """Its interval at the asked level."""
    df: float
    half_width: float
    """At the asked level; never less than that for these images."""


def image_variance(first: ArrayLike, second: ArrayLike, *, is_paired: bool) -> float:
    """Return the variance that the choice of the test images adds to a difference of mean accuracies.

    Images differ in how much easier they are for one arm than for the other. What the replicates' noise adds
    to that is taken off; the rest, at least 0, does not average out over replicates.

    Args:
        first: Shape `(n_first, n_images)`, at least 2 replicates: 1 where a replicate is right, 0 where it is
            wrong; the share of its confirm runs that are right, where it has several.
        second: Shape `(n_second, n_images)`, the same images in the same order.
        is_paired: Whether replicates share their seeds, row by row.

    Source: Searle, Casella and McCulloch (1992), Variance components, chapter 4 (balanced data, by expected
        mean squares): replicates crossed with images.
    """
    shares = _image_shares(first, second, is_paired=is_paired)
    return max(0.0, float(shares.mean())) / len(shares)


def _image_shares(first: ArrayLike, second: ArrayLike, *, is_paired: bool) -> NDArray[np.float64]:
    """Return what each image adds to the variance over images, less its replicates' noise: `(n_images,)`."""
    rights = [np.asarray(right, dtype=np.float64) for right in (first, second)]
    if is_paired:
        rights = [rights[0] - rights[1]]
    gaps = rights[0].mean(axis=0) - (0.0 if is_paired else rights[1].mean(axis=0))
    noise: NDArray[np.float64] = sum(
        (right.var(axis=0, ddof=1) / len(right) for right in rights), np.zeros(len(gaps))
    )
    shares: NDArray[np.float64] = (gaps - gaps.mean()) ** 2 * len(gaps) / (len(gaps) - 1) - noise
    return shares


def image_limits(
    first: ArrayLike, second: ArrayLike, *, is_paired: bool, level: float = LEVEL
) -> tuple[float, float]:
    """Return the limits of the standard deviation that `image_variance` estimates, for large test sets.

    Images are drawn independently, so the variance is a mean over them with a normal error. The limits cover
    in 93 to 96 % of studies (simulated, 3 to 10 replicates, 1,000 and 10,000 images), and hold 0 in 97 to
    99 % of those where nothing but the replicates' noise tells images apart.

    Args:
        first: Shape `(n_first, n_images)`.
        second: Shape `(n_second, n_images)`.
        is_paired: Whether replicates share their seeds.
        level: Confidence level in (0, 1).
    """
    shares = _image_shares(first, second, is_paired=is_paired)
    n_images = len(shares)
    error = float(special.ndtri((1 + level) / 2)) * float(shares.std(ddof=1)) / math.sqrt(n_images)
    low, high = (max(0.0, float(shares.mean()) + side * error) / n_images for side in (-1, 1))
    return math.sqrt(low), math.sqrt(high)


def new_images(
    first: ArrayLike, second: ArrayLike, *, is_paired: bool, level: float = LEVEL
) -> NewImages | None:
    """Return the difference of two arms' accuracies with its interval for new images; None for one replicate.

    See `image_variance` for the arguments. The interval covers in 94 to 96 % of studies with 3 to 10
    replicates and 10,000 images (simulated), where that of these images covers as few as 86 %.

    Args:
        first: Shape `(n_first, n_images)`.
        second: Shape `(n_second, n_images)`.
        is_paired: Whether replicates share their seeds.
        level: Confidence level in (0, 1), corrected for several claims.

    Source: as `image_variance`; degrees of freedom by Satterthwaite (1946).
    """
    accuracies = [_accuracies(right) for right in (first, second)]
    these = paired((accuracies[0] - accuracies[1]).tolist()) if is_paired else welch(*_lists(accuracies))
    if these is None:
        return None
    variance = image_variance(first, second, is_paired=is_paired)
    df = _joint_df(these, variance, np.shape(first)[1])
    error = math.hypot(these.standard_error, math.sqrt(variance))
    half_width = float(special.stdtrit(df, (1 + level) / 2)) * error
    return NewImages(
        mean=these.mean,
        image_deviation=math.sqrt(variance),
        image_limits=image_limits(first, second, is_paired=is_paired, level=level),
        df=df,
        half_width=max(half_width, these.half_width(level)),
    )


def _accuracies(right: ArrayLike) -> NDArray[np.float64]:
    return np.asarray(np.asarray(right, dtype=np.float64).mean(axis=1))


def _lists(accuracies: Sequence[NDArray[np.float64]]) -> list[list[float]]:
    return [values.tolist() for values in accuracies]


def _joint_df(these: Difference, variance: float, n_images: int) -> float:
    """Return the degrees of freedom of the two variances' sum."""
    total = these.standard_error**2 + variance
    if total == 0:
        return these.df
    shares = these.standard_error**2 / total, variance / total
    return 1 / (shares[0] ** 2 / these.df + shares[1] ** 2 / (n_images - 1))
