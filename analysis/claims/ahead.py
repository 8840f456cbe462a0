"""`better` and `best`: an arm is ahead of one other or of all others. Which arms may be the best at all?"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from analysis.claims.contrast import Contrast, contrast
from analysis.claims.contrast_verdict import (
    ContrastEvidence,
    ContrastVerdict,
    key_of,
    reach,
)
from analysis.claims.evidence import (
    Bounds,
    Edges,
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
from analysis.claims.scale import Scale
from analysis.claims.verdict import ALPHA
from analysis.replicates import Replicates, n_ended, replicates
from analysis.statistics.sequential import ahead_of_all, behind_any, q_best
from harness.study.claim_kinds import Best, Better


@dataclass(frozen=True, kw_only=True)
class Ahead(ContrastEvidence):
    """One arm compared with one or more rivals."""

    def sides(self, paths: Paths) -> Sides:
        """Return the levels at which all rivals are left behind, or any is ahead or tied (Bonferroni)."""
        own = [paths[key_of(each)] for each in self.contrasts]
        return Sides(ahead_of_all(own), behind_any(own), q_best(own))

    def tell(self, outcome: Outcome, levels: Levels) -> ContrastVerdict:
        """Return the verdict of an outcome."""
        return {
            "claimed": self._supported,
            "against": self._contradicted,
            "tied": self._equivalent,
            "open": self._inconclusive,
        }[outcome](levels)

    def _supported(self, levels: Levels) -> ContrastVerdict:
        closest = max(self.contrasts, key=lambda c: levels.paths[key_of(c)].ahead)
        edged = [c for c in self.contrasts if self.edges.get(c.than)]
        if edged:
            return self.open_by_edge(edged[0], edged[0].than, levels, levels.alpha)
        if len(self.contrasts) == 1:
            reason = f"the test excludes {self.scale.no_difference} on the side claimed"
        else:
            reason = f"ahead of each of {_names(self.contrasts)}, least surely of {closest.than}"
        reason += self.holds_none(closest, levels.alpha)
        return self.verdict("supported", reason, closest, levels.alpha)

    def _contradicted(self, levels: Levels) -> ContrastVerdict:
        level = levels.alpha / len(self.contrasts)
        behind = sorted(self.contrasts, key=lambda c: levels.paths[key_of(c)].behind)
        clearest = behind[0]
        if self.edges.get(clearest.arm):
            return self.open_by_edge(clearest, clearest.arm, levels, level)
        if len(self.contrasts) == 1:
            reason = f"the test excludes {self.scale.no_difference} on the other side"
        else:
            decided = [c for c in self.contrasts if self._is_behind(c, levels) or c is clearest]
            reason = f"behind {_names(decided)}"
        reason += self.holds_none(clearest, level)
        return self.verdict("contradicted", reason, clearest, levels.alpha, decisive_alpha=level)

    def _is_behind(self, against: Contrast, levels: Levels) -> bool:
        return levels.paths[key_of(against)].behind * len(self.contrasts) < levels.first_step

    def _equivalent(self, levels: Levels) -> ContrastVerdict:
        level = levels.tied_alpha / len(self.contrasts)
        closest = min(self.contrasts, key=lambda c: levels.paths[key_of(c)].inside)
        reason = (
            f"two one-sided tests put it within {self.scale.region_in_words}, declared too small to matter"
        )
        if len(self.contrasts) > 1:
            reason = f"tied with {closest.than}: {reason}"
        reason += self.reaches_out(closest, level)
        return self.verdict("equivalent", reason, closest, levels.alpha, decisive_alpha=2 * level)

    def _inconclusive(self, levels: Levels) -> ContrastVerdict:
        undecided = self._open(levels) or list(self.contrasts)
        strongest = min(undecided, key=lambda c: self.scale.sign * c.test.mean)
        reason = f"the test does not exclude {self.scale.no_difference}"
        if len(self.contrasts) > 1:
            reason = f"not separated from {_names(undecided)}: {reason}"
        if self.scale.region is not None:
            reason += " and does not show equivalence"
        is_behind = self.scale.sign * strongest.test.mean <= 0
        level = levels.alpha / (len(self.contrasts) if is_behind else 1)
        outlook = reach(self.contrasts, self.scale, levels)
        return self.verdict(
            "inconclusive", reason, strongest, levels.alpha, decisive_alpha=level, outlook=outlook
        )


def _names(contrasts: Sequence[Contrast]) -> str:
    return " and ".join(c.than for c in contrasts)


def ahead_of(
    arm: str,
    rivals: Sequence[str],
    sides: Mapping[str, Replicates],
    scale: Scale,
    edges: Edges,
    *,
    is_paired: bool = True,
    bounds: Bounds | None = None,
) -> Ahead | Untestable:
    """Compare an arm with its rivals, whatever was measured of them.

    Args:
        arm: The arm a claim puts ahead.
        rivals: The others.
        sides: Each one's replicates.
        scale: Metric, direction and region.
        edges: Which arms chose a rate at an edge of their range.
        is_paired: Whether arms share their seeds.
        bounds: What a missing replicate may have been.
    """
    contrasts = []
    for rival in rivals:
        against = contrast(sides[arm], sides[rival], scale, is_paired=is_paired, bounds=bounds)
        if isinstance(against, Untestable):
            return against
        contrasts.append(against)
    return Ahead(contrasts=contrasts, scale=scale, edges=edges)


def _measure(
    grounds: Grounds, spec: Better | Best, rivals: Sequence[str], region: float | None, n: int
) -> Ahead | Untestable:
    """Compare an arm's confirm runs with those of its rivals."""
    arm, metric = spec.arm, spec.metric
    records, arms = grounds.records, [arm, *rivals]
    refused = unknown_arm(records, arms) or without_seed(records, arms)
    if refused:
        return refused
    sides = {name: replicates(records, name, metric, n) for name in arms}
    scale, bounds = Scale.of(records.metrics[metric], region), bounds_of(records, metric, sides.values())
    is_paired = grounds.design.seeds_are_common
    return ahead_of(arm, rivals, sides, scale, grounds.edges(arms), is_paired=is_paired, bounds=bounds)


