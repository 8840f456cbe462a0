"""What claims rest on: values by seed, responses over levels of a field, or why there is nothing to test."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

import numpy as np
import pandas as pd

from analysis import selection
from analysis.claims.verdict import METRICS, Verdict
from analysis.records import StudyRecords, incomparable
from analysis.responses import Level, as_level, label
from harness.declaration import Declaration, UnknownClaim
from harness.study.claims import Claim
from harness.study.domains import Choices, Grid

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
    compared_arms: Callable[[Spec, Declaration], Iterable[str]]
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
    refused = incomparable(runs)
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


@dataclass(frozen=True, kw_only=True)
class Response:
    """Values of a metric by seed and level."""

    field: str
    metric: str
    levels: list[Level]
    """In order: by size where all are numbers, as declared otherwise."""
    matrix: np.ndarray
    """Shape `(n_seeds, n_levels)`, at least 2 seeds; of times, the logarithms."""
    diverged: dict[Level, str]
    """Levels left out because a run diverged there, with how many did."""

    @property
    def is_numeric(self) -> bool:
        """Whether every level is a number."""
        return all(isinstance(level, float) for level in self.levels)

    @property
    def positions(self) -> list[float]:
        """Where levels lie: logarithms where they span a decade or more, ranks where they are no numbers."""
        if not self.is_numeric:
            return [float(rank) for rank in range(len(self.levels))]
        plain = [float(level) for level in self.levels]
        is_log = min(plain) > 0 and max(plain) / min(plain) >= 10
        return [math.log(level) for level in plain] if is_log else plain

    @property
    def losses(self) -> str:
        """Which levels were left out and why, as the end of a sentence; empty without any."""
        return "".join(f"; {count} runs diverged at {label(level)}" for level, count in self.diverged.items())


def respond(
    records: StudyRecords, arm: str | None, arms: Sequence[str] | None, field: str, metric: str
) -> Response | Untestable:
    """Return a metric over the levels of a field.

    Args:
        records: The study.
        arm: An arm whose grid varies the field, or a template of arms that fix it at one value each.
        arms: Such arms by name, where `arm` is None.
        field: The recipe field.
        metric: Column of the runs.
    """
    if arm is not None and arm in records.arms:
        return _of_grid(records, arm, field, metric)
    members = list(arms) if arms is not None else records.declaration.arms_of(arm or "")
    if arm is not None and not members:
        return Untestable(
            reason=f"the study has no arm or template {arm!r}; it has {', '.join(records.arms)}"
        )
    return unknown_arm(records, members) or _of_arms(records, members, field, metric)


def _of_grid(records: StudyRecords, arm: str, field: str, metric: str) -> Response | Untestable:
    """Return the response of an arm's grid, from the search runs."""
    space, search = records.declaration.arms[arm].space, records.declaration.search
    domain = space.get(field)
    if search.sampler != "grid" or not isinstance(domain, Choices | Grid):
        how = f"was searched by {search.sampler}" if field in space else "is not varied"
        reason = (
            f"{field} {how} in {arm}, which measures no response. Remedy: sampler: grid with search.seeds"
        )
        return Untestable(reason=reason)
    if len(space) > 1:
        others = ", ".join(name for name in space if name != field)
        return Untestable(
            reason=f"the grid of {arm} varies {others} as well. Remedy: one arm a value of these"
        )
    runs = records.runs_of("search")
    runs = runs[(runs["arm"] == arm) & runs["status"].isin(ENDED)]
    groups = {as_level(value): _at(runs, field, value) for value in domain.listed}
    return _response(groups, field, metric)


def _at(runs: pd.DataFrame, field: str, value: Any) -> pd.DataFrame:
    return runs[selection.has_value(runs, field, value)] if len(runs) else runs


def _of_arms(records: StudyRecords, arms: Sequence[str], field: str, metric: str) -> Response | Untestable:
    """Return the response of arms that fix the field, from the confirm runs where there are any."""
    groups: dict[Level, pd.DataFrame] = {}
    for arm in arms:
        fixed = records.declaration.arms[arm].fixed
        if field not in fixed:
            return Untestable(reason=f"{arm} does not fix {field}, so it is no level of it")
        level = as_level(fixed[field])
        if level in groups:
            return Untestable(
                reason=f"several arms have {field} {label(level)}. Remedy: list the arms to compare"
            )
        runs = selection.runs_of_one_configuration(records, arm)
        groups[level] = runs[runs["status"].isin(ENDED)]
    return _response(groups, field, metric)


def _response(groups: Mapping[Level, pd.DataFrame], field: str, metric: str) -> Response | Untestable:
    """Join the levels' runs over the seeds they share."""
    is_time = METRICS[metric].is_time
    refused = shared_machine(pd.concat(list(groups.values()))) if is_time else None
    if refused:
        return refused
    diverged = {level: _diverged(runs) for level, runs in groups.items() if _diverged(runs)}
    values = {level: by_seed(runs, metric) for level, runs in groups.items() if level not in diverged}
    empty = [label(level) for level, of_level in values.items() if not of_level]
    if empty:
        return Untestable(reason=f"no completed run with {metric} at {field} {', '.join(empty)}")
    levels = sorted(values) if all(isinstance(level, float) for level in values) else list(values)
    seeds = sorted(set.intersection(*(set(of_level) for of_level in values.values()))) if values else []
    if len(seeds) < 2:
        return too_few_seeds(len(seeds))
    matrix = np.array([[values[level][seed] for level in levels] for seed in seeds])
    return Response(
        field=field,
        metric=metric,
        levels=levels,
        matrix=np.log(matrix) if is_time else matrix,
        diverged=diverged,
    )


def _diverged(runs: pd.DataFrame) -> str:
    """Return how many of some runs diverged, or nothing."""
    count = int((runs["status"] == "diverged").sum())
    return f"{count} of {len(runs)}" if count else ""
