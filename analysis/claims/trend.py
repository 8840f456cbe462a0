"""`trend`: a metric rises or falls with a field, judged by the slope of every seed."""

from dataclasses import dataclass

from analysis import statistics
from analysis.claims.contrast import Contrast, Reach, Scale, reach
from analysis.claims.response import Response, label, respond
from analysis.claims.verdict import Comparison, Ruling, Untestable, Verdict
from analysis.records import StudyRecords
from analysis.statistics import factors
from harness.study.claims import Trend


@dataclass(frozen=True, kw_only=True)
class Slope:
    """The change from the first level to the last along each seed's fitted line, and each step's change."""

    change: Contrast
    steps: list[Contrast]
    """From each level to the next."""
    scale: Scale
    response: Response
    arm: str | None
    rank_correlation: float

    @property
    def n(self) -> int:
        """Seeds."""
        return self.change.test.n

    @property
    def p(self) -> float:
        """Two-sided p of the mean slope."""
        return self.change.test.p

    def rule(self, alpha: float) -> Verdict:
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
        found = [step for step in self.steps if step.status(self.scale, alpha, len(self.steps)) == "behind"]
        return min(found, key=lambda step: step.test.p) if found else None

    def _verdict(self, ruling: Ruling, reason: str, alpha: float, seen: Reach | None = None) -> Verdict:
        shown, seen = self.change.comparison(self.scale, 1 - alpha), seen or Reach()
        return Verdict(
            ruling=ruling,
            reason=reason,
            n=self.n,
            metric=self.response.metric,
            arm=self.arm,
            field=self.response.field,
            quantity=self.scale.quantity,
            effect=shown.effect,
            low=shown.low,
            high=shown.high,
            level=shown.level,
            rank_correlation=self.rank_correlation,
            equivalence=self.scale.region,
            detectable=seen.detectable,
            seeds_needed=seen.seeds_needed,
            needed_for=seen.needed_for,
            comparisons=self._comparisons(alpha),
        )

    def _comparisons(self, alpha: float) -> tuple[Comparison, ...]:
        return tuple(step.comparison(self.scale, 1 - alpha) for step in self.steps)


def measure_trend(records: StudyRecords, spec: Trend, region: float | None) -> Slope | Untestable:
    """Fit a line to each seed's values over the levels of a field."""
    response = respond(records, spec.arm, spec.arms, spec.over, spec.metric)
    if isinstance(response, Untestable):
        return response
    if response.lost:
        reason = f"a level without a mean may hide another trend{response.losses}"
        return Untestable(reason=reason)
    if len(response.levels) < 3:
        return Untestable(
            reason=f"a trend needs three values of {spec.over}, but there are {len(response.levels)}"
        )
    return slope_of(response, Scale.of(spec.metric, region, 1 if spec.direction == "rises" else -1), spec.arm)


def slope_of(response: Response, scale: Scale, arm: str | None = None) -> Slope | Untestable:
    """Return the evidence of a response's trend."""
    places = response.positions
    changes = factors.slopes(places, response.matrix) * (places[-1] - places[0])
    steps = []
    for index in range(len(places)):
        gaps = changes if index == 0 else response.matrix[:, index] - response.matrix[:, index - 1]
        test = statistics.mean_test([float(gap) for gap in gaps])
        if test is None:
            return Untestable(
                reason="single seed: it shows no spread, so nothing can be concluded from it", n=1
            )
        before = response.levels[-1 if index == 0 else index - 1]
        at = response.levels[index]
        arm_level, than_level = (before, at) if index == 0 else (at, before)
        steps.append(Contrast(arm=label(arm_level), than=label(than_level), test=test))
    if steps[0].test.is_constant:
        return Untestable(
            reason="the change is the same for every seed: no variation to judge by", n=steps[0].test.n
        )
    return Slope(
        change=steps[0],
        steps=steps[1:],
        scale=scale,
        response=response,
        arm=arm,
        rank_correlation=factors.rank_correlation(places, response.matrix),
    )
