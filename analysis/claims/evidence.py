"""What claims rest on: replicates of arms, p-values of comparisons, or why there is nothing to test."""

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Generic, Literal, NamedTuple, Protocol, TypeVar

import pandas as pd

from analysis import selection
from analysis.claims.verdict import Verdict
from analysis.design import Design, design_of
from analysis.records import StudyRecords
from analysis.replicates import Replicates, chance_level, uses_no_seed
from analysis.seconds import incomparable
from analysis.statistics.sequential import Looks, Path, PValues
from harness.declaration import Declaration, UnknownClaim
from harness.study.claims import Claim

Edges = Mapping[str, selection.Side | None]
"""Arm to the edge of its range at which its chosen learning rate lies."""

ENDED = ("completed", "diverged")
"""Statuses of runs that say something about their configuration."""

Outcome = Literal["claimed", "against", "tied", "open"]
"""What the tests say: what is claimed, the contrary, too small a difference to matter, or nothing."""

Paths = Mapping[Hashable, Path]
"""The running minima of each of a claim's comparisons, by what tells it from the others."""


@dataclass(frozen=True, kw_only=True)
class Untestable:
    """Why a claim cannot be tested, and on how many replicates it would have rested."""

    reason: str
    n: int = 0
    is_by_design: bool = False
    """Whether this was settled before the data. Any other claim stays in the family, with a p of 1."""


class Sides(NamedTuple):
    """Of a claim: the levels at which its two families of tests would decide it."""

    claimed: float
    against: float
    tied: float = 1.0
    """Of the family of equivalence."""
    is_claimed_a_tie: bool = False
    """Whether equivalence is what is claimed."""

    @property
    def p(self) -> float:
        """Of the family of differences."""
        return min(self.claimed, self.against)


@dataclass(frozen=True, kw_only=True)
class Levels:
    """At which levels a verdict's intervals are drawn: those of Bonferroni."""

    plan: Looks
    look: int
    """Counted from 0."""
    n_claims: int
    """Claims of the family of differences."""
    n_regions: int
    """Claims of the family of equivalence."""
    paths: Paths
    unit: str = "seeds"
    """What is counted, in the plural."""

    @property
    def alpha(self) -> float:
        """Two-sided level of an interval of a difference."""
        return self.plan.weights[self.look] * self.plan.alpha / max(1, self.n_claims)

    @property
    def last_alpha(self) -> float:
        """Two-sided level of Holm's first step at the last look."""
        return self.plan.weights[-1] * self.plan.alpha / max(1, self.n_claims)

    def n_last(self, n: int) -> int:
        """Return the replicates at the last look, given those of this one; a repeat may have several."""
        return n * self.plan.looks[-1] // self.plan.looks[self.look]

    @property
    def first_step(self) -> float:
        """Level at which a comparison is decided whatever becomes of the other claims."""
        return self.plan.alpha / max(1, self.n_claims)

    @property
    def first_tied_step(self) -> float:
        """The same in the family of equivalence."""
        return self.plan.alpha / max(1, self.n_regions)

    @property
    def tied_alpha(self) -> float:
        """Level of each of the two one-sided tests of equivalence."""
        return self.plan.weights[self.look] * self.plan.alpha / max(1, self.n_regions)


class Evidence(Protocol):
    """What was measured for a claim up to a look."""

    @property
    def n(self) -> int:
        """Replicates it rests on."""

    @property
    def has_region(self) -> bool:
        """Whether equivalence can be concluded."""

    def p_values(self, *, kindest: bool = False) -> Mapping[Hashable, PValues]:
        """Return the p-values of each comparison.

        Args:
            kindest: Of what missing replicates may have been, the most favourable to each conclusion instead
                of the least.
        """

    def sides(self, paths: Paths) -> Sides:
        """Return the levels at which the claim is decided by the minima of its comparisons."""

    def is_futile(self, levels: Levels, /) -> bool:
        """Return whether the last look would decide nothing even a standard error beyond what is measured."""

    def needs(self, levels: Levels, /) -> frozenset[str]:
        """Return the arms whose further replicates the claim needs while it is open."""

    def tell(self, outcome: Outcome, levels: Levels) -> Verdict:
        """Return the verdict of an outcome, with its intervals and its words."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Grounds:
    """What a study's claims are decided by."""

    records: StudyRecords
    choices: Mapping[str, selection.Choice]
    """What each arm chose."""
    unequal_budgets: Sequence[str]
    """A sentence for every granted amount that differs too much between arms to decide a comparison."""
    claims: Sequence[Claim | UnknownClaim]
    """The declared claims, or why this version cannot decide one."""
    parent: "Grounds | None" = None
    """Those of the study whose runs were taken over; None where none were."""
    parts: Mapping[str, "Grounds"] = field(default_factory=dict)
    """The same of each of several data sets alone, in which arms have their plain names."""

    @cached_property
    def average(self) -> "Grounds":
        """What claims on the average over several data sets are decided by."""
        parts = list(self.parts.values())
        edged = {arm: choice for part in parts for arm, choice in part.choices.items() if choice.edge}
        return replace(
            parts[0],
            records=self.records.average,
            choices={**parts[0].choices, **edged},
            unequal_budgets=self.unequal_budgets,
        )

    @property
    def design(self) -> Design:
        """What the plan says of replicates."""
        return design_of(self.records)

    def edges(self, arms: Iterable[str]) -> Edges:
        """Return which of some arms chose a learning rate at an edge of their range."""
        return {arm: self.choices[arm].edge for arm in arms}


