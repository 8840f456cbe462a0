"""One contrast: the difference of two means over replicates, and its p-values on the side of a claim."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from analysis import statistics
from analysis.claims.evidence import Bounds, Untestable, too_few
from analysis.claims.parts import Comparison
from analysis.claims.scale import Scale
from analysis.replicates import Replicates
from analysis.statistics import power, tests
from analysis.statistics.sequential import PValues
from analysis.statistics.tests import Difference


@dataclass(frozen=True, kw_only=True)
class Contrast:
    """Two sides compared over their replicates."""

    arm: str
    than: str
    test: Difference
    """Of `arm` minus `than`, or of the logarithm of their ratio, over the replicates that have a value."""
    fills: Sequence[Difference] = ()
    """The same over all replicates, with those that are missing at chance level and at the best seen, in
    every combination; empty where none is missing."""
    improvement: float | None = None
    """Share of all pairs of replicates in which `arm` has the better value."""
    kind: power.Test = "paired"
    """Of the test."""
    deviations: tuple[float, float] = (0.0, 0.0)
    """Standard deviations of both sides' replicates, where each has its own."""

    @property
    def n(self) -> int:
        """Replicates of the side that has fewer."""
        return min(self.test.n_first, self.test.n_second)

    def p_values(self, scale: Scale, *, kindest: bool = False) -> PValues:
        """Return its p-values: of what missing replicates may have been, the largest or the smallest ones."""
        of_each = [_p_values(test, scale) for test in self.fills or (self.test,)]
        choose = min if kindest else max
        return PValues(*(choose(column) for column in zip(*of_each, strict=True)))

    def comparison(self, scale: Scale, level: float) -> Comparison:
        """Return the contrast with its interval at a confidence level; of several fills, around all."""
        ends = [
            (test.mean - test.half_width(level), test.mean + test.half_width(level))
            for test in self.fills or (self.test,)
        ]
        return Comparison(
            arm=self.arm,
            than=self.than,
            n=self.n,
            effect=scale.effect(self.test.mean),
            low=scale.effect(min(low for low, _ in ends)),
            high=scale.effect(max(high for _, high in ends)),
            level=level,
            df=self.test.df,
            quantity=scale.quantity,
            p=max(test.p for test in self.fills or (self.test,)),
            improvement=self.improvement,
        )


def _p_values(test: Difference, scale: Scale) -> PValues:
    found = PValues.of(test, scale.half_width)
    return found if scale.sign > 0 else found._replace(ahead=found.behind, behind=found.ahead)


def contrast(
    first: Replicates, second: Replicates, scale: Scale, *, is_paired: bool, bounds: Bounds | None
) -> Contrast | Untestable:
    """Compare two arms.

    Args:
        first: Replicates of one side.
        second: Of the other.
        scale: Metric and whether differences or ratios are tested.
        is_paired: Whether the arms share their seeds, by which replicates are paired then (Student's test);
            otherwise each has replicates of its own (Welch's).
        bounds: What a missing replicate may have been; None where nothing is known of that.
    """
    first, second = first.ended, second.ended
    if is_paired:
        first, second = in_common(first, second)
    sides = (first, second)
    void = [own.arm for own in sides if own.is_voided]
    if void:
        return Untestable(reason=f"a confirm run of {' and '.join(void)} diverged, which voids the mean")
    lost = [own.arm for own in sides if own.count("missing")]
    if lost and bounds is None:
        return Untestable(
            reason=f"a replicate of {' and '.join(lost)} is missing, and could have been anything"
        )
    values = [scale.tested(own.values) for own in sides]
    test = difference(values[0], values[1], is_paired=is_paired)
    if test is None:
        usable = ~np.isnan(values[0]) & ~np.isnan(values[1]) if is_paired else ~np.isnan(values[0])
        return too_few(int(usable.sum()))
    if test.is_constant and not lost:
        reason = "the difference is the same for every seed: no variation to judge by"
        return Untestable(reason=reason, n=min(test.n_first, test.n_second))
    fills = []
    if lost and bounds is not None:
        for filled in product(*(_filled(own, bounds, scale) for own in sides)):
            one = difference(*filled, is_paired=is_paired)
            fills += [one] if one is not None else []
    better, worse = (own.measured.tolist() for own in (sides if scale.metric.sign > 0 else sides[::-1]))
    return Contrast(
        arm=first.arm,
        than=second.arm,
        test=test,
        fills=tuple(fills),
        improvement=statistics.probability_of_improvement(better, worse),
        kind="paired" if is_paired else "welch",
        deviations=(0.0, 0.0) if is_paired else (deviation_of(values[0]), deviation_of(values[1])),
    )


def in_common(first: Replicates, second: Replicates) -> tuple[Replicates, Replicates]:
    """Return two arms' replicates of the seeds that both have in their plan, in the same order."""
    shared = [key for key in first.keys if key in set(second.keys)]
    return first.only(shared), second.only(shared)


def difference(
    first: NDArray[np.float64], second: NDArray[np.float64], *, is_paired: bool
) -> Difference | None:
    """Return the test of two sides' values but for NaN; None with fewer than two of either."""
    if is_paired:
        gaps = first - second
        return tests.paired(gaps[~np.isnan(gaps)].tolist())
    return tests.welch(first[~np.isnan(first)].tolist(), second[~np.isnan(second)].tolist())


def _filled(own: Replicates, bounds: Bounds, scale: Scale) -> Iterable[NDArray[np.float64]]:
    """Return values with those missing at chance and at the best seen."""
    fills = bounds if own.count("missing") else bounds[:1]
    filled = [np.where(np.isnan(own.values), fill, own.values) for fill in fills]
    return [scale.tested(values) for values in filled]


def deviation_of(values: NDArray[np.float64]) -> float:
    """Return the standard deviation of values, those that are NaN left out; at least 2."""
    return float(np.std(values[~np.isnan(values)], ddof=1))
