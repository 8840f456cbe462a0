"""A response: one metric over the levels of one field, measured on the same seeds at every level."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from analysis import selection
from analysis.claims.contrast import Contrast
from analysis.claims.evidence import ENDED, Untestable, by_seed, shared_machine, too_few_seeds, unknown_arm
from analysis.claims.verdict import METRICS
from analysis.records import StudyRecords
from analysis.responses import Level, as_level, label
from analysis.statistics import MeanTest
from harness.study.domains import Choices, Grid


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

    def contrast(self, arm: int, than: int) -> Contrast:
        """Return one level, by its place, against another."""
        gaps = self.matrix[:, arm] - self.matrix[:, than]
        test = MeanTest.of(gaps.tolist())
        return Contrast(arm=label(self.levels[arm]), than=label(self.levels[than]), test=test)

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
    members = list(arms) if arms is not None else records.manifest.arms_of(arm or "")
    if arm is not None and not members:
        return Untestable(
            reason=f"the study has no arm or template {arm!r}; it has {', '.join(records.arms)}"
        )
    return unknown_arm(records, members) or _of_arms(records, members, field, metric)


def _of_grid(records: StudyRecords, arm: str, field: str, metric: str) -> Response | Untestable:
    """Return the response of an arm's grid, from the search runs."""
    space, search = records.manifest.arms[arm].space, records.manifest.search
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
        fixed = records.manifest.arms[arm].fixed
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