Spec = TypeVar("Spec")
"""The model of a kind's part of a claim, as `harness.study.claims` declares it."""


@dataclass(frozen=True, kw_only=True)
class Kind(Generic[Spec]):
    """One kind of claim."""

    measure: Callable[[Grounds, Spec, float | None, int], Evidence | Untestable]
    """Returns the evidence of the plan's first replicates, given the claim's region of equivalence (None for
    the metric's own) and their number."""
    compared_arms: Callable[[Spec, Declaration], Iterable[str]]
    """Returns which of the study's arms a claim is about."""
    note: str | None = None
    """What a reader of the table of claims must know of the kind."""


class Bounds(NamedTuple):
    """What a missing replicate may have been."""

    chance: float
    best: float


def bounds_of(records: StudyRecords, metric: str, seen: Iterable[Replicates]) -> Bounds | None:
    """Return the metric's chance level and the best value seen; None where the metric has no chance level."""
    chance = chance_level(records, metric)
    values = [float(value) for own in seen for value in own.measured]
    if chance is None or not values:
        return None
    return Bounds(chance, max(values) if records.metrics[metric].sign > 0 else min(values))


def unknown_arm(records: StudyRecords, arms: Sequence[str]) -> Untestable | None:
    """Return why a claim about arms that do not exist cannot be tested."""
    unknown = [name for name in arms if name not in records.arms]
    if not unknown:
        return None
    reason = f"the study has no arm {unknown[0]!r}; it has {', '.join(records.arms)}"
    return Untestable(reason=reason, is_by_design=True)


def without_seed(records: StudyRecords, arms: Iterable[str]) -> Untestable | None:
    """Return why arms whose runs are equal to the last digit have no replicates."""
    same = [arm for arm in arms if uses_no_seed(records, arm)]
    if not same:
        return None
    reason = f"{same[0]} does not seem to use its seed: its runs are equal to the last digit over all seeds"
    if records.declaration.trial is not None:
        reason = (
            f"the program does not seem to use its seed: the runs of {same[0]} are equal to the last digit "
            f"over all seeds"
        )
    return Untestable(reason=reason)


def too_few(shared: int) -> Untestable:
    """Return why fewer than two replicates decide nothing."""
    if shared == 0:
        return Untestable(reason="the arms share no completed confirm seed")
    return Untestable(reason="single seed: it shows no spread, so nothing can be concluded from it", n=1)


def session_of(records: StudyRecords, run_id: str, started_at: str) -> tuple[str | None, int]:
    """Return in which session a run was trained: of the study itself (None), or of the one it came from."""
    if origin := records.origins.get(run_id):
        return origin.declarations[0], origin.session
    return None, sum(session.at <= started_at for session in records.manifest.resumed)


def shared_machine(records: StudyRecords, runs: pd.DataFrame) -> Untestable | None:
    """Return why the seconds of some runs cannot be compared with each other."""
    refused = incomparable(runs)
    if refused is not None:
        remedy = "" if refused.remedy is None else f". Remedy: {refused.remedy}"
        return Untestable(reason=refused.reason + remedy)
    sessions = {session_of(records, *run) for run in runs[["run_id", "started_at"]].dropna().to_numpy()}
    if len(sessions) > 1:
        return Untestable(
            reason=f"runs come from {len(sessions)} sessions, between which a machine may have changed: "
            "seconds are not comparable"
        )
    return None
