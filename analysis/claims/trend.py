"""`trend`: a metric rises or falls with a field on average over its range, judged by a fitted slope."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analysis.claims.contrast import Contrast
from analysis.claims.contrast_verdict import ContrastVerdict, behind_at_edge, reach
from analysis.claims.evidence import Grounds, Kind, Levels, Outcome, Paths, Sides, Untestable
from analysis.claims.parts import Reach
from analysis.claims.responding import respond
from analysis.claims.response import Response
from analysis.claims.scale import Scale
from analysis.claims.verdict import Ruling
from analysis.responses import label
from analysis.statistics.sequential import PValues, is_futile
from harness.study.claim_kinds import Monotone, Trend

ON_AVERAGE = "on average over the range"
"""How far a supported slope reaches."""

_CHANGE = "change"
_NO_PULL = 1e-9
"""Weights up to this size are those of a level in the middle, which moves no slope."""


@dataclass(frozen=True, kw_only=True)
class TrendVerdict(ContrastVerdict):
    """Whether a metric rises or falls; `decisive` compares the last level with the first along the line."""

    rank_correlation: float
    """Kendall's tau between field and metric, averaged over replicates: describes, decides nothing."""

    @property
    def extent(self) -> str:
        """Of a slope found that it is one: it says nothing of each step."""
        return ON_AVERAGE if self.ruling == "supported" else ""

    def measured(self) -> str:
        """Return the change with its interval."""
        return self.scale.measured(self.decisive)

    def findings(self) -> dict[str, Any]:
        """Return what was measured, by its column; its sides are levels and no arms."""
        sides = {"arm": self.claim.arm, "than": None}
        return super().findings() | sides | {"rank_correlation": self.rank_correlation}


@dataclass(frozen=True, kw_only=True)
class Slope:
    """The change from the first level to the last along the fitted line, and what each two levels say."""

    change: Contrast
    pairs: Mapping[tuple[int, int], Contrast]
    """By the places of two levels, the later minus the earlier one."""
    scale: Scale
    rank_correlation: float
    growing: frozenset[str]
    """Arms whose further replicates would add to it."""
    open_by_edge: Mapping[Outcome, str] = field(default_factory=dict)
    """Why an outcome is not ruled: a level with a rate at an edge of its range might turn the slope."""

    @property
    def n(self) -> int:
        """Replicates."""
        return self.change.n

    @property
    def has_region(self) -> bool:
        """Whether equivalence can be concluded."""
        return self.scale.region is not None

    @property
    def steps(self) -> Sequence[Contrast]:
        """From each level to the next."""
        return [pair for (low, high), pair in self.pairs.items() if high == low + 1]

    def p_values(self, *, kindest: bool = False) -> Mapping[Hashable, PValues]:
        """Return those of the change and of each pair of levels."""
        of_pairs: dict[Hashable, PValues] = {
            places: pair.p_values(self.scale, kindest=kindest) for places, pair in self.pairs.items()
        }
        return of_pairs | {_CHANGE: self.change.p_values(self.scale, kindest=kindest)}

    def sides(self, paths: Paths) -> Sides:
        """Return the levels at which the slope has the claimed sign, the other one, or nothing differs.

        A slope of 0 says little of what turns: every two levels must lie inside the region as well.

        Source: Berger (1982), Multiparameter hypothesis testing and acceptance sampling (intersection-union).
        """
        path, every = paths[_CHANGE], [paths[key] for key in (_CHANGE, *self.pairs)]
        return Sides(path.ahead, path.behind, max(each.inside for each in every))

    def is_futile(self, levels: Levels) -> bool:
        """Return whether the last look would find no slope, nor every two values inside the region.

        Values of which two lie apart by more than the region now are taken to stay so; see
        `sequential.is_futile`.
        """
        half_width = self.scale.half_width
        tests = [test for pair in self.pairs.values() for test in pair.fills or (pair.test,)]
        can_tie = half_width is not None and all(abs(test.mean) < half_width for test in tests)
        region = half_width if can_tie else None
        return is_futile(self.change.test, levels.look, levels.plan, levels.n_claims, region)

    def needs(self, _levels: Levels) -> frozenset[str]:
        """Return the arms that are levels; a grid has all its runs at once."""
        return self.growing

    def tell(self, outcome: Outcome, levels: Levels) -> TrendVerdict:
        """Return the verdict of an outcome."""
        tau = f"Kendall's tau averages {self.rank_correlation:.2f} over the replicates"
        if outcome in self.open_by_edge:
            reason = f"along the fitted line {self.open_by_edge[outcome]}; {tau}"
            return self._verdict("inconclusive", reason, levels)
        if outcome == "claimed":
            reason = f"{ON_AVERAGE} the slope has the claimed sign{self._exceptions(levels)}; {tau}"
            return self._verdict("supported", reason, levels)
        if outcome == "against":
            reason = f"{ON_AVERAGE} the slope has the other sign; {tau}"
            return self._verdict("contradicted", reason, levels)
        if outcome == "tied":
            region = self.scale.region_in_words
            reason = (
                f"the change over all values and every two of them lie within {region}, "
                f"declared too small to matter; {tau}"
            )
            return self._verdict("equivalent", reason, levels)
        reason = f"the test of the change does not exclude {self.scale.no_difference}"
        if self.has_region:
            reason += f", and the tests do not put every two values within {self.scale.region_in_words}"
        reason += f"; {tau}"
        return self._verdict("inconclusive", reason, levels, reach([self.change], self.scale, levels))

    def _exceptions(self, levels: Levels) -> str:
        """Return which steps are not told apart and which changes go the other way beyond chance."""
        plan = levels.plan.scaled
        of_steps = levels.first_step / len(self.steps)
        of_pairs = levels.first_step / len(self.pairs)
        flat, against = [], []
        for (low, high), pair in self.pairs.items():
            p = pair.p_values(self.scale)
            is_against = plan(levels.look, p.behind) < of_pairs
            if is_against:
                against.append(_from_to(pair))
            elif high == low + 1 and plan(levels.look, p.ahead) >= of_steps:
                flat.append(_from_to(pair))
        clauses = [
            f"not told apart: {', '.join(flat)}" if flat else "",
            f"against it: {', '.join(against)}" if against else "",
        ]
        return "".join(f"; {clause}" for clause in clauses if clause)

    def _verdict(
        self, ruling: Ruling, reason: str, levels: Levels, outlook: Reach | None = None
    ) -> TrendVerdict:
        level = 1 - (2 * levels.tied_alpha if ruling == "equivalent" else levels.alpha)
        return TrendVerdict(
            ruling=ruling,
            reason=reason,
            n=self.n,
            scale=self.scale,
            decisive=self.change.comparison(self.scale, level),
            rank_correlation=self.rank_correlation,
            reach=outlook or Reach(),
            comparisons=tuple(step.comparison(self.scale, 1 - levels.alpha) for step in self.steps),
        )


