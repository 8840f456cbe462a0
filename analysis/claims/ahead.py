"""`better` and `best`: an arm is ahead of one other or of all others. Which arms may be the best at all?"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from analysis.claims.contrast import (
    Contrast,
    ContrastEvidence,
    ContrastVerdict,
    Scale,
    Status,
    contrast,
    reach,
)
from analysis.claims.evidence import (
    Edges,
    Grounds,
    Kind,
    Untestable,
    Values,
    confirm_values,
    unknown_arm,
    voided,
)
from analysis.claims.verdict import ALPHA, METRICS
from analysis.statistics import factors
from harness.study.claims import Best, Better


@dataclass(frozen=True, kw_only=True)
class Ahead(ContrastEvidence):
    """One arm compared with one or more rivals."""

    @property
    def p(self) -> float:
        """Level at which every rival is left behind, or any one is ahead (Bonferroni)."""
        wrong = [c.test.p for c in self.contrasts if not c.is_claimed_side(self.scale)]
        if wrong:
            return min(1.0, len(self.contrasts) * min(wrong))
        return max(c.test.p for c in self.contrasts)

    def rule(self, alpha: float) -> ContrastVerdict:
        """Return the verdict at a two-sided level."""
        by_status: dict[Status, list[Contrast]] = {"ahead": [], "behind": [], "tied": [], "open": []}
        for against in self.contrasts:
            by_status[against.status(self.scale, alpha, len(self.contrasts))].append(against)
        if by_status["behind"]:
            return self._contradicted(by_status["behind"], alpha)
        if by_status["open"]:
            return self._inconclusive(by_status["open"], alpha)
        if by_status["tied"]:
            return self._equivalent(by_status["tied"], alpha)
        return self._supported(alpha)

    def _supported(self, alpha: float) -> ContrastVerdict:
        closest = max(self.contrasts, key=lambda c: c.test.p)
        edged = [c for c in self.contrasts if self.edges.get(c.than)]
        if edged:
            return self._open_by_edge(edged[0], edged[0].than, alpha, alpha)
        if len(self.contrasts) == 1:
            reason = f"the interval excludes {self.scale.no_difference} on the side claimed"
        else:
            reason = f"ahead of each of {_names(self.contrasts)}, least surely of {closest.than}"
        return self.verdict("supported", reason, closest, alpha)

    def _contradicted(self, behind: Sequence[Contrast], alpha: float) -> ContrastVerdict:
        level = alpha / len(self.contrasts)
        clearest = min(behind, key=lambda c: c.test.p)
        if self.edges.get(clearest.arm):
            return self._open_by_edge(clearest, clearest.arm, alpha, level)
        if len(self.contrasts) == 1:
            reason = f"the interval excludes {self.scale.no_difference} on the other side"
        else:
            reason = f"behind {_names(behind)}"
        return self.verdict("contradicted", reason, clearest, alpha, decisive_alpha=level)

    def _equivalent(self, tied: Sequence[Contrast], alpha: float) -> ContrastVerdict:
        closest = min(tied, key=lambda c: abs(c.test.mean))
        reason = f"the whole interval lies within {self.scale.region_in_words}, declared too small to matter"
        if len(self.contrasts) > 1:
            reason = f"tied with {_names(tied)}: {reason}"
        return self.verdict("equivalent", reason, closest, alpha, decisive_alpha=alpha / len(self.contrasts))

    def _inconclusive(self, undecided: Sequence[Contrast], alpha: float) -> ContrastVerdict:
        strongest = min(undecided, key=lambda c: self.scale.sign * c.test.mean)
        reason = f"the interval contains {self.scale.no_difference}"
        if len(self.contrasts) > 1:
            reason = f"not separated from {_names(undecided)}: {reason}"
        if self.scale.region is not None:
            reason += " and is too wide to show equivalence"
        outlook = reach(strongest.test, self.scale, alpha)
        level = alpha if strongest.is_claimed_side(self.scale) else alpha / len(self.contrasts)
        return self.verdict("inconclusive", reason, strongest, alpha, decisive_alpha=level, outlook=outlook)

    def _open_by_edge(self, decisive: Contrast, behind: str, alpha: float, level: float) -> ContrastVerdict:
        reason = (
            f"{behind} is behind, but its learning rate lies at the {self.edges[behind]} edge of its range: "
            f"a wider range may mend it"
        )
        return self.verdict("inconclusive", reason, decisive, alpha, decisive_alpha=level)


def _names(contrasts: Sequence[Contrast]) -> str:
    return " and ".join(c.than for c in contrasts)


def ahead_of(
    arm: str, rivals: Sequence[str], values: Mapping[str, Values], scale: Scale, edges: Edges
) -> Ahead | Untestable:
    """Compare an arm with its rivals, whatever was measured of them.

    Args:
        arm: The arm a claim puts ahead.
        rivals: The others.
        values: Each one's value by seed.
        scale: Metric, direction and region.
        edges: Which arms chose a rate at an edge of their range.
    """
    contrasts = []
    for rival in rivals:
        against = contrast(arm, rival, values, scale, is_more_better=METRICS[scale.metric].sign > 0)
        if isinstance(against, Untestable):
            return against
        contrasts.append(against)
    return Ahead(contrasts=contrasts, scale=scale, edges=edges)


def _measure(
    grounds: Grounds, arm: str, rivals: Sequence[str], metric: str, region: float | None
) -> Ahead | Untestable:
    """Compare an arm's confirm runs with those of its rivals."""
    if not rivals:
        return Untestable(reason="the study has one arm only")
    arms = [arm, *rivals]
    refused = unknown_arm(grounds.records, arms) or voided(grounds.records, arms)
    if refused:
        return refused
    values = confirm_values(grounds.records, arms, metric)
    return ahead_of(arm, rivals, values, Scale.of(metric, region), grounds.edges(arms))


def _measure_better(grounds: Grounds, spec: Better, region: float | None) -> Ahead | Untestable:
    return _measure(grounds, spec.arm, [spec.than], spec.metric, region)


def _measure_best(grounds: Grounds, spec: Best, region: float | None) -> Ahead | Untestable:
    rivals = [arm for arm in grounds.records.arms if arm != spec.arm]
    return _measure(grounds, spec.arm, rivals, spec.metric, region)


BETTER = Kind(measure=_measure_better, compared_arms=lambda spec, _: (spec.arm, spec.than))

BEST = Kind(
    measure=_measure_best,
    compared_arms=lambda _, declaration: declaration.arms,
    note="Best: each other arm must be left behind; shown is the comparison that decided.",
)


def leaders(grounds: Grounds, metric: str = "test_accuracy") -> list[str] | None:
    """Return the arms that no other arm is shown to be better than; None where arms cannot be compared.

    A set, never a single winner by the look of a table. The arm with the best true mean is among them with a
    chance of 95 %. An arm whose learning rate lies at the edge of its range stays, as no arm may be called
    better than it.
    """
    records, arms = grounds.records, grounds.records.arms
    if len(arms) < 2 or voided(records, arms) or grounds.unequal_budgets:
        return None
    values = confirm_values(records, arms, metric)
    seeds = sorted(set.intersection(*map(set, values.values())))
    if len(seeds) < 2:
        return None
    matrix = np.array([[values[arm][seed] for arm in arms] for seed in seeds])
    is_possible = factors.not_the_largest(METRICS[metric].sign * matrix) >= ALPHA
    edges = grounds.edges(arms)
    return [arm for arm, is_in in zip(arms, is_possible, strict=True) if is_in or edges[arm]]