def _measure_better(grounds: Grounds, spec: Better, region: float | None, n: int) -> Ahead | Untestable:
    return _measure(grounds, spec, [spec.than], region, n)


def _measure_best(grounds: Grounds, spec: Best, region: float | None, n: int) -> Ahead | Untestable:
    rivals = [arm for arm in grounds.records.arms if arm != spec.arm]
    if not rivals:
        return Untestable(reason="the study has one arm only", is_by_design=True)
    return _measure(grounds, spec, rivals, region, n)


BETTER = Kind(measure=_measure_better, compared_arms=lambda spec, _: (spec.arm, spec.than))

BEST = Kind(
    measure=_measure_best,
    compared_arms=lambda _, declaration: declaration.arms,
    note="Best: each other arm must be left behind; shown is the comparison that decided.",
)


def leaders(grounds: Grounds) -> list[str] | None:
    """Return the arms that none is shown to be better than by the headline; None where none can be compared.

    A set, never a single winner by the look of a table. The arm with the best true mean is among them with a
    chance of 95 %: an arm is refuted by any other (one-sided, Bonferroni over the others). An arm whose
    learning rate lies at the edge of its range stays, as no arm may be called better than it. None before all
    planned replicates have ended.

    Source: Hsu (1981), Simultaneous confidence intervals for all distances from the "best"; Bonferroni and
        the study's own test in place of its common variance.
    """
    records, arms = grounds.records, grounds.records.arms
    n = grounds.design.counts[-1]
    ended = [n_ended(records, arm, n) for arm in arms]
    if len(arms) < 2 or grounds.unequal_budgets or any(done < planned for done, planned in ended):
        return None
    metric = records.metrics.headline
    sides = {arm: replicates(records, arm, metric.name, n) for arm in arms}
    bounds, scale = bounds_of(records, metric.name, sides.values()), Scale.of(metric, None)
    edges, possible = grounds.edges(arms), []
    for arm in arms:
        rivals = [rival for rival in arms if rival != arm]
        tested = ahead_of(
            arm, rivals, sides, scale, edges, is_paired=grounds.design.seeds_are_common, bounds=bounds
        )
        if isinstance(tested, Untestable):
            return None
        one_sided = min(values.behind for values in tested.p_values().values()) / 2
        if edges[arm] or len(rivals) * one_sided >= ALPHA:
            possible.append(arm)
    return possible
