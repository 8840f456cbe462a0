"""`equal`: no two of some arms differ by more than the region of equivalence."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

from analysis.claims import values
from analysis.claims.ahead import Edges, edges
from analysis.claims.contrast import Contrast, Reach, Scale
from analysis.claims.metrics import METRICS
from analysis.claims.verdict import Ruling, Untestable, Verdict
from analysis.records import StudyRecords
from analysis.statistics import power


@dataclass(frozen=True, kw_only=True)
class Equal:
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

    def rule(self, alpha: float) -> Verdict:
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
        return self._verdict("inconclusive", reason, widest, alpha, seen=self._reach(widest, alpha))

    def _apart(self, pair: Contrast, alpha: float) -> Verdict:
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
        seen: Reach | None = None,
    ) -> Verdict:
        shown = decisive.comparison(self.scale, 1 - 2 * alpha if level is None else level)
        seen = seen or Reach()
        return Verdict(
            ruling=ruling,
            reason=reason,
            n=self.n,
            metric=self.scale.metric,
            arm=shown.arm,
            than=shown.than,
            quantity="difference",
            effect=shown.effect,
            low=shown.low,
            high=shown.high,
            level=shown.level,
            improvement=shown.improvement,
            equivalence=self.region,
            detectable=seen.detectable,
            seeds_needed=seen.seeds_needed,
            needed_for=seen.needed_for,
            comparisons=tuple(pair.comparison(self.scale, 1 - 2 * alpha) for pair in self.pairs),
        )


def measure_equal(
    records: StudyRecords, arms: Sequence[str], metric: str, region: float | None
) -> Equal | Untestable:
    """Compare every pair of some arms over their confirm runs."""
    refused = values.unknown_arm(records, arms) or values.voided(records, arms)
    if refused:
        return refused
    scale = Scale.of(metric, region)
    if scale.region is None:
        return Untestable(reason=f"no region of equivalence is declared for {METRICS[metric].label}")
    found = {name: values.confirm_values(records, name, metric) for name in arms}
    pairs = []
    for arm, than in combinations(arms, 2):
        pair = values.contrast(arm, than, found, scale, is_more_better=METRICS[metric].sign > 0)
        if isinstance(pair, Untestable):
            return pair
        pairs.append(pair)
    return Equal(pairs=pairs, scale=scale, region=scale.region, edges=edges(records, arms))
