"""How a response is measured, of a grid or of arms that fix the field, and when there is none to measure."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import pandas as pd

from analysis import selection
from analysis.claims.evidence import (
    Edges,
    Grounds,
    Untestable,
    bounds_of,
    shared_machine,
    too_few,
    unknown_arm,
    without_seed,
)
from analysis.claims.response import Response
from analysis.records import StudyRecords
from analysis.replicates import Replicates
from analysis.responses import Level, as_level, label, levels_of
from harness.study.domains import Choices, Grid

_MOST_FILLED = 6
"""Levels with a missing replicate, of which every combination of what they may have been is tested."""


def respond(
    grounds: Grounds, members: str | Sequence[str], field: str, metric: str, n: int
) -> Response | Untestable:
    """Return a metric over the levels of a field.

    Args:
        grounds: The study.
        members: An arm whose grid varies the field, or a template of arms that fix it at one value each; or
            such arms by name.
        field: The recipe field.
        metric: Column of the runs.
        n: Replicates of each arm; a grid has those of its search seeds.
    """
    records = grounds.records
    if not isinstance(members, str):
        return unknown_arm(records, members) or _of_arms(grounds, members, field, metric, n)
    if members in records.arms:
        return _of_grid(records, members, field, metric)
    arms = records.declaration.arms_of(members)
    if not arms:
        reason = f"the study has no arm or template {members!r}; it has {', '.join(records.arms)}"
        return Untestable(reason=reason, is_by_design=True)
    return _of_arms(grounds, arms, field, metric, n)


def _of_grid(records: StudyRecords, arm: str, field: str, metric: str) -> Response | Untestable:
    """Return the response of an arm's grid, from the search runs."""
    space, search = records.declaration.arms[arm].space, records.declaration.search
    domain = space.get(field)
    if search.sampler != "grid" or not isinstance(domain, Choices | Grid):
        how = f"was searched by {search.sampler}" if field in space else "is not varied"
        reason = (
            f"{field} {how} in {arm}, which measures no response. Remedy: sampler: grid with search.seeds"
        )
        return Untestable(reason=reason, is_by_design=True)
    if len(space) > 1:
        others = ", ".join(name for name in space if name != field)
        reason = f"the grid of {arm} varies {others} as well. Remedy: one arm a value of these"
        return Untestable(reason=reason, is_by_design=True)
    runs = records.runs_of("search", arm)
    by_level = dict(zip(levels_of(domain.listed), domain.listed, strict=True))
    groups = {level: _at(runs, field, value) for level, value in by_level.items()}
    columns = {
        level: selection.measured(records, arm, metric, {field: value}) for level, value in by_level.items()
    }
    return _response(records, groups, columns, field, metric, is_paired=True, growing=frozenset(), edges={})


def _at(runs: pd.DataFrame, field: str, value: Any) -> pd.DataFrame:
    return runs[selection.has_value(runs, field, value)] if len(runs) else runs


def _of_arms(grounds: Grounds, arms: Sequence[str], field: str, metric: str, n: int) -> Response | Untestable:
    """Return the response of arms that fix the field, from the confirm runs where there are any."""
    records = grounds.records
    groups: dict[Level, pd.DataFrame] = {}
    columns: dict[Level, Replicates] = {}
    for arm in arms:
        fixed = records.declaration.arms[arm].fixed
        if field not in fixed:
            reason = f"{arm} does not fix {field}, so it is no level of it"
            return Untestable(reason=reason, is_by_design=True)
        level = as_level(fixed[field])
        if level in groups:
            reason = f"several arms have {field} {label(level)}. Remedy: list the arms to compare"
            return Untestable(reason=reason, is_by_design=True)
        groups[level] = selection.runs_of_one_configuration(records, arm)
        columns[level] = selection.measured(records, arm, metric, upto=n)
    refused = without_seed(records, arms)
    if refused:
        return refused
    is_paired = grounds.design.seeds_are_common
    edges: Edges = {} if records.metrics[metric].is_time else grounds.edges(arms)
    return _response(
        records,
        groups,
        columns,
        field,
        metric,
        is_paired=is_paired,
        growing=frozenset(arms),
        edges={label(level): edges.get(arm) for level, arm in zip(groups, arms, strict=True)},
    )


def _response(
    records: StudyRecords,
    groups: Mapping[Level, pd.DataFrame],
    columns: Mapping[Level, Replicates],
    field: str,
    metric: str,
    *,
    is_paired: bool,
    growing: frozenset[str],
    edges: Edges,
) -> Response | Untestable:
    """Join the levels' replicates: with shared seeds over those they share."""
    refused = _without_comparable_times(records, groups) if records.metrics[metric].is_time else None
    if refused:
        return refused
    diverged = {
        level: f"{int((groups[level]['status'] == 'diverged').sum())} of {len(groups[level])}"
        for level, own in columns.items()
        if own.is_voided
    }
    kept = {level: own.ended for level, own in columns.items() if level not in diverged}
    empty = [label(level) for level, own in kept.items() if not len(own.measured)]
    if empty:
        return Untestable(reason=f"no completed run with {metric} at {field} {', '.join(empty)}")
    levels = sorted(kept) if all(isinstance(level, float) for level in kept) else list(kept)
    ordered = [kept[level] for level in levels]
    if is_paired and ordered:
        shared = [key for key in ordered[0].keys if all(key in own.keys for own in ordered)]
        ordered = [own.only(shared) for own in ordered]
    response = Response(
        field=field,
        metric=records.metrics[metric],
        levels=levels,
        columns=ordered,
        is_paired=is_paired,
        diverged=diverged,
        bounds=bounds_of(records, metric, ordered),
        growing=growing,
        edges=edges,
    )
    return _usable(response)


def _usable(response: Response) -> Response | Untestable:
    """Return a response, or why its replicates are too few or too many are missing."""
    n = response.n if response.columns else 0
    if n < 2:
        return too_few(n)
    lost = [
        level for level, own in zip(response.levels, response.columns, strict=True) if own.count("missing")
    ]
    if lost and (response.bounds is None or len(lost) > _MOST_FILLED):
        names = ", ".join(map(label, lost))
        return Untestable(reason=f"replicates at {names} are missing, and could have been anything", n=n)
    return response


def _without_comparable_times(
    records: StudyRecords, groups: Mapping[Level, pd.DataFrame]
) -> Untestable | None:
    """Return why seconds measured at several levels cannot be compared."""
    refused = shared_machine(records, pd.concat(list(groups.values())))
    if refused or not _is_level_after_level(groups.values()):
        return refused
    return Untestable(
        reason="one value was measured after the other, so a drift of the machine would look like a trend of "
        "times. Remedy: a new study, whose runs take the values in turn"
    )


def _is_level_after_level(groups: Iterable[pd.DataFrame]) -> bool:
    """Return whether several runs of each level ran before the next level's first one."""
    spans = sorted(
        (runs["started_at"].min(), runs["started_at"].max(), len(runs)) for runs in groups if len(runs)
    )
    is_repeated = any(count > 1 for *_, count in spans)
    return is_repeated and all(last < first for (_, last, _), (first, *_) in pairwise(spans))
