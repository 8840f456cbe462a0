"""What claims rest on: values of runs by seed, or the reasons why there are none to compare."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

import pandas as pd

from analysis import selection, timing
from analysis.claims.verdict import Verdict
from analysis.records import StudyRecords
from harness.declaration import Manifest, UnknownClaim
from harness.study.claims import Claim

Values = dict[int, float]
"""Seed to value."""

Edges = Mapping[str, selection.Side | None]
"""Arm to the edge of its range at which its chosen learning rate lies."""

ENDED = ("completed", "diverged")
"""Statuses of runs that say something about their configuration."""


@dataclass(frozen=True, kw_only=True)
class Untestable:
    """Why a claim cannot be tested, and on how many seeds it would have rested."""

    reason: str
    n: int = 0


class Evidence(Protocol):
    """What was measured for a claim that can be tested."""

    @property
    def p(self) -> float:
        """The smallest level at which `rule` would conclude anything."""

    @property
    def n(self) -> int:
        """Seeds it rests on."""

    def rule(self, alpha: float) -> Verdict:
        """Return the verdict at a two-sided level."""


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

    def edges(self, arms: Iterable[str]) -> Edges:
        """Return which of some arms chose a learning rate at an edge of their range."""
        return {arm: self.choices[arm].edge for arm in arms}


Spec = TypeVar("Spec")
"""The model of a kind's part of a claim, as `harness.study.claims` declares it."""


@dataclass(frozen=True, kw_only=True)
class Kind(Generic[Spec]):
    """One kind of claim."""

    measure: Callable[[Grounds, Spec, float | None], Evidence | Untestable]
    """Returns the evidence, given the claim's region of equivalence or None for the metric's own."""
    compared_arms: Callable[[Spec, Manifest], Iterable[str]]
    """Returns which of the study's arms a claim is about."""
    note: str | None = None
    """What a reader of the table of claims must know of the kind."""


def unknown_arm(records: StudyRecords, arms: Sequence[str]) -> Untestable | None:
    """Return why a claim about arms that do not exist cannot be tested."""
    unknown = [name for name in arms if name not in records.arms]
    if not unknown:
        return None
    return Untestable(reason=f"the study has no arm {unknown[0]!r}; it has {', '.join(records.arms)}")


def voided(records: StudyRecords, arms: Sequence[str]) -> Untestable | None:
    """Return why arms with a diverged confirm run have no mean."""
    confirm = records.runs_of("confirm")
    with_diverged = set(confirm.loc[confirm["status"] == "diverged", "arm"])
    void = [arm for arm in arms if arm in with_diverged]
    if not void:
        return None
    return Untestable(reason=f"a confirm run of {' and '.join(void)} diverged, which voids the mean")


def too_few_seeds(shared: int) -> Untestable:
    """Return why fewer than two shared seeds decide nothing."""
    if shared == 0:
        return Untestable(reason="the arms share no completed confirm seed")
    return Untestable(reason="single seed: it shows no spread, so nothing can be concluded from it", n=1)


def shared_machine(runs: pd.DataFrame) -> Untestable | None:
    """Return why the seconds of some runs cannot be compared with each other."""
    refused = timing.incomparable(runs)
    if refused is None:
        return None
    remedy = "" if refused.remedy is None else f". Remedy: {refused.remedy}"
    return Untestable(reason=refused.reason + remedy)


def by_seed(runs: pd.DataFrame, metric: str) -> Values:
    """Return seed to value over the completed ones of some runs of one configuration."""
    rows = runs[runs["status"] == "completed"].dropna(subset=[metric]).drop_duplicates("seed")
    return {int(seed): float(value) for seed, value in zip(rows["seed"], rows[metric], strict=True)}


def confirm_values(records: StudyRecords, arms: Iterable[str], metric: str) -> dict[str, Values]:
    """Return each arm's values over its completed confirm runs."""
    return {arm: by_seed(records.runs_of("confirm", arm), metric) for arm in arms}
