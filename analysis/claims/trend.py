"""`trend`: a metric rises or falls with a field, judged by the slope of every seed."""

from dataclasses import dataclass
from typing import Any

from analysis.claims.contrast import Contrast, ContrastVerdict, Scale, between_levels, reach
from analysis.claims.evidence import Grounds, Kind, Untestable, respond
from analysis.claims.verdict import Reach, Ruling
from analysis.responses import label
from analysis.statistics import MeanTest, factors
from harness.study.claims import Trend


@dataclass(frozen=True, kw_only=True)
class TrendVerdict(ContrastVerdict):
    """Whether a metric rises or falls; `decisive` compares the last level with the first along the lines."""

    rank_correlation: float
    """Kendall's tau between field and metric, averaged over seeds: describes, decides nothing."""

    def measured(self) -> str:
        """Return the change with its interval."""
        return self.scale.measured(self.decisive)

    def findings(self) -> dict[str, Any]:
        """Return what was measured, by its column; its sides are levels and no arms."""
        sides = {"arm": self.claim.arm, "than": None}
        return super().findings() | sides | {"rank_correlation": self.rank_correlation}


@dataclass(frozen=True, kw_only=True)
class Slope:
    """The change from the first level to the last along each seed's fitted line, and each step's change."""

    change: Contrast
    steps: list[Contrast]
    """From each level to the next."""
    scale: Scale
    rank_correlation: float

    @property
    def n(self) -> int:
        """Seeds."""
        return self.change.test.n

    @property
    def p(self) -> float:
        """Two-sided p of the mean slope."""
        return self.change.test.p

    def rule(self, alpha: float) -> TrendVerdict:
        """Return the verdict at a two-sided level."""
        status = self.change.status(self.scale, alpha)
        tau = f"Kendall's tau averages {self.rank_correlation:.2f} over the seeds"
        if status == "ahead":
            against = self._against(alpha)
            if against is not None:
                reason = (
                    f"the slope has the claimed sign, but the step from {against.than} to {against.arm} not"
                )
                return self._verdict("inconclusive", f"{reason}; {tau}", alpha)
            return self._verdict("supported", f"the slope has the claimed sign; {tau}", alpha)
        if status == "behind":
            return self._verdict("contradicted", f"the slope has the other sign; {tau}", alpha)
        if status == "tied":
            reason = (
                f"the change over all values lies within {self.scale.region_in_words}, declared too small"
            )
            return self._verdict("equivalent", f"{reason} to matter; {tau}", alpha)
        reason = f"the interval of the change contains {self.scale.no_difference}; {tau}"
        return self._verdict("inconclusive", reason, alpha, reach(self.change.test, self.scale, alpha))

    def _against(self, alpha: float) -> Contrast | None:
        """Return a step that goes the other way beyond chance (Bonferroni over the steps), or None."""
        turns = [step for step in self.steps if step.status(self.scale, alpha, len(self.steps)) == "behind"]
        return min(turns, key=lambda step: step.test.p, default=None)

    def _verdict(
        self, ruling: Ruling, reason: str, alpha: float, outlook: Reach | None = None
    ) -> TrendVerdict:
        return TrendVerdict(
            ruling=ruling,
            reason=reason,
            n=self.n,
            scale=self.scale,
            decisive=self.change.comparison(self.scale, 1 - alpha),
            rank_correlation=self.rank_correlation,
            reach=outlook or Reach(),
            comparisons=tuple(step.comparison(self.scale, 1 - alpha) for step in self.steps),
        )


def _measure(grounds: Grounds, spec: Trend, region: float | None) -> Slope | Untestable:
    """Fit a line to each seed's values over the levels of a field."""
    response = respond(grounds.records, spec.arm, spec.arms, spec.over, spec.metric)
    if isinstance(response, Untestable):
        return response
    if response.diverged:
        reason = f"a level without a mean may hide another trend{response.losses}"
        return Untestable(reason=reason)
    if len(response.levels) < 3:
        return Untestable(
            reason=f"a trend needs three values of {spec.over}, but there are {len(response.levels)}"
        )
    places, levels = response.positions, response.levels
    changes = factors.slopes(places, response.matrix) * (places[-1] - places[0])
    change = Contrast(arm=label(levels[-1]), than=label(levels[0]), test=MeanTest.of(changes.tolist()))
    if change.test.is_constant:
        return Untestable(
            reason="the change is the same for every seed: no variation to judge by", n=change.test.n
        )
    return Slope(
        change=change,
        steps=[between_levels(response, place, place - 1) for place in range(1, len(levels))],
        scale=Scale.of(spec.metric, region, 1 if spec.direction == "rises" else -1),
        rank_correlation=factors.rank_correlation(places, response.matrix),
    )


TREND = Kind(
    measure=_measure,
    compared_arms=lambda spec, declaration: spec.arms or declaration.arms_of(str(spec.arm)),
    note="Trends: change from the first value to the last along each seed's fitted line.",
)
