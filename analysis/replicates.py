"""Replicates: what the n of a claim counts, one value each, in the order of the plan.

The value of a whole search is the mean of its confirm runs, that of a seed its run's (`analysis.design` says
which it is). Replicates beyond the plan are never returned.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.design import Key, confirmed, groups_of
from analysis.records import StudyRecords

Status = Literal["completed", "diverged", "missing", "open"]
"""`missing`: it ended without a value, as a run failed twice or a search had no winner. `open`: not ended."""

_COLLAPSED = 1.5
"""A completed run with an accuracy below so many times chance has collapsed; of few classes it takes less."""

_MANY = 0.1
"""The chance level of ten classes. With fewer, the same share of the way from chance to 1 counts."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Replicates:
    """The replicates of one arm and metric that the plan has up to a look."""

    arm: str
    keys: Sequence[Key]
    """Shape `(n,)`: arms that share their seeds are paired by them."""
    values: NDArray[np.float64]
    """Shape `(n,)`, in the metric's unit; NaN without a value."""
    statuses: Sequence[Status]
    """Shape `(n,)`. A diverged accuracy has a value: that of chance."""

    def count(self, status: Status) -> int:
        """Return how many replicates have a status."""
        return sum(own == status for own in self.statuses)

    @property
    def is_voided(self) -> bool:
        """Whether a replicate diverged that has no value: there is no mean of the rest to believe."""
        return any(
            status == "diverged" and math.isnan(value)
            for status, value in zip(self.statuses, self.values, strict=True)
        )

    @property
    def measured(self) -> NDArray[np.float64]:
        """The values there are."""
        return self.values[~np.isnan(self.values)]

    @property
    def ended(self) -> "Replicates":
        """Those that have ended."""
        return self.only(
            [key for key, status in zip(self.keys, self.statuses, strict=True) if status != "open"]
        )

    def only(self, keys: Sequence[Key]) -> "Replicates":
        """Return some of the replicates, in the order of their keys."""
        places = [self.keys.index(key) for key in keys]
        statuses = [self.statuses[place] for place in places]
        return replace(self, keys=list(keys), values=self.values[places], statuses=statuses)


def chance_level(records: StudyRecords, metric: str) -> float | None:
    """Return what a network that knows nothing scores; None for times, and where there are no known classes.

    Of losses it is that of equal probabilities, ln(classes).
    """
    if parts := records.averaged or tuple(records.by_dataset.values()):
        levels = [chance_level(part, metric) for part in parts]
        known = [level for level in levels if level is not None]
        return sum(known) / len(known) if len(known) == len(levels) else None
    n_classes, quantity = records.n_classes, metric.partition("_")[2]
    if n_classes is None:
        return None
    return {"accuracy": 1 / n_classes, "loss": math.log(n_classes)}.get(quantity)


def is_accuracy(metric: str) -> bool:
    """Return whether a column is the share of samples whose class is right."""
    return metric.partition("_")[2] == "accuracy"


def replicates(
    records: StudyRecords, arm: str, metric: str, upto: int | None = None, *, runs: pd.DataFrame | None = None
) -> Replicates:
    """Return the replicates of an arm, one value each.

    Args:
        records: The study.
        arm: One of its arms.
        metric: Column of the runs.
        upto: The first so many of the plan's unit; all that are planned by default.
        runs: The arm's confirm runs with a further column `metric`, where the runs have none of that name.
    """
    if records.averaged:
        return _averaged([replicates(part, arm, metric, upto) for part in records.averaged])
    if runs is None:
        records, arm = records.alone(arm)
    groups = confirmed(records, arm, upto) if runs is None else list(groups_of(records, arm, runs, upto))
    chance = chance_level(records, metric)
    results = [
        result_of(group.runs, metric, chance, group.planned, is_lost=group.is_lost) for group in groups
    ]
    return Replicates(
        arm=arm,
        keys=[group.key for group in groups],
        values=np.array([value for value, _ in results], dtype=np.float64),
        statuses=[status for _, status in results],
    )


def _averaged(of_each: Sequence[Replicates]) -> Replicates:
    """Return an arm's replicates on several data sets as one each: the mean of its values, of equal weight.

    On all data sets a replicate has the same seeds, so that their luck may be shared: averaged by replicate,
    its share in the variance is measured and not assumed away.
    """
    values = np.array([own.values for own in of_each])  # noqa: PD011 - of replicates, not of pandas
    statuses = _worst([own.statuses for own in of_each])
    return replace(of_each[0], values=values.mean(axis=0), statuses=statuses)


