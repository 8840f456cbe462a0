"""`equal`: no two of some arms differ by more than the region of equivalence."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

from analysis.claims.contrast import Contrast, ContrastVerdict, Scale, contrast
from analysis.claims.evidence import Edges, Grounds, Kind, Untestable, confirm_values, unknown_arm, voided
from analysis.claims.metrics import METRICS
from analysis.claims.verdict import Reach, Ruling
from analysis.statistics import power
from harness.study.claims import Equal


@dataclass(frozen=True, kw_only=True)
class EqualVerdict(ContrastVerdict):
    """Whether some arms are equal, with the pair that decided."""

    def why(self) -> str:
        """Return the reason, then the narrowest region that would have been shown, and the seeds it takes."""
        outlook = self.reach.in_words(
            "equality within", lambda region: f"±{self.scale.amount(region)}", is_as_measured=False
        )
        return "; ".join([self.reason, *outlook])


@dataclass(frozen=True, kw_only=True)
class Equality:
    """Every pair of some arms.

    Two one-sided tests a pair, each at the claim's level: the interval shown is at `1 - 2 alpha`, as is usual
    for them.
    """

    pairs: Sequence[Contrast]
    scale: Scale
    region: float
    """Half-width of the region."""
    edges: Edges

    @property
    def n(self) -> int:
        """Seeds shared by the pair that shares the fewest."""
        return min(pair.test.n for pair in self.pairs)

    @property
    def p(self) -> float:
        """Level at which every pair lies inside the region, or any one outside of it (Bonferroni)."""
        inside = max(pair.test.p_inside(self.region) for pair in self.pairs)
        outside = min(pair.test.p_outside(self.region) for pair in self.pairs)
        return min(inside, len(self.pairs) * outside, 1.0)

    def rule(self, alpha: float) -> EqualVerdict:
        """Return the verdict at a level."""
        shown, count = self.scale.region_in_words, len(self.pairs)
        widest = max(self.pairs, key=lambda pair: pair.test.p_inside(self.region))
        if widest.test.p_inside(self.region) < alpha:
            reason = f"the interval of every pair lies within {shown}"
            return self._verdict("supported", reason, widest, alpha)
        apart = min(self.pairs, key=lambda pair: pair.test.p_outside(self.region))
        if count * apart.test.p_outside(self.region) < alpha:
            return self._apart(apart, alpha)
        reason = f"the interval of {widest.arm} and {widest.than} reaches beyond {shown}"
        return self._verdict("inconclusive", reason, widest, alpha, outlook=self._reach(widest, alpha))

    def _apart(self, pair: Contrast, alpha: float) -> EqualVerdict:
        """Return the verdict of a pair whose interval lies outside the region."""
        level = 1 - alpha / len(self.pairs)
        reason = f"the interval of {pair.arm} and {pair.than} lies outside {self.scale.region_in_words}"
        behind = pair.than if self.scale.sign * pair.test.mean > 0 else pair.arm
        edge = self.edges.get(behind)
        if edge is None:
            return self._verdict("contradicted", reason, pair, alpha, level=level)
        reason += f", but {behind} chose a rate at the {edge} edge of its range: a wider range may mend it"
        return self._verdict("inconclusive", reason, pair, alpha, level=level)

    def _reach(self, pair: Contrast, alpha: float) -> Reach:
        """Return the narrowest region the pair's seeds would have shown, and seeds for the declared one."""
        deviation = pair.test.deviation
        if deviation == 0:
            return Reach()
        narrowest = power.provable_region(n=pair.test.n, deviation=deviation, alpha=alpha)
        needed = power.seeds_to_show_equivalence(deviation=deviation, region=self.region, alpha=alpha)
        return Reach(detectable=narrowest, seeds_needed=needed, needed_for=self.region)

    def _verdict(
        self,
        ruling: Ruling,
        reason: str,
        decisive: Contrast,
        alpha: float,
        *,
        level: float | None = None,
        outlook: Reach | None = None,
    ) -> EqualVerdict:
        return EqualVerdict(
            ruling=ruling,
            reason=reason,
            n=self.n,
            scale=self.scale,
            decisive=decisive.comparison(self.scale, 1 - 2 * alpha if level is None else level),
            reach=outlook or Reach(),
            comparisons=tuple(pair.comparison(self.scale, 1 - 2 * alpha) for pair in self.pairs),
        )


def _measure(grounds: Grounds, spec: Equal, region: float | None) -> Equality | Untestable:
    """Compare every pair of some arms over their confirm runs."""
    records, metric = grounds.records, METRICS[spec.metric]
    refused = unknown_arm(records, spec.arms) or voided(records, spec.arms)
    if refused:
        return refused
    scale = Scale.of(spec.metric, region)
    if scale.region is None:
        return Untestable(reason=f"no region of equivalence is declared for {metric.label}")
    values = confirm_values(records, spec.arms, spec.metric)
    pairs = []
    for arm, than in combinations(spec.arms, 2):
        pair = contrast(arm, than, values, scale, is_more_better=metric.sign > 0)
        if isinstance(pair, Untestable):
            return pair
        pairs.append(pair)
    return Equality(pairs=pairs, scale=scale, region=scale.region, edges=grounds.edges(spec.arms))


EQUAL = Kind(
    measure=_measure,
    compared_arms=lambda spec, _: spec.arms,
    note="Equal: every pair must lie inside the region, by two one-sided tests (before Holm, at 90 %).",
)
