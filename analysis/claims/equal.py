"""`equal`: no two of some arms differ by more than the region of equivalence."""

from dataclasses import dataclass
from itertools import combinations

from analysis.claims.contrast import Contrast, contrast
from analysis.claims.contrast_verdict import ContrastEvidence, ContrastVerdict, key_of
from analysis.claims.evidence import (
    Grounds,
    Kind,
    Levels,
    Outcome,
    Paths,
    Sides,
    Untestable,
    bounds_of,
    unknown_arm,
    without_seed,
)
from analysis.claims.parts import Reach
from analysis.claims.scale import Scale
from analysis.replicates import replicates
from analysis.statistics import power
from analysis.statistics.sequential import p_equal, q_equal
from harness.study.claim_kinds import Equal


@dataclass(frozen=True, kw_only=True)
class EqualVerdict(ContrastVerdict):
    """Whether some arms are equal, with the pair that decided."""

    def outlook(self) -> list[str]:
        """Return the narrowest region that would have been shown, and the seeds it takes."""
        return self.reach.in_words(
            "equality within", lambda region: f"±{self.scale.amount(region)}", self.unit
        )


@dataclass(frozen=True, kw_only=True)
class Equality(ContrastEvidence):
    """Every pair of some arms.

    Two one-sided tests a pair, each at the claim's level in the family of equivalence: the interval shown is
    at `1 - 2 alpha`, as is usual for them.
    """

    verdict_type = EqualVerdict

    region: float
    """Half-width of the region."""

    def sides(self, paths: Paths) -> Sides:
        """Return the levels at which any pair lies outside the region (Bonferroni), and every one inside."""
        own = [paths[key_of(pair)] for pair in self.contrasts]
        return Sides(1.0, p_equal(own), q_equal(own), is_claimed_a_tie=True)

    def tell(self, outcome: Outcome, levels: Levels) -> ContrastVerdict:
        """Return the verdict of an outcome; that all pairs are tied is what it claims."""
        region, alpha = self.scale.region_in_words, levels.tied_alpha
        widest = max(self.contrasts, key=lambda pair: levels.paths[key_of(pair)].inside)
        if outcome == "tied":
            reason = f"two one-sided tests put every pair within {region}" + self.reaches_out(widest, alpha)
            return self.verdict("supported", reason, widest, 2 * alpha)
        if outcome == "against":
            return self._apart(levels)
        reason = f"the tests do not put {widest.arm} and {widest.than} within {region}"
        return self.verdict("inconclusive", reason, widest, 2 * alpha, outlook=self._reach(widest, levels))

    def _open(self, levels: Levels) -> list[Contrast]:
        """Return the pairs that are not yet known to lie inside the region."""
        paths, inside_at = levels.paths, levels.first_tied_step
        return [pair for pair in self.contrasts if paths[key_of(pair)].inside >= inside_at]

    def _apart(self, levels: Levels) -> ContrastVerdict:
        """Return the verdict of a pair that the tests put outside the region."""
        pair = min(self.contrasts, key=lambda pair: levels.paths[key_of(pair)].outside)
        level = levels.alpha / len(self.contrasts)
        reason = f"the test puts {pair.arm} and {pair.than} outside {self.scale.region_in_words}"
        behind = pair.than if self.scale.sign * pair.test.mean > 0 else pair.arm
        edge = self.edges.get(behind)
        if edge is None:
            return self.verdict("contradicted", reason, pair, 2 * levels.tied_alpha, decisive_alpha=level)
        reason += f", but {behind} chose a rate at the {edge} edge of its range: a wider range may mend it"
        return self.verdict("inconclusive", reason, pair, 2 * levels.tied_alpha, decisive_alpha=level)

    def _reach(self, pair: Contrast, levels: Levels) -> Reach:
        """Return the region the pair's replicates would have shown, and how many the declared one takes."""
        n, alpha = (
            levels.n_last(pair.n),
            levels.plan.weights[-1] * levels.plan.alpha / max(1, levels.n_regions),
        )
        if pair.test.deviation == 0 or n < power.FEWEST:
            return Reach()
        limits = power.deviation_limits(pair.test.deviation, pair.test.df)
        narrowest = [
            power.provable_region(n=n, deviation=limit, alpha=alpha, test=pair.kind) for limit in limits
        ]
        low, high = (
            power.seeds_to_show_equivalence(deviation=limit, region=self.region, alpha=alpha, test=pair.kind)
            for limit in limits
        )
        return Reach(
            detectable=narrowest[1],
            detectable_low=narrowest[0],
            seeds_needed=high,
            seeds_needed_low=low,
            needed_for=self.region,
        )


def _measure(grounds: Grounds, spec: Equal, region: float | None, n: int) -> Equality | Untestable:
    """Compare every pair of some arms over their confirm runs."""
    records, metric = grounds.records, grounds.records.metrics[spec.metric]
    scale = Scale.of(metric, region)
    if scale.region is None:
        reason = f"no region of equivalence is declared for {metric.label}"
        return Untestable(reason=reason, is_by_design=True)
    refused = unknown_arm(records, spec.arms) or without_seed(records, spec.arms)
    if refused:
        return refused
    sides = {arm: replicates(records, arm, spec.metric, n) for arm in spec.arms}
    bounds, is_paired = bounds_of(records, spec.metric, sides.values()), grounds.design.seeds_are_common
    pairs = []
    for arm, than in combinations(spec.arms, 2):
        pair = contrast(sides[arm], sides[than], scale, is_paired=is_paired, bounds=bounds)
        if isinstance(pair, Untestable):
            return pair
        pairs.append(pair)
    return Equality(contrasts=pairs, scale=scale, region=scale.region, edges=grounds.edges(spec.arms))


EQUAL = Kind(
    measure=_measure,
    compared_arms=lambda spec, _: spec.arms,
    note="Equal: every pair must lie inside the region, by two one-sided tests (for one claim, at 90 %).",
)