def _worst(of_each: Sequence[Sequence[Status]]) -> list[Status]:
    """Return of each replicate on several data sets the worst end."""
    worst: tuple[Status, ...] = ("open", "missing", "diverged", "completed")
    ends = zip(*of_each, strict=True)
    return [next(status for status in worst if status in of_one) for of_one in ends]


def result_of(
    runs: pd.DataFrame, metric: str, chance: float | None, planned: int = 1, *, is_lost: bool = False
) -> tuple[float, Status]:
    """Return the value of a replicate and how it ended.

    Args:
        runs: Those of its runs that ended.
        metric: Column of the runs.
        chance: The metric's chance level, which a diverged accuracy counts as.
        planned: Runs that it has when it has ended.
        is_lost: Whether it can have none.
    """
    end = _end_of(runs, planned, is_lost=is_lost)
    if end in {"open", "missing"}:
        return math.nan, end
    has_diverged = runs["status"].to_numpy() == "diverged"
    counts_as = chance if is_accuracy(metric) and chance is not None else math.nan
    values = np.where(has_diverged, counts_as, runs[metric].to_numpy(np.float64))
    is_finite = not np.isnan(values).any()
    is_lost_time = not is_finite and not has_diverged.any() and not metric.endswith("loss")
    value = float(values.mean()) if is_finite else math.nan
    return (
        value,
        "missing" if is_lost_time else "completed" if is_finite and not has_diverged.any() else "diverged",
    )


def _end_of(runs: pd.DataFrame, planned: int, *, is_lost: bool) -> Status:
    """Return how a replicate ended, whatever is measured of it."""
    if len(runs) < planned and not is_lost:
        return "open"
    statuses = runs["status"].to_numpy()
    if is_lost or not np.isin(statuses, ("completed", "diverged")).all():
        return "missing"
    return "diverged" if (statuses == "diverged").any() else "completed"


def ends_of(records: StudyRecords, arm: str, upto: int | None = None) -> list[Status]:
    """Return how an arm's first replicates ended, in the plan's order, whatever is measured of them."""
    if records.averaged:
        return _worst([ends_of(part, arm, upto) for part in records.averaged])
    records, arm = records.alone(arm)
    groups = confirmed(records, arm, upto)
    return [_end_of(group.runs, group.planned, is_lost=group.is_lost) for group in groups]


def n_ended(records: StudyRecords, arm: str, upto: int) -> tuple[int, int]:
    """Return how many of an arm's first replicates have ended, and how many the plan has up to there.

    An arm without confirm runs is measured by its search runs: these are counted.
    """
    records, arm = records.alone(arm)
    declared = records.declaration.arms[arm]
    if not declared.confirm_runs:
        ended, planned = len(records.runs_of("search", arm)), declared.search_runs
        return (planned if arm in records.winners else min(ended, planned)), planned
    ends = ends_of(records, arm, upto)
    return len(ends) - ends.count("open"), len(ends)


def uses_no_seed(records: StudyRecords, arm: str) -> bool:
    """Return whether all confirm runs of one configuration are equal to the last digit, over several seeds.

    Where searches are repeated, runs of each search's choice are.
    """
    if records.averaged:
        return any(uses_no_seed(part, arm) for part in records.averaged)
    runs = records.runs_of("confirm", arm)
    runs = runs[runs["status"] == "completed"]
    values = runs[records.metrics.columns("train", "val", "test")].dropna(axis="columns", how="all")
    if len(runs) < 2 or len(values.columns) == 0:
        return False
    n_repeats = runs["repeat"].nunique()
    n_distinct = len(values.assign(repeat=runs["repeat"]).drop_duplicates())
    return len(values.drop_duplicates()) == 1 or n_distinct == n_repeats < len(runs)


def n_collapsed(records: StudyRecords, arm: str, upto: int | None = None) -> int:
    """Return how many completed replicates of an arm score hardly more than chance on the test set."""
    records, arm = records.alone(arm)
    chance = chance_level(records, "test_accuracy")
    if chance is None:
        return 0
    own = replicates(records, arm, "test_accuracy", upto)
    ended = zip(own.values, own.statuses, strict=True)
    way = (_COLLAPSED - 1) * _MANY / (1 - _MANY)
    bound = _COLLAPSED * chance if chance <= _MANY else chance + way * (1 - chance)
    return sum(bool(value < bound) and status == "completed" for value, status in ended)
