"""`optimum`: at which value of a field the mean of a metric is best, as a set of values not refuted."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analysis.claims.contrast import Contrast
from analysis.claims.contrast_verdict import reach
from analysis.claims.evidence import Grounds, Kind, Levels, Outcome, Paths, Sides, Untestable
from analysis.claims.parts import Reach
from analysis.claims.responding import respond
from analysis.claims.response import Response, behind_at_edge
from analysis.claims.scale import Scale
from analysis.claims.verdict import Ruling, Verdict
from analysis.render import numbers
from analysis.responses import Level, label
from analysis.statistics.sequential import PValues
from harness.study.claim_kinds import Optimum


@dataclass(frozen=True, kw_only=True)
class PlaceVerdict(Verdict):
    """At which value of a field the metric is best."""

    scale: Scale
    """Of differences of the metric."""
    best: float | None
    """The level with the best mean; None where levels are no numbers."""
    possible: Sequence[float]
    """The levels that are not refuted, with those whose rate lies at an edge of its range; empty where levels
    are no numbers."""
    level: float
    """Confidence level of `possible`."""

    def measured(self) -> str:
        """Return the best value with the ends of the set of possible ones."""
        if self.best is None:
            return numbers.ABSENT
        ends = [numbers.setting(min(self.possible)), numbers.setting(max(self.possible))]
        spread = " to ".join(dict.fromkeys(ends))
        return f"{self.claim.field} {numbers.setting(self.best)} ({100 * self.level:.4g} % set: {spread})"

    def outlook(self) -> list[str]:
        """Return the difference that would have been shown."""
        return self.reach.in_words("a true difference of", self.scale.amount, self.unit)

    def findings(self) -> dict[str, Any]:
        """Return what was measured, by its column."""
        return {
            "quantity": "place",
            "effect": self.best,
            "low": min(self.possible, default=None),
            "high": max(self.possible, default=None),
            "level": self.level,
        }


@dataclass(frozen=True, kw_only=True)
class Place:
    """The p of each level being the best one, and which levels a claim names."""

    response: Response
    is_named: NDArray[np.bool_]
    """Shape `(n_levels,)`."""
    is_open_at: tuple[bool, bool]
    """Whether beyond the first and the last level nothing was tried."""

    has_region = False

    @property
    def n(self) -> int:
        """Replicates of a level."""
        return self.response.n

    @property
    def sign(self) -> int:
        """+1 where more is better."""
        return self.response.metric.sign

    @property
    def has_constant_gap(self) -> bool:
        """Whether the best level is ahead of another by the same amount for every seed."""
        return any(contrast.test.is_constant for contrast in self._contrasts())

    def p_values(self, *, kindest: bool = False) -> Mapping[Hashable, PValues]:
        """Return by level, as `behind`, the p of the hypothesis that its mean is the best.

        A level is refuted by any that is better: the smallest one-sided p, times the number of other levels.

        Source: Hsu (1981), Simultaneous confidence intervals for all distances from the "best"; Bonferroni
            and the study's own test in place of its common variance.
        """
        scale, count = self._scale, len(self.response.levels)
        refuted: dict[Hashable, PValues] = {}
        for place, level in enumerate(self.response.levels):
            others = [self.response.between(place, other) for other in range(count) if other != place]
            one_sided = min(other.p_values(scale, kindest=kindest).behind / 2 for other in others)
            refuted[level] = PValues(ahead=1.0, behind=min(1.0, (count - 1) * one_sided))
        return refuted

    def sides(self, paths: Paths) -> Sides:
        """Return the level at which all levels outside the claim are refuted, and all inside of it."""
        p = self._refuted(paths)
        return Sides(float(p[~self.is_named].max(initial=0.0)), float(p[self.is_named].max(initial=0.0)))

    def is_futile(self, _levels: Levels) -> bool:
        """Return False: which level may yet be refuted is not foretold."""
        return False

    def needs(self, _levels: Levels) -> frozenset[str]:
        """Return the arms that are levels; a grid has all its runs at once."""
        return self.response.growing

    def tell(self, outcome: Outcome, levels: Levels) -> PlaceVerdict:
        """Return the verdict of an outcome."""
        is_apart = self._is_apart(levels)
        is_possible = ~is_apart | self.response.is_edged
        losses = self.response.losses
        is_left_behind = {"claimed": ~self.is_named, "against": self.is_named}.get(outcome, is_apart)
        behind = self._behind_at_edge(is_left_behind)
        if behind and outcome != "open":
            return self._verdict("inconclusive", f"{behind}{losses}", levels)
        if outcome == "against":
            return self._verdict(
                "contradicted", f"it is at {self._listing(is_possible & ~self.is_named)}{losses}", levels
            )
        if outcome != "claimed":
            reason = f"the tests do not separate {self._listing(~is_apart)}"
            reason += f"; {behind}{losses}" if behind else losses
            return self._verdict("inconclusive", reason, levels, outlook=self._reach(~is_apart, levels))
        is_left = is_possible & self.is_named
        names = self._listing(is_left)
        if (self.is_open_at[0] and is_left[0]) or (self.is_open_at[1] and is_left[-1]):
            reason = f"it is at {names}, the edge of the grid: it may lie beyond{losses}"
            return self._verdict("inconclusive", reason, levels)
        return self._verdict("supported", f"it is at {names}; every other value is worse{losses}", levels)

    def _refuted(self, paths: Paths) -> NDArray[np.float64]:
        return np.array([paths[level].behind for level in self.response.levels])

    def _is_apart(self, levels: Levels) -> NDArray[np.bool_]:
        """Return which levels the tests alone refute, shape `(n_levels,)`."""
        return self._refuted(levels.paths) < levels.first_step

    def _behind_at_edge(self, is_behind: NDArray[np.bool_]) -> str:
        """Return why one of some levels is not called worse, its rate being at an edge; empty without one."""
        levels = zip(self.response.levels, is_behind & self.response.is_edged, strict=True)
        edged = [label(level) for level, is_in in levels if is_in]
        return behind_at_edge(edged[0], self.response.edges) if edged else ""

    def _listing(self, is_possible: NDArray[np.bool_]) -> str:
        levels = zip(self.response.levels, is_possible, strict=True)
        return " or ".join(label(level) for level, is_in in levels if is_in)

    @property
    def _scale(self) -> Scale:
        return Scale.of(self.response.metric, None)

    @property
    def _best(self) -> int:
        return int((self.sign * self.response.means).argmax())

    def _contrasts(self) -> list[Contrast]:
        """Return the best level against every other."""
        others = [place for place in range(len(self.response.levels)) if place != self._best]
        return [self.response.between(self._best, place) for place in others]

    def _reach(self, is_possible: NDArray[np.bool_], levels: Levels) -> Reach:
        """Return what would have refuted the closest level on the other side of the claim."""
        is_rival = is_possible & (self.is_named != self.is_named[self._best])
        if not is_rival.any():
            return Reach()
        rival = int(np.where(is_rival, self.sign * self.response.means, -np.inf).argmax())
        return reach([self.response.between(self._best, rival)], replace(self._scale, region=None), levels)

    def _verdict(
        self, ruling: Ruling, reason: str, levels: Levels, outlook: Reach | None = None
    ) -> PlaceVerdict:
        best = self.response.levels[self._best]
        is_possible = ~self._is_apart(levels) | self.response.is_edged
        possible = [level for level, is_in in zip(self.response.levels, is_possible, strict=True) if is_in]
        return PlaceVerdict(
            ruling=ruling,
            reason=reason,
            n=self.n,
            scale=self._scale,
            best=float(best) if self.response.is_numeric else None,
            possible=[float(level) for level in possible] if self.response.is_numeric else [],
            level=1 - levels.alpha,
            reach=outlook or Reach(),
            comparisons=tuple(c.comparison(self._scale, 1 - levels.alpha) for c in self._contrasts()),
        )


def _measure(grounds: Grounds, spec: Optimum, _region: float | None, n: int) -> Place | Untestable:
    """Find the best level of a field."""
    response = respond(grounds, spec.arm, spec.field, spec.metric, n)
    if isinstance(response, Untestable):
        return response
    if len(response.levels) < 2:
        return Untestable(reason=f"fewer than two values of {spec.field} have a mean to compare")
    is_named = np.array([_is_named(level, spec) for level in response.levels])
    if not is_named.any():
        return Untestable(
            reason=f"no value of {spec.field} that was measured is {_place(spec)}{response.losses}"
        )
    place = Place(response=response, is_named=is_named, is_open_at=_open_ends(response))
    if place.has_constant_gap:
        reason = "a difference between values is the same for every seed: no variation to judge by"
        return Untestable(reason=reason, n=place.n)
    return place


def _is_named(level: Level, spec: Optimum) -> bool:
    if spec.between is not None:
        return isinstance(level, float) and spec.between[0] <= level <= spec.between[1]
    if isinstance(spec.at, float) and isinstance(level, float):
        return bool(np.isclose(level, spec.at, rtol=1e-9, atol=0))
    return level == spec.at


def _place(spec: Optimum) -> str:
    if spec.between is not None:
        return f"between {label(spec.between[0])} and {label(spec.between[1])}"
    return "" if spec.at is None else label(spec.at)


def _open_ends(response: Response) -> tuple[bool, bool]:
    """Return at which ends nothing was tried beyond; runs that diverged beyond an end close it."""
    if not response.is_numeric:
        return False, False
    diverged = [level for level in response.diverged if isinstance(level, float)]
    first, last = float(response.levels[0]), float(response.levels[-1])
    return not any(level < first for level in diverged), not any(level > last for level in diverged)


OPTIMUM = Kind(
    measure=_measure,
    compared_arms=lambda spec, declaration: declaration.arms_of(spec.arm),
    note="Optimum: the set holds every value whose mean over n replicates is not beaten by another value's, "
    "Bonferroni-corrected, or whose learning rate lies at the edge of its range.",
)
