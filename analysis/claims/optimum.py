"""`optimum`: at which value of a field the mean of a metric is best, as a set of values not refuted."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from analysis.claims.contrast import Contrast, Scale, between_levels
from analysis.claims.evidence import Grounds, Kind, Response, Untestable, respond
from analysis.claims.verdict import METRICS, Reach, Ruling, Verdict
from analysis.render import numbers
from analysis.responses import Level, label
from analysis.statistics import factors, power
from harness.study.claims import Optimum


@dataclass(frozen=True, kw_only=True)
class PlaceVerdict(Verdict):
    """At which value of a field the metric is best."""

    scale: Scale
    """Of differences of the metric."""
    best: float | None
    """The level with the best mean; None where levels are no numbers."""
    possible: Sequence[float]
    """The levels that are not refuted; empty where levels are no numbers."""
    level: float
    """Confidence level of `possible`."""

    def measured(self) -> str:
        """Return the best value with the ends of the set of possible ones."""
        if self.best is None:
            return numbers.ABSENT
        ends = [numbers.setting(min(self.possible)), numbers.setting(max(self.possible))]
        spread = " to ".join(dict.fromkeys(ends))
        return f"{self.claim.field} {numbers.setting(self.best)} ({100 * self.level:.4g} % set: {spread})"

    def why(self) -> str:
        """Return the reason, then the difference that would have been shown, and the seeds it takes."""
        outlook = self.reach.in_words("a true difference of", self.scale.amount, is_as_measured=True)
        return "; ".join([self.reason, *outlook])

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
    is_named: np.ndarray
    """Shape `(n_levels,)`."""
    is_open_at: tuple[bool, bool]
    """Whether beyond the first and the last level nothing was tried."""

    @property
    def n(self) -> int:
        """Seeds."""
        return int(self.response.matrix.shape[0])

    @property
    def sign(self) -> int:
        """+1 where more is better."""
        return METRICS[self.response.metric].sign

    @property
    def has_constant_gap(self) -> bool:
        """Whether the best level is ahead of another by the same amount for every seed."""
        return any(contrast.test.is_constant for contrast in self._contrasts())

    @property
    def level_p(self) -> np.ndarray:
        """Shape `(n_levels,)`: the p of the hypothesis that a level's mean is the best."""
        return factors.not_the_largest(self.sign * self.response.matrix)

    @property
    def p(self) -> float:
        """Level at which all levels outside the claim are refuted, or all inside of it."""
        level_p = self.level_p
        return float(min(level_p[~self.is_named].max(initial=0.0), level_p[self.is_named].max(initial=0.0)))

    def rule(self, alpha: float) -> PlaceVerdict:
        """Return the verdict at a level."""
        is_possible = self.level_p >= alpha
        names = self._listing(is_possible)
        losses = self.response.losses
        if not is_possible[self.is_named].any():
            return self._verdict("contradicted", f"it is at {names}{losses}", alpha)
        if is_possible[~self.is_named].any():
            reason = f"these seeds do not separate {names}{losses}"
            return self._verdict("inconclusive", reason, alpha, outlook=self._reach(is_possible, alpha))
        if (self.is_open_at[0] and is_possible[0]) or (self.is_open_at[1] and is_possible[-1]):
            reason = f"it is at {names}, the edge of the grid: it may lie beyond{losses}"
            return self._verdict("inconclusive", reason, alpha)
        return self._verdict("supported", f"it is at {names}; every other value is worse{losses}", alpha)

    def _listing(self, is_possible: np.ndarray) -> str:
        levels = zip(self.response.levels, is_possible, strict=True)
        return " or ".join(label(level) for level, is_in in levels if is_in)

    @property
    def _best(self) -> int:
        return int((self.sign * self.response.matrix.mean(axis=0)).argmax())

    def _contrasts(self) -> list[Contrast]:
        """Return the best level against every other."""
        others = [place for place in range(len(self.response.levels)) if place != self._best]
        return [between_levels(self.response, self._best, place) for place in others]

    def _reach(self, is_possible: np.ndarray, alpha: float) -> Reach:
        """Return what would have refuted the closest level on the other side of the claim."""
        best, count = self._best, len(self.response.levels)
        is_rival = is_possible & (self.is_named != self.is_named[best])
        if not is_rival.any():
            return Reach()
        means = self.sign * self.response.matrix.mean(axis=0)
        rival = int(np.where(is_rival, means, -np.inf).argmax())
        test = between_levels(self.response, best, rival).test
        if test.deviation == 0:
            return Reach()
        level, gap = 2 * alpha / (count - 1), abs(test.mean)
        needed = power.seeds_to_find(difference=gap, deviation=test.deviation, alpha=level) if gap else None
        return Reach(
            detectable=power.detectable_difference(n=test.n, deviation=test.deviation, alpha=level),
            seeds_needed=needed,
            needed_for=gap or None,
        )

    def _verdict(
        self, ruling: Ruling, reason: str, alpha: float, outlook: Reach | None = None
    ) -> PlaceVerdict:
        levels = self.response.levels
        possible = [level for level, p in zip(levels, self.level_p, strict=True) if p >= alpha]
        scale = Scale.of(self.response.metric, None)
        return PlaceVerdict(
            ruling=ruling,
            reason=reason,
            n=self.n,
            scale=scale,
            best=float(levels[self._best]) if self.response.is_numeric else None,
            possible=[float(level) for level in possible] if self.response.is_numeric else [],
            level=1 - alpha,
            reach=outlook or Reach(),
            comparisons=tuple(c.comparison(scale, 1 - alpha) for c in self._contrasts()),
        )


def _measure(grounds: Grounds, spec: Optimum, _region: float | None) -> Place | Untestable:
    """Find the best level of a field."""
    response = respond(grounds.records, spec.arm, None, spec.field, spec.metric)
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
    note="Optimum: the set holds every value whose mean over n seeds is not beaten by another value's, "
    "paired over seeds, Bonferroni-corrected.",
)
