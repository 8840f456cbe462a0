"""One contrast: the mean of one number a seed, the side a claim puts it on, and its status at a level."""

import math
from dataclasses import dataclass
from typing import Literal

from analysis import statistics
from analysis.claims.metrics import METRICS
from analysis.claims.verdict import Comparison, Quantity
from analysis.statistics import power

Status = Literal["ahead", "behind", "tied", "open"]
"""Where a contrast lies: on the side claimed, on the other, inside the region, or undecided."""


@dataclass(frozen=True, kw_only=True)
class Scale:
    """In which unit contrasts of a metric are tested and shown."""

    metric: str
    sign: int
    """+1 where a claim says that contrasts are above 0."""
    region: float | None
    """Half-width of the region of equivalence as declared; a share for ratios."""

    @classmethod
    def of(cls, metric: str, region: float | None, sign: int | None = None) -> "Scale":
        """Return the scale of claims about a metric.

        Args:
            metric: Key of `METRICS`.
            region: As the claim declares it; None for the metric's own.
            sign: +1 for contrasts claimed to be above 0; None where the first side is claimed to be better.
        """
        spec = METRICS[metric]
        own = spec.equivalence if region is None else region
        return cls(metric=metric, sign=spec.sign if sign is None else sign, region=own)

    @property
    def is_ratio(self) -> bool:
        """Whether contrasts are logarithms of ratios."""
        return METRICS[self.metric].is_time

    @property
    def half_width(self) -> float | None:
        """The region in the unit of the tests."""
        return math.log1p(self.region) if self.is_ratio and self.region is not None else self.region

    @property
    def quantity(self) -> Quantity:
        """What `shown` returns."""
        return "ratio" if self.is_ratio else "difference"

    @property
    def no_difference(self) -> str:
        """What the interval of two equal sides contains, in words."""
        return "a ratio of 1" if self.is_ratio else "zero"

    @property
    def region_in_words(self) -> str:
        """The region as readers see it."""
        spec = METRICS[self.metric]
        if self.region is None:
            return "no declared region"
        return f"±{100 * self.region:g} %" if self.is_ratio else f"±{spec.scale * self.region:g}{spec.unit}"

    def shown(self, value: float) -> float:
        """Return a contrast as verdicts carry it."""
        return math.exp(min(value, 700.0)) if self.is_ratio else value  # e**710 is no number any more


@dataclass(frozen=True, kw_only=True)
class Contrast:
    """Two sides compared over the seeds they share."""

    arm: str
    than: str
    test: statistics.MeanTest
    """Of `arm` minus `than`, or of the logarithm of their ratio."""
    improvement: float | None = None
    """Share of all pairs of runs in which `arm` has the better value."""

    def is_claimed_side(self, scale: Scale) -> bool:
        """Return whether the mean lies on the side the claim says."""
        return scale.sign * self.test.mean > 0

    def status(self, scale: Scale, alpha: float, count: int = 1) -> Status:
        """Return where the contrast lies at a two-sided level.

        Args:
            scale: Its unit, direction and region.
            alpha: Level at which "ahead" is decided: a claim needs all its contrasts ahead.
            count: Contrasts of the claim: "behind" and "tied" decide it alone, so they are tested at
                `alpha / count`.
        """
        if scale.half_width is not None and 2 * count * self.test.p_inside(scale.half_width) < alpha:
            return "tied"
        if self.is_claimed_side(scale):
            return "ahead" if self.test.p < alpha else "open"
        return "behind" if count * self.test.p < alpha else "open"

    def comparison(self, scale: Scale, level: float) -> Comparison:
        """Return the contrast with its interval at a confidence level."""
        half_width, mean = self.test.half_width(level), self.test.mean
        return Comparison(
            arm=self.arm,
            than=self.than,
            n=self.test.n,
            effect=scale.shown(mean),
            low=scale.shown(mean - half_width),
            high=scale.shown(mean + half_width),
            level=level,
            p=self.test.p,
            improvement=self.improvement,
        )


@dataclass(frozen=True, kw_only=True)
class Reach:
    """What the seeds of an open verdict could have shown, as verdicts carry it."""

    detectable: float | None = None
    seeds_needed: int | None = None
    needed_for: float | None = None


def reach(test: statistics.MeanTest, scale: Scale, alpha: float) -> Reach:
    """Return the difference that a contrast's seeds would have found, and the seeds for one that matters.

    The difference that matters is the region of equivalence; where none is declared, the one measured. Ratios
    are given on the side that is claimed, measured ones as they are; differences by their size.
    """
    if test.deviation == 0:
        return Reach()
    side = scale.sign if scale.is_ratio else 1
    target = side * scale.half_width if scale.half_width else test.mean if scale.is_ratio else abs(test.mean)
    found = power.detectable_difference(n=test.n, deviation=test.deviation, alpha=alpha)
    needed = power.seeds_to_find(difference=target, deviation=test.deviation, alpha=alpha) if target else None
    return Reach(
        detectable=scale.shown(side * found),
        seeds_needed=needed,
        needed_for=scale.shown(target) if target else None,
    )
