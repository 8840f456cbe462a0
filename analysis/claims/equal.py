"""`equal`: no two of some arms differ by more than the region of equivalence."""

from dataclasses import dataclass
from itertools import combinations

from analysis.claims.contrast import Contrast, ContrastEvidence, ContrastVerdict, Scale, contrast
from analysis.claims.evidence import Grounds, Kind, Untestable, confirm_values, unknown_arm, voided
from analysis.claims.verdict import METRICS, Reach
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
class Equality(ContrastEvidence):
    """Every pair of some arms.

    Two one-sided tests a pair, each at the claim's level: the interval shown is at `1 - 2 alpha`, as is usual
    for them.
    """

    verdict_type = EqualVerdict

    region: float
    """Half-width of the region."""

    @property
    def p(self) -> float:
        """Level at which every pair lies inside the region, or any one outside of it (Bonferroni)."""
        inside = max(pair.test.p_inside(self.region) for pair in self.contrasts)
        outside = min(pair.test.p_outside(self.region) for pair in self.contrasts)
        return min(inside, len(self.contrasts) * outside, 1.0)

    def rule(self, alpha: float) -> ContrastVerdict:
        """Return the verdict at a level."""
        region, count = self.scale.region_in_words, len(self.contrasts)
        widest = max(self.contrasts, key=lambda pair: pair.test.p_inside(self.region))
        if widest.test.p_inside(self.region) < alpha:
            reason = f"the interval of every pair lies within {region}"
            return self.verdict("supported", reason, widest, 2 * alpha)
        apart = min(self.contrasts, key=lambda pair: pair.test.p_outside(self.region))
        if count * apart.test.p_outside(self.region) < alpha:
            return self._apart(apart, alpha)
        reason = f"the interval of {widest.arm} and {widest.than} reaches beyond {region}"
        return self.verdict("inconclusive", reason, widest, 2 * alpha, outlook=self._reach(widest, alpha))

    def _apart(self, pair: Contrast, alpha: float) -> ContrastVerdict:
        """Return the verdict of a pair whose interval lies outside the region."""
        level = alpha / len(self.contrasts)
        reason = f"the interval of {pair.arm} and {pair.than} lies outside {self.scale.region_in_words}"
        behind = pair.than if self.scale.sign * pair.test.mean > 0 else pair.arm
        edge = self.edges.get(behind)
        if edge is None:
            return self.verdict("contradicted", reason, pair, 2 * alpha, decisive_alpha=level)
        reason += f", but {behind} chose a rate at the {edge} edge of its range: a wider range may mend it"
        return self.verdict("inconclusive", reason, pair, 2 * alpha, decisive_alpha=level)

    def _reach(self, pair: Contrast, alpha: float) -> Reach:
        """Return the narrowest region the pair's seeds would have shown, and seeds for the declared one."""
        deviation = pair.test.deviation
        if deviation == 0:
            return Reach()
        narrowest = power.provable_region(n=pair.test.n, deviation=deviation, alpha=alpha)
        needed = power.seeds_to_show_equivalence(deviation=deviation, region=self.region, alpha=alpha)
        return Reach(detectable=narrowest, seeds_needed=needed, needed_for=self.region)


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
    return Equality(contrasts=pairs, scale=scale, region=scale.region, edges=grounds.edges(spec.arms))


EQUAL = Kind(
    measure=_measure,
    compared_arms=lambda spec, _: spec.arms,
    note="Equal: every pair must lie inside the region, by two one-sided tests (before Holm, at 90 %).",
)
