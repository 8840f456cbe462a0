"""One contrast: the mean of one number a seed, the side a claim puts it on, and its status at a level."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from analysis import statistics
from analysis.claims.evidence import Edges, Response, Untestable, Values, too_few_seeds
from analysis.claims.verdict import METRICS, Comparison, Reach, Ruling, Verdict
from analysis.render import numbers
from analysis.responses import label
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
        return cls(
            metric=metric,
            sign=spec.sign if sign is None else sign,
            region=spec.equivalence if region is None else region,
        )

    @property
    def is_ratio(self) -> bool:
        """Whether contrasts are logarithms of ratios."""
        return METRICS[self.metric].is_time

    @property
    def half_width(self) -> float | None:
        """The region in the unit of the tests."""
        return math.log1p(self.region) if self.is_ratio and self.region is not None else self.region

    @property
    def quantity(self) -> Literal["ratio", "difference"]:
        """What `effect` returns."""
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

    def effect(self, value: float) -> float:
        """Return a contrast as verdicts carry it."""
        return math.exp(min(value, 700.0)) if self.is_ratio else value  # e**710 is no number any more

    def amount(self, effect: float) -> str:
        """Return a ratio, or the size of a difference, in the readers' unit."""
        spec = METRICS[self.metric]
        return _ratio(effect) if self.is_ratio else f"{spec.scale * effect:.2g}{spec.unit}"

    def measured(self, comparison: Comparison) -> str:
        """Return a comparison's effect with its interval in words."""
        level = f"{100 * comparison.level:.4g} % interval"
        if self.is_ratio:
            ends = f"{_ratio(comparison.low)} to {_ratio(comparison.high)}"
            return f"{_ratio(comparison.effect)} ({ends}, {level})"
        spec, half_width = METRICS[self.metric], comparison.high - comparison.effect
        amount = numbers.with_uncertainty(comparison.effect, half_width, scale=spec.scale)
        sign = "" if amount.startswith("-") else "+"
        return f"{sign}{amount}{spec.unit} ({level})"


def _ratio(value: float) -> str:
    return f"{numbers.TIMES}{value:.3g}"


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
            effect=scale.effect(mean),
            low=scale.effect(mean - half_width),
            high=scale.effect(mean + half_width),
            level=level,
            p=self.test.p,
            improvement=self.improvement,
        )


@dataclass(frozen=True, kw_only=True)
class ContrastVerdict(Verdict):
    """A claim decided by one contrast."""

    scale: Scale
    decisive: Comparison
    """The contrast, with its interval at the level that decided."""

    def measured(self) -> str:
        """Return the effect with its interval, and whose it is where the claim does not name both sides."""
        sides = f"{self.decisive.arm} {'to' if self.scale.is_ratio else 'minus'} {self.decisive.than}: "
        return f"{'' if self.claim.than else sides}{self.scale.measured(self.decisive)}"

    def why(self) -> str:
        """Return the reason, then the effect that would have been shown, and the seeds it takes."""
        outlook = self.reach.in_words(
            f"a true {self.scale.quantity} of", self.scale.amount, is_as_measured=self.scale.region is None
        )
        return "; ".join([self.reason, *outlook])

    def findings(self) -> dict[str, Any]:
        """Return what was measured, by its column."""
        return {
            "arm": self.decisive.arm,
            "than": self.decisive.than,
            "quantity": self.scale.quantity,
            "effect": self.decisive.effect,
            "low": self.decisive.low,
            "high": self.decisive.high,
            "level": self.decisive.level,
            "improvement": self.decisive.improvement,
            "equivalence": self.scale.region,
        }


@dataclass(frozen=True, kw_only=True)
class ContrastEvidence:
    """Contrasts of a claim whose ruling one of them decides."""

    verdict_type: ClassVar[type[ContrastVerdict]] = ContrastVerdict

    contrasts: Sequence[Contrast]
    scale: Scale
    edges: Edges

    @property
    def n(self) -> int:
        """Seeds of the contrast with the fewest."""
        return min(each.test.n for each in self.contrasts)

    def verdict(
        self,
        ruling: Ruling,
        reason: str,
        decisive: Contrast,
        alpha: float,
        *,
        decisive_alpha: float | None = None,
        outlook: Reach | None = None,
    ) -> ContrastVerdict:
        """Return a verdict with the contrast that decided it and all contrasts.

        Args:
            ruling: What was decided.
            reason: Why.
            decisive: The contrast that decided.
            alpha: 1 less the confidence level of the intervals shown.
            decisive_alpha: The same for the contrast that decided, where it is another one.
            outlook: What the seeds of an open verdict could have shown.
        """
        return self.verdict_type(
            ruling=ruling,
            reason=reason,
            n=self.n,
            scale=self.scale,
            decisive=decisive.comparison(self.scale, 1 - (decisive_alpha or alpha)),
            reach=outlook or Reach(),
            comparisons=tuple(each.comparison(self.scale, 1 - alpha) for each in self.contrasts),
        )


def contrast(
    arm: str, than: str, values: Mapping[str, Values], scale: Scale, *, is_more_better: bool
) -> Contrast | Untestable:
    """Compare two sides over the seeds they share.

    Args:
        arm: One side.
        than: The other.
        values: Each side's values.
        scale: Whether differences or ratios are tested.
        is_more_better: Which of two runs counts as improved.
    """
    first, second = values[arm], values[than]
    compare = statistics.paired_log_ratio if scale.is_ratio else statistics.paired_difference
    test = compare(first, second)
    if test is None:
        return too_few_seeds(len(first.keys() & second.keys()))
    if test.is_constant:
        reason = "the difference is the same for every seed: no variation to judge by"
        return Untestable(reason=reason, n=test.n)
    shared = sorted(first.keys() & second.keys())
    ahead, behind = [first[seed] for seed in shared], [second[seed] for seed in shared]
    if not is_more_better:
        ahead, behind = behind, ahead
    improvement = statistics.probability_of_improvement(ahead, behind)
    return Contrast(arm=arm, than=than, test=test, improvement=improvement)


def between_levels(response: Response, arm: int, than: int) -> Contrast:
    """Return one level, by its place, against another."""
    gaps = response.matrix[:, arm] - response.matrix[:, than]
    test = statistics.MeanTest.of(gaps.tolist())
    return Contrast(arm=label(response.levels[arm]), than=label(response.levels[than]), test=test)


def reach(test: statistics.MeanTest, scale: Scale, alpha: float) -> Reach:
    """Return the difference that a contrast's seeds would have found, and the seeds for one that matters.

    The difference that matters is the region of equivalence; where none is declared, the one measured. Ratios
    are given on the side that is claimed, measured ones as they are; differences by their size.
    """
    if test.deviation == 0:
        return Reach()
    side = scale.sign if scale.is_ratio else 1
    target = side * scale.half_width if scale.half_width else test.mean if scale.is_ratio else abs(test.mean)
    least = power.detectable_difference(n=test.n, deviation=test.deviation, alpha=alpha)
    needed = power.seeds_to_find(difference=target, deviation=test.deviation, alpha=alpha) if target else None
    return Reach(
        detectable=scale.effect(side * least),
        seeds_needed=needed,
        needed_for=scale.effect(target) if target else None,
    )
