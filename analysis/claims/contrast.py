"""One contrast: the difference of two means, the side a claim puts it on, and its p-values."""

import math
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from analysis import statistics
from analysis.claims.evidence import Bounds, Edges, Levels, Untestable, too_few
from analysis.claims.scale import Scale
from analysis.claims.verdict import Comparison, Reach, Ruling, Verdict
from analysis.replicates import Replicates
from analysis.statistics import power, tests
from analysis.statistics.sequential import PValues, is_futile
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

    def outlook(self) -> list[str]:
        """Return the effect that would have been shown, and the replicates it takes."""
        return self.reach.in_words(f"a true {self.scale.quantity} of", self.scale.amount, self.unit)

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
        """Replicates of the contrast with the fewest."""
        return min(each.n for each in self.contrasts)

    @property
    def has_region(self) -> bool:
        """Whether equivalence can be concluded."""
        return self.scale.region is not None

    def p_values(self, *, kindest: bool = False) -> Mapping[Hashable, PValues]:
        """Return the p-values of each contrast, by its two sides."""
        return {key_of(each): each.p_values(self.scale, kindest=kindest) for each in self.contrasts}

    def is_futile(self, levels: Levels) -> bool:
        """Return whether no contrast that is open would be decided at the last look."""
        region, plan = self.scale.half_width, levels.plan
        tested = [test for each in self._open(levels) for test in each.fills or (each.test,)]
        return all(is_futile(test, levels.look, plan, levels.n_claims, region) for test in tested)

    def needs(self, levels: Levels) -> frozenset[str]:
        """Return both sides of every contrast that is open: an arm left behind stays there."""
        return frozenset(side for each in self._open(levels) for side in (each.arm, each.than))

    def _open(self, levels: Levels) -> list[Contrast]:
        """Return the contrasts that are not yet decided on the side claimed."""
        return [each for each in self.contrasts if levels.paths[key_of(each)].ahead >= levels.first_step]

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
        """Return a verdict with the contrast that decided it, whose replicates it counts, and all contrasts.

        Args:
            ruling: What was decided.
            reason: Why.
            decisive: The contrast that decided.
            alpha: 1 less the confidence level of the intervals shown.
            decisive_alpha: The same for the contrast that decided, where it is another one.
            outlook: What the replicates of an open verdict could have shown.
        """
        return self.verdict_type(
            ruling=ruling,
            reason=reason,
            n=decisive.n,
            scale=self.scale,
            decisive=decisive.comparison(self.scale, 1 - (decisive_alpha or alpha)),
            reach=outlook or Reach(),
            comparisons=tuple(each.comparison(self.scale, 1 - alpha) for each in self.contrasts),
        )

    def holds_none(self, decisive: Contrast, alpha: float) -> str:
        """Return a remark where the interval drawn includes no difference, which Holm's excludes."""
        drawn = decisive.comparison(self.scale, 1 - alpha)
        none = 1.0 if self.scale.is_ratio else 0.0
        return DRAWN_WIDER if drawn.low <= none <= drawn.high else ""

    def reaches_out(self, decisive: Contrast, alpha: float) -> str:
        """Return a remark where the interval drawn leaves the region, which Holm's procedure does not."""
        drawn, region = decisive.comparison(self.scale, 1 - 2 * alpha), self.scale.half_width or 0.0
        ends = [math.log(end) if self.scale.is_ratio else end for end in (drawn.low, drawn.high)]
        return DRAWN_BEYOND if max(map(abs, ends)) >= region else ""


DRAWN_WIDER = (
    "; the interval, drawn wider for all claims together, includes no difference (0, of ratios 1), which "
    "Holm's sharper procedure excludes"
)
DRAWN_BEYOND = (
    "; the interval, drawn for all claims together, leaves the region, within which Holm's sharper procedure "
    "puts it"
)


def key_of(contrast: Contrast) -> Hashable:
    """Return what tells a contrast from the others of its claim."""
    return contrast.arm, contrast.than


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
        first, second = _in_common(first, second)
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


def _in_common(first: Replicates, second: Replicates) -> tuple[Replicates, Replicates]:
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


def reach(contrasts: Sequence[Contrast], scale: Scale, levels: Levels) -> Reach:
    """Return what an open claim's replicates would have shown, and how many the declared region takes.

    What matters is the region of equivalence; where none is declared no number of replicates is named, as a
    measured difference is no effect to plan for. Ratios are given on the side that is claimed, differences by
    size.

    Args:
        contrasts: Of one side with each of its rivals.
        scale: Their unit, direction and region.
        levels: Of the verdict.
    """
    test, n, alpha = contrasts[0].kind, levels.n_last(contrasts[0].n), levels.last_alpha
    deviations = [each.test.deviation for each in contrasts]
    if not any(deviations):
        return Reach()
    ends = (
        power.shown_paired_difference(deviations=deviations, n=n, alpha=alpha)
        if test == "paired"
        else power.shown_difference(
            first=contrasts[0].deviations[0],
            others=[each.deviations[1] for each in contrasts],
            n=n,
            alpha=alpha,
        )
    )
    if ends is None:
        return Reach()
    side = scale.sign if scale.is_ratio else 1
    needed: tuple[int | None, int | None] = (None, None)
    if scale.half_width:
        limits = power.deviation_limits(math.sqrt(np.mean(np.square(deviations))), contrasts[0].test.df)
        low, high = (
            power.seeds_to_find(
                difference=scale.half_width,
                deviation=limit,
                alpha=alpha,
                test=test,
                rivals=len(contrasts),
            )
            for limit in limits
        )
        needed = (low, high)
    return Reach(
        detectable=scale.effect(side * ends.high),
        detectable_low=scale.effect(side * ends.low),
        seeds_needed=needed[1],
        seeds_needed_low=needed[0],
        needed_for=scale.effect(side * scale.half_width) if scale.half_width else None,
    )
