"""`optimum`: at which value of a field the mean of a metric is best, as a set of values not refuted."""

from dataclasses import dataclass

import numpy as np

from analysis import statistics
from analysis.claims.contrast import Contrast, Reach, Scale
from analysis.claims.metrics import METRICS
from analysis.claims.response import Level, Response, label, respond
from analysis.claims.verdict import Ruling, Untestable, Verdict
from analysis.records import StudyRecords
from analysis.statistics import factors, power
from harness.study.claims import Optimum


@dataclass(frozen=True, kw_only=True)
class Place:
    """The p of each level being the best one, and which levels a claim names."""

    response: Response
    is_named: np.ndarray
    """Shape `(n_levels,)`."""
    arm: str
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
        found = self.level_p
        return float(min(found[~self.is_named].max(initial=0.0), found[self.is_named].max(initial=0.0)))

    def rule(self, alpha: float) -> Verdict:
        """Return the verdict at a level."""
        is_possible = self.level_p >= alpha
        names = self._listing(is_possible)
        lost = self.response.losses
        if not is_possible[self.is_named].any():
            return self._verdict("contradicted", f"it is at {names}{lost}", alpha)
        if is_possible[~self.is_named].any():
            reason = f"these seeds do not separate {names}{lost}"
            return self._verdict("inconclusive", reason, alpha, seen=self._reach(is_possible, alpha))
        if (self.is_open_at[0] and is_possible[0]) or (self.is_open_at[1] and is_possible[-1]):
            reason = f"it is at {names}, the edge of the grid: it may lie beyond{lost}"
            return self._verdict("inconclusive", reason, alpha)
        return self._verdict("supported", f"it is at {names}; every other value is worse{lost}", alpha)

    def _listing(self, is_possible: np.ndarray) -> str:
        shown = [
            label(level) for level, is_in in zip(self.response.levels, is_possible, strict=True) if is_in
        ]
        return " or ".join(shown)

    @property
    def _best(self) -> int:
        return int((self.sign * self.response.matrix.mean(axis=0)).argmax())

    def _contrasts(self) -> list[Contrast]:
        """Return the best level against every other."""
        levels, best = self.response.levels, self._best
        found = []
        for index, level in enumerate(levels):
            gaps = self.response.matrix[:, best] - self.response.matrix[:, index]
            test = statistics.mean_test(list(gaps)) if index != best else None
            if test is not None:
                found.append(Contrast(arm=label(levels[best]), than=label(level), test=test))
        return found

    def _reach(self, is_possible: np.ndarray, alpha: float) -> Reach:
        """Return what would have refuted the closest level on the other side of the claim."""
        best, count = self._best, len(self.response.levels)
        is_rival = is_possible & (self.is_named != self.is_named[best])
        if not is_rival.any():
            return Reach()
        means = self.sign * self.response.matrix.mean(axis=0)
        rival = int(np.where(is_rival, means, -np.inf).argmax())
        test = statistics.mean_test(list(self.response.matrix[:, best] - self.response.matrix[:, rival]))
        if test is None or test.deviation == 0:
            return Reach()
        level, gap = 2 * alpha / (count - 1), abs(test.mean)
        needed = power.seeds_to_find(difference=gap, deviation=test.deviation, alpha=level) if gap else None
        return Reach(
            detectable=power.detectable_difference(n=test.n, deviation=test.deviation, alpha=level),
            seeds_needed=needed,
            needed_for=gap or None,
        )

    def _verdict(self, ruling: Ruling, reason: str, alpha: float, seen: Reach | None = None) -> Verdict:
        possible = [level for level, p in zip(self.response.levels, self.level_p, strict=True) if p >= alpha]
        best, seen = self.response.levels[self._best], seen or Reach()
        ends = [float(level) for level in possible] if self.response.is_numeric else None
        scale = Scale.of(self.response.metric, None)
        return Verdict(
            ruling=ruling,
            reason=reason,
            n=self.n,
            metric=self.response.metric,
            arm=self.arm,
            field=self.response.field,
            quantity="place",
            effect=float(best) if ends else None,
            low=min(ends) if ends else None,
            high=max(ends) if ends else None,
            level=1 - alpha,
            detectable=seen.detectable,
            seeds_needed=seen.seeds_needed,
            needed_for=seen.needed_for,
            comparisons=tuple(c.comparison(scale, 1 - alpha) for c in self._contrasts()),
        )


def measure_optimum(records: StudyRecords, spec: Optimum) -> Place | Untestable:
    """Find the best level of a field."""
    response = respond(records, spec.arm, None, spec.field, spec.metric)
    if isinstance(response, Untestable):
        return response
    if len(response.levels) < 2:
        return Untestable(reason=f"fewer than two values of {spec.field} have a mean to compare")
    is_named = np.array([_is_named(level, spec) for level in response.levels])
    if not is_named.any():
        return Untestable(
            reason=f"no value of {spec.field} that was measured is {_place(spec)}{response.losses}"
        )
    place = Place(response=response, is_named=is_named, arm=spec.arm, is_open_at=_open_ends(response))
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
    lost = [level for level in response.lost if isinstance(level, float)]
    first, last = float(response.levels[0]), float(response.levels[-1])
    return not any(level < first for level in lost), not any(level > last for level in lost)
