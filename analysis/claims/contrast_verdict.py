"""Claims that contrasts decide: their evidence, their verdict, and what an open one could have shown."""

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from analysis.claims.contrast import Contrast
from analysis.claims.evidence import Edges, Levels
from analysis.claims.parts import Comparison, Reach
from analysis.claims.scale import Scale
from analysis.claims.verdict import Ruling, Verdict
from analysis.statistics import power
from analysis.statistics.sequential import PValues, is_futile


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
        """Return whether none of the contrasts that are open, if any, would be decided at the last look."""
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

    def open_by_edge(self, decisive: Contrast, behind: str, levels: Levels, alpha: float) -> ContrastVerdict:
        """Return the verdict of a contrast that decides nothing, as what is behind lies at an edge."""
        reason = behind_at_edge(behind, self.edges)
        return self.verdict("inconclusive", reason, decisive, levels.alpha, decisive_alpha=alpha)

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


def behind_at_edge(arm: str, edges: Edges) -> str:
    """Return why an arm or level that is behind is not called worse: its rate is at an edge of its range."""
    place = f"at the {edges[arm]} edge of its range"
    return f"{arm} is behind, but its learning rate lies {place}: a wider range may mend it"


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
    test, n, alpha = contrasts[0].kind, contrasts[0].n, levels.last_alpha
    n_last = levels.n_last(n)
    deviations = [each.test.deviation for each in contrasts]
    if not any(deviations):
        return Reach()
    ends = (
        power.shown_paired_difference(deviations=deviations, n=n, n_last=n_last, alpha=alpha)
        if test == "paired"
        else power.shown_difference(
            first=contrasts[0].deviations[0],
            others=[each.deviations[1] for each in contrasts],
            n=n,
            n_last=n_last,
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
