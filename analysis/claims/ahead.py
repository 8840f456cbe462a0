"""`better`, `best` and `faster`: an arm is ahead of one other or of all others."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from analysis import selection
from analysis.claims import values
from analysis.claims.contrast import Contrast, Reach, Scale, Status, reach
from analysis.claims.metrics import METRICS
from analysis.claims.verdict import Ruling, Untestable, Verdict
from analysis.records import StudyRecords

Edges = Mapping[str, selection.Side | None]
"""Arm to the edge of its range at which its chosen learning rate lies."""


@dataclass(frozen=True, kw_only=True)
class Ahead:
    """One arm compared with one or more rivals."""

    contrasts: Sequence[Contrast]
    """The arm against each rival."""
    scale: Scale
    edges: Edges

    @property
    def n(self) -> int:
        """Seeds shared with the rival that shares the fewest."""
        return min(contrast.test.n for contrast in self.contrasts)

    @property
    def p(self) -> float:
        """Level at which every rival is left behind, or any one is ahead (Bonferroni)."""
        wrong = [c.test.p for c in self.contrasts if not c.is_claimed_side(self.scale)]
        if wrong:
            return min(1.0, len(self.contrasts) * min(wrong))
        return max(contrast.test.p for contrast in self.contrasts)

    def rule(self, alpha: float) -> Verdict:
        """Return the verdict at a two-sided level."""
        found: dict[Status, list[Contrast]] = {"ahead": [], "behind": [], "tied": [], "open": []}
        for contrast in self.contrasts:
            found[contrast.status(self.scale, alpha, len(self.contrasts))].append(contrast)
        if found["behind"]:
            return self._contradicted(found["behind"], alpha)
        if found["open"]:
            return self._inconclusive(found["open"], alpha)
        if found["tied"]:
            return self._equivalent(found["tied"], alpha)
        return self._supported(alpha)

    def _supported(self, alpha: float) -> Verdict:
        closest = max(self.contrasts, key=lambda contrast: contrast.test.p)
        edged = [contrast for contrast in self.contrasts if self.edges.get(contrast.than)]
        if edged:
            return self._open_by_edge(edged[0], edged[0].than, alpha, alpha)
        if len(self.contrasts) == 1:
            reason = f"the interval excludes {self.scale.no_difference} on the side claimed"
        else:
            reason = f"ahead of each of {_names(self.contrasts)}, least surely of {closest.than}"
        return self._verdict("supported", reason, closest, alpha)

    def _contradicted(self, behind: Sequence[Contrast], alpha: float) -> Verdict:
        level = alpha / len(self.contrasts)
        clearest = min(behind, key=lambda contrast: contrast.test.p)
        if self.edges.get(clearest.arm):
            return self._open_by_edge(clearest, clearest.arm, alpha, level)
        if len(self.contrasts) == 1:
            reason = f"the interval excludes {self.scale.no_difference} on the other side"
        else:
            reason = f"behind {_names(behind)}"
        return self._verdict("contradicted", reason, clearest, alpha, level=level)

    def _equivalent(self, tied: Sequence[Contrast], alpha: float) -> Verdict:
        closest = min(tied, key=lambda contrast: abs(contrast.test.mean))
        reason = f"the whole interval lies within {self.scale.region_in_words}, declared too small to matter"
        if len(self.contrasts) > 1:
            reason = f"tied with {_names(tied)}: {reason}"
        return self._verdict("equivalent", reason, closest, alpha, level=alpha / len(self.contrasts))

    def _inconclusive(self, undecided: Sequence[Contrast], alpha: float) -> Verdict:
        strongest = min(undecided, key=lambda contrast: self.scale.sign * contrast.test.mean)
        reason = f"the interval contains {self.scale.no_difference}"
        if len(self.contrasts) > 1:
            reason = f"not separated from {_names(undecided)}: {reason}"
        if self.scale.region is not None:
            reason += " and is too wide to show equivalence"
        seen = reach(strongest.test, self.scale, alpha)
        level = alpha if strongest.is_claimed_side(self.scale) else alpha / len(self.contrasts)
        return self._verdict("inconclusive", reason, strongest, alpha, level=level, seen=seen)

    def _open_by_edge(self, contrast: Contrast, behind: str, alpha: float, level: float) -> Verdict:
        reason = (
            f"{behind} is behind, but its learning rate lies at the {self.edges[behind]} edge of its range: "
            f"a wider range may mend it"
        )
        return self._verdict("inconclusive", reason, contrast, alpha, level=level)

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
        """Return a verdict with the comparison that decided it, at its own level, and all comparisons."""
        shown, seen = decisive.comparison(self.scale, 1 - (level or alpha)), seen or Reach()
        return Verdict(
            ruling=ruling,
            reason=reason,
            n=self.n,
            metric=self.scale.metric,
            arm=shown.arm,
            than=shown.than,
            quantity=self.scale.quantity,
            effect=shown.effect,
            low=shown.low,
            high=shown.high,
            level=shown.level,
            improvement=shown.improvement,
            equivalence=self.scale.region,
            detectable=seen.detectable,
            seeds_needed=seen.seeds_needed,
            needed_for=seen.needed_for,
            comparisons=tuple(c.comparison(self.scale, 1 - alpha) for c in self.contrasts),
        )


def _names(contrasts: Sequence[Contrast]) -> str:
    return " and ".join(contrast.than for contrast in contrasts)


def measure_ahead(
    records: StudyRecords, arm: str, rivals: Sequence[str], metric: str, region: float | None
) -> Ahead | Untestable:
    """Compare an arm's confirm runs with those of its rivals."""
    if not rivals:
        return Untestable(reason="the study has one arm only")
    arms = [arm, *rivals]
    refused = values.unknown_arm(records, arms) or values.voided(records, arms)
    if refused:
        return refused
    found = {name: values.confirm_values(records, name, metric) for name in arms}
    return ahead_of(arm, rivals, found, Scale.of(metric, region), edges(records, arms))


def ahead_of(
    arm: str, rivals: Sequence[str], found: Mapping[str, values.Values], scale: Scale, edged: Edges
) -> Ahead | Untestable:
    """Compare an arm with its rivals, whatever was measured of them.

    Args:
        arm: The arm a claim puts ahead.
        rivals: The others.
        found: Each one's value by seed.
        scale: Metric, direction and region.
        edged: Which arms chose a rate at an edge of their range.
    """
    contrasts = []
    for rival in rivals:
        contrast = values.contrast(arm, rival, found, scale, is_more_better=METRICS[scale.metric].sign > 0)
        if isinstance(contrast, Untestable):
            return contrast
        contrasts.append(contrast)
    return Ahead(contrasts=contrasts, scale=scale, edges=edged)


def edges(records: StudyRecords, arms: Sequence[str]) -> Edges:
    """Return which of some arms chose a learning rate at an edge of their range."""
    return {arm: selection.choice_of(records, arm).edge for arm in arms}
