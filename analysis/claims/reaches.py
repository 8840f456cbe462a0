"""`reaches`: the mean of an arm's metric is at least, or at most, a value named beforehand.

That it reaches the value and that it does not exclude each other, and one of them is true: whichever it is,
only one ruling can be wrong. So each side is tested one-sided, at the whole level of the claim, and intervals
are drawn at `1 - 2 alpha`.
"""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from analysis import selection
from analysis.claims.contrast import Contrast
from analysis.claims.contrast_verdict import DRAWN_WIDER, ContrastVerdict, reach
from analysis.claims.evidence import (
    Bounds,
    Grounds,
    Kind,
    Levels,
    Outcome,
    Paths,
    Sides,
    Untestable,
    bounds_of,
    too_few,
    unknown_arm,
    without_seed,
)
from analysis.claims.parts import Comparison, Reach
from analysis.claims.scale import Scale
from analysis.claims.verdict import Ruling
from analysis.metrics import Metric
from analysis.replicates import Replicates, replicates
from analysis.statistics import tests
from analysis.statistics.sequential import PValues, is_futile
from harness.study.claim_kinds import Reaches


@dataclass(frozen=True, kw_only=True)
class AgainstValue(Contrast):
    """The mean of `arm` less a value, which `than` spells; its p-values are one-sided."""

    def p_values(self, scale: Scale, *, kindest: bool = False) -> PValues:
        """Return the one-sided p of each side."""
        both = super().p_values(scale, kindest=kindest)
        return PValues(ahead=both.ahead / 2, behind=both.behind / 2)

    def comparison(self, scale: Scale, level: float) -> Comparison:
        """Return the difference with its interval, and the one-sided p of the side where the mean lies."""
        told = super().comparison(scale, level)
        return replace(told, p=told.p / 2)


@dataclass(frozen=True, kw_only=True)
class ReachesVerdict(ContrastVerdict):
    """On which side of a value the mean of an arm lies."""

    value: float
    """In the metric's unit, as is the decisive difference: mean less value."""

    def measured(self) -> str:
        """Return the mean, and its difference to the value with the interval."""
        metric = self.scale.metric
        mean = metric.amount(self.decisive.effect + self.value) + _unit(metric)
        return f"mean {mean}, {self.scale.measured(self.decisive)}"

    def outlook(self) -> list[str]:
        """Return how far beyond the value a mean would have been shown to be."""
        return self.reach.in_words("a true mean beyond it by", self.scale.amount, self.unit)

    def findings(self) -> dict[str, Any]:
        """Return what was measured, by its column."""
        return {**super().findings(), "value": self.value}


