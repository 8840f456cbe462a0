"""`monotone`: a metric rises or falls at every step between neighbouring values of a field."""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any

from analysis.claims.contrast import Contrast
from analysis.claims.contrast_verdict import ContrastEvidence, ContrastVerdict
from analysis.claims.evidence import Grounds, Kind, Levels, Outcome, Paths, Sides, Untestable
from analysis.claims.trend import direction_of, ordered_response, pairs_of
from analysis.statistics.sequential import PValues
from harness.study.claim_kinds import Monotone


@dataclass(frozen=True, kw_only=True)
class StepVerdict(ContrastVerdict):
    """Whether every step goes one way, with the step or the pair of levels that decided."""

    def measured(self) -> str:
        """Return the change between two levels with its interval."""
        return f"{self.decisive.than} to {self.decisive.arm}: {self.scale.measured(self.decisive)}"

    def findings(self) -> dict[str, Any]:
        """Return what was measured, by its column; its sides are levels and no arms."""
        return super().findings() | {"arm": self.claim.arm, "than": None, "equivalence": None}


@dataclass(frozen=True, kw_only=True)
class Steps(ContrastEvidence):
    """Every step, each of which must go as claimed, and every pair of levels, any of which may refute it.

    Source: Berger (1982), Multiparameter hypothesis testing and acceptance sampling (intersection-union).
    """

    verdict_type = StepVerdict

    pairs: Mapping[tuple[int, int], Contrast]
    """By the places of two levels, the later minus the earlier one."""
    growing: frozenset[str]
    """Arms whose further replicates would add to it."""

    has_region = False

    def p_values(self, *, kindest: bool = False) -> Mapping[Hashable, PValues]:
        """Return those of each pair of levels."""
        return {places: pair.p_values(self.scale, kindest=kindest) for places, pair in self.pairs.items()}

    def sides(self, paths: Paths) -> Sides:
        """Return the levels at which every step goes as claimed, and at which any pair goes the other way."""
        along = max(paths[places].ahead for places in self.pairs if places[1] == places[0] + 1)
        return Sides(along, min(1.0, len(self.pairs) * min(paths[places].behind for places in self.pairs)))

    def is_futile(self, _levels: Levels) -> bool:
        """Return False: which step may yet be told is not foretold."""
        return False

    def needs(self, _levels: Levels) -> frozenset[str]:
        """Return the arms that are levels; a grid has all its runs at once."""
        return self.growing

    def tell(self, outcome: Outcome, levels: Levels) -> ContrastVerdict:
        """Return the verdict of an outcome."""
        paths, level = levels.paths, levels.alpha / len(self.pairs)
        steps = [places for places in self.pairs if places[1] == places[0] + 1]
        weakest = self.pairs[max(steps, key=lambda places: paths[places].ahead)]
        if outcome == "against":
            contrary = self._contrary(levels)
            if self._is_edged(contrary):
                return self.open_by_edge(contrary, self._behind(contrary), levels, level)
            reason = f"from {contrary.than} to {contrary.arm} it goes the other way"
            reason += self.holds_none(contrary, level)
            return self.verdict("contradicted", reason, contrary, levels.alpha, decisive_alpha=level)
        if outcome == "claimed":
            edged = [step for step in self.contrasts if self._is_edged(step)]
            if edged:
                return self.open_by_edge(edged[0], self._behind(edged[0]), levels, levels.alpha)
            reason = f"every step goes as claimed, least surely that from {weakest.than} to {weakest.arm}"
            reason += self.holds_none(weakest, levels.alpha)
            return self.verdict("supported", reason, weakest, levels.alpha)
        flat = [self.pairs[places] for places in steps if paths[places].ahead >= levels.first_step]
        names = ", ".join(f"{pair.than} to {pair.arm}" for pair in flat)
        reason = f"steps that the tests do not tell: {names or 'none, at the level of a single claim'}"
        return self.verdict("inconclusive", reason, weakest, levels.alpha)

    def _contrary(self, levels: Levels) -> Contrast:
        """Return the clearest pair against it, if possible without a rate at an edge behind."""
        behind = {places: levels.paths[places].behind for places in self.pairs}
        clearest, *others = sorted(behind, key=lambda places: behind[places])
        decided = [places for places in others if behind[places] * len(self.pairs) < levels.first_step]
        pairs = [self.pairs[places] for places in (clearest, *decided)]
        return next((pair for pair in pairs if not self._is_edged(pair)), pairs[0])

    def _behind(self, pair: Contrast) -> str:
        """Return the level of a pair that has the worse mean, by its label."""
        return pair.arm if self.scale.metric.sign * pair.test.mean < 0 else pair.than

    def _is_edged(self, pair: Contrast) -> bool:
        """Return whether a pair's worse level has its rate at an edge of the range."""
        return self.edges.get(self._behind(pair)) is not None


def _measure(grounds: Grounds, spec: Monotone, _region: float | None, n: int) -> Steps | Untestable:
    """Compare each two levels of a field."""
    response = ordered_response(grounds, spec, n)
    if isinstance(response, Untestable):
        return response
    pairs = pairs_of(response)
    steps = [pair for (low, high), pair in pairs.items() if high == low + 1]
    if any(step.test.is_constant for step in steps):
        reason = "a step is the same for every seed: no variation to judge by"
        return Untestable(reason=reason, n=response.n)
    scale = direction_of(response, spec, None)
    return Steps(contrasts=steps, scale=scale, edges=response.edges, pairs=pairs, growing=response.growing)


MONOTONE = Kind(
    measure=_measure,
    compared_arms=lambda spec, declaration: spec.arms or declaration.arms_of(str(spec.arm)),
    note="Monotone: every step between neighbouring values must go as claimed; any two values refute it.",
)