def _from_to(pair: Contrast) -> str:
    return f"{pair.than} to {pair.arm}"


def ordered_response(grounds: Grounds, spec: Trend | Monotone, n: int) -> Response | Untestable:
    """Return a metric over three or more levels of a field, every one with a mean."""
    response = respond(grounds, spec.arms or str(spec.arm), spec.over, spec.metric, n)
    if isinstance(response, Untestable):
        return response
    if response.diverged:
        return Untestable(reason=f"a level without a mean may hide another trend{response.losses}")
    if len(response.levels) < 3:
        count = len(response.levels)
        reason = f"a trend needs three values of {spec.over}, but there are {count}"
        return Untestable(reason=reason, is_by_design=True)
    return response


def pairs_of(response: Response) -> dict[tuple[int, int], Contrast]:
    """Return each two levels by their places, the later minus the earlier one."""
    places = combinations(range(len(response.levels)), 2)
    return {(low, high): response.between(high, low) for low, high in places}


def direction_of(response: Response, spec: Trend | Monotone, region: float | None) -> Scale:
    """Return the scale on which contrasts are above 0 where they go as claimed."""
    return Scale.of(response.metric, region, 1 if spec.direction == "rises" else -1)


def _measure(grounds: Grounds, spec: Trend, region: float | None, n: int) -> Slope | Untestable:
    """Fit a line to the values over the levels of a field."""
    response = ordered_response(grounds, spec, n)
    if isinstance(response, Untestable):
        return response
    weights = response.slope_weights()
    change = response.contrast(weights, len(response.levels) - 1, 0)
    if change.test.is_constant:
        reason = "the change is the same for every seed: no variation to judge by"
        return Untestable(reason=reason, n=change.n)
    scale = direction_of(response, spec, region)
    return Slope(
        change=change,
        pairs=pairs_of(response),
        scale=scale,
        rank_correlation=response.rank_correlation(),
        growing=response.growing,
        open_by_edge=_open_by_edge(response, scale.sign * weights),
    )


def _open_by_edge(response: Response, along: NDArray[np.float64]) -> dict[Outcome, str]:
    """Return of each sign of the slope why it is not ruled, if a level with a rate at an edge might turn it.

    A wider range can only make the mean of such a level better, which turns the slope from the half of the
    levels at its worse end: there better means pull against it.

    Args:
        response: The levels.
        along: Shape `(n_levels,)`: their weights in the change, above 0 where larger values go as claimed.
    """
    pulls = np.where(response.is_edged, response.metric.sign * along, 0.0)
    ends: dict[Outcome, int] = {"claimed": int(pulls.argmin()), "against": int(pulls.argmax())}
    return {
        outcome: behind_at_edge(label(response.levels[place]), response.edges)
        for outcome, place in ends.items()
        if (pulls[place] < -_NO_PULL if outcome == "claimed" else pulls[place] > _NO_PULL)
    }


TREND = Kind(
    measure=_measure,
    compared_arms=lambda spec, declaration: spec.arms or declaration.arms_of(str(spec.arm)),
    note=f"Trends: change from the first value to the last along the fitted line, {ON_AVERAGE}.",
)