@dataclass(frozen=True, kw_only=True)
class Reaching:
    """An arm's replicates against a value."""

    contrast: AgainstValue
    scale: Scale
    value: float
    edge: selection.Side | None
    """At which edge of its range the arm chose its learning rate."""

    has_region = False

    @property
    def n(self) -> int:
        """Replicates."""
        return self.contrast.n

    def p_values(self, *, kindest: bool = False) -> Mapping[Hashable, PValues]:
        """Return the one-sided p-values."""
        return {None: self.contrast.p_values(self.scale, kindest=kindest)}

    def sides(self, paths: Paths) -> Sides:
        """Return the levels at which the value is reached, and missed."""
        return Sides(paths[None].ahead, paths[None].behind)

    def is_futile(self, levels: Levels) -> bool:
        """Return whether the last look would decide nothing even a standard error beyond what is measured."""
        plan, look = _one_sided(levels).plan, levels.look
        tested = self.contrast.fills or (self.contrast.test,)
        return all(is_futile(test, look, plan, levels.n_claims) for test in tested)

    def needs(self, _levels: Levels) -> frozenset[str]:
        """Return the arm."""
        return frozenset({self.contrast.arm})

    def tell(self, outcome: Outcome, levels: Levels) -> ReachesVerdict:
        """Return the verdict of an outcome; the interval is the two-sided one whose sides are the tests."""
        metric, one_sided = self.scale.metric, _one_sided(levels)
        aim = f"{metric.scale * self.value:g}{_unit(metric)}"
        beyond, short = ("above", "below") if self.scale.sign > 0 else ("below", "above")
        level = 1 - one_sided.alpha
        if outcome == "claimed":
            reason = f"the test puts its mean {beyond} {aim}{self._holds_it(level)}"
            return self._verdict("supported", reason, level)
        if outcome == "against" and self.edge is None:
            reason = f"the test puts its mean {short} {aim}{self._holds_it(level)}"
            return self._verdict("contradicted", reason, level)
        if outcome == "against":
            reason = (
                f"its mean lies {short} {aim}, but its learning rate at the {self.edge} edge of its range: "
                "a wider range may mend it"
            )
            return self._verdict("inconclusive", reason, level)
        reason = f"the test does not tell on which side of {aim} its mean lies"
        return self._verdict("inconclusive", reason, level, reach([self.contrast], self.scale, one_sided))

    def _holds_it(self, level: float) -> str:
        """Return a remark where the interval drawn includes the value, which Holm's procedure excludes."""
        drawn = self.contrast.comparison(self.scale, level)
        return DRAWN_WIDER if drawn.low <= 0 <= drawn.high else ""

    def _verdict(
        self, ruling: Ruling, reason: str, level: float, outlook: Reach | None = None
    ) -> ReachesVerdict:
        decisive = self.contrast.comparison(self.scale, level)
        return ReachesVerdict(
            ruling=ruling,
            reason=reason,
            n=self.n,
            scale=self.scale,
            decisive=decisive,
            value=self.value,
            reach=outlook or Reach(),
            comparisons=(decisive,),
        )


def _one_sided(levels: Levels) -> Levels:
    """Return levels whose two-sided tests and intervals have the whole error on each side."""
    return replace(levels, plan=replace(levels.plan, alpha=2 * levels.plan.alpha))


def _unit(metric: Metric) -> str:
    return f" {metric.value_unit}" if metric.value_unit else ""


def _measure(grounds: Grounds, spec: Reaches, _region: float | None, n: int) -> Reaching | Untestable:
    """Set an arm's replicates against the value."""
    records, arm = grounds.records, spec.arm
    refused = unknown_arm(records, [arm]) or without_seed(records, [arm])
    if refused:
        return refused
    scale = Scale(
        metric=records.metrics[spec.metric], sign=1 if spec.bound == "at_least" else -1, region=None
    )
    own = replicates(records, arm, spec.metric, n).ended
    tested = against_value(own, spec.value, bounds_of(records, spec.metric, [own]))
    if isinstance(tested, Untestable):
        return tested
    return Reaching(contrast=tested, scale=scale, value=spec.value, edge=grounds.edges([arm])[arm])


def against_value(own: Replicates, value: float, bounds: Bounds | None) -> AgainstValue | Untestable:
    """Set an arm's replicates that have ended against a value.

    Args:
        own: The replicates.
        value: In their unit.
        bounds: What a missing replicate may have been; None where nothing is known of that.
    """
    if own.is_voided:
        return Untestable(reason=f"a confirm run of {own.arm} diverged, which voids the mean")
    is_lost = own.count("missing") > 0
    if is_lost and bounds is None:
        return Untestable(reason=f"a replicate of {own.arm} is missing, and could have been anything")
    measured = own.measured.tolist()
    test = tests.against(measured, value)
    if test is None:
        return too_few(1) if measured else Untestable(reason=f"{own.arm} has no completed confirm run")
    if test.standard_error == 0 and not is_lost:
        reason = "every replicate has the same value: no variation to judge by"
        return Untestable(reason=reason, n=len(measured))
    fills = []
    for fill in bounds if is_lost and bounds is not None else ():
        filled = tests.against(np.where(np.isnan(own.values), fill, own.values).tolist(), value)
        fills += [filled] if filled is not None else []
    return AgainstValue(arm=own.arm, than=f"{value:.15g}", test=test, fills=tuple(fills))


REACHES = Kind(
    measure=_measure,
    compared_arms=lambda spec, _: (spec.arm,),
    note="Reaches: the arm's mean less the value, by Student's t over its n replicates; each side is tested "
    "one-sided (for one claim, the interval is at 90 %).",
)
