"""How results depend on a setting: the lines along which it varies, and which runs measure each value.

An arm's grid is measured by its search runs; the arms of a template with `for_each` by their confirm runs.
"""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, Literal

import pandas as pd

from analysis import selection, statistics
from analysis.records import StudyRecords
from analysis.render import numbers
from analysis.search import WinnerRule
from harness.recipe.augmentation import augmentation_in_words
from harness.records.events import Phase
from harness.study.domains import Choices, Domain, Grid
from harness.study.published import PublishedValues

Level = float | str | bool
"""A value of the setting."""

Scale = Literal["linear", "log", "log2", "symlog", "listed"]


def as_level(value: Any) -> Level:
    """Return a recipe value as a level: numbers as floats, structures by their name or what they do."""
    if isinstance(value, bool | str):
        return value
    if isinstance(value, int | float):
        return float(value)
    if not isinstance(value, dict):
        return json.dumps(value)
    return augmentation_in_words(value) or str(value.get("name", json.dumps(value)))


def levels_of(values: Sequence[Any]) -> list[Level]:
    """Return the values of one setting as levels; structures of one name by all that they hold."""
    levels = [as_level(value) for value in values]
    return [
        numbers.value_in_words(value) if isinstance(value, dict) and levels.count(level) > 1 else level
        for value, level in zip(values, levels, strict=True)
    ]


def label(level: Level) -> str:
    """Return a level in words."""
    return numbers.setting(level) if isinstance(level, float) else str(level)


@dataclass(frozen=True, kw_only=True)
class Point:
    """One value of the setting, and the runs that measure it."""

    level: Level
    arm: str
    at: Mapping[str, Any]
    """Settings that pick runs of the arm's grid; empty where the whole arm is the point."""

    def runs(self, records: StudyRecords) -> pd.DataFrame:
        """Return the runs, one a seed."""
        return selection.runs_of_one_configuration(records, self.arm, self.at)


@dataclass(frozen=True, kw_only=True)
class Line:
    """What belongs on one line: points that differ in one setting only."""

    name: str
    """The arm or template, and the values of further settings that it varies."""
    field: str
    points: Sequence[Point]
    """Numbers by size, anything else as declared."""
    held: Mapping[str, Any]
    """Further settings of the grid or template, with their value on this line."""
    phase: Phase
    """Of the runs that measure it."""

    @property
    def scale(self) -> Scale:
        """How the values are spread: by their logarithm where they span a decade, batch sizes by twos."""
        levels = [point.level for point in self.points]
        if not all(isinstance(level, float) for level in levels):
            return "listed"
        plain = [float(level) for level in levels]
        positive = [level for level in plain if level > 0]
        if self.field == "batch_size":
            return "log2"
        if min(plain) < 0 or not positive or max(positive) < 10 * min(positive):
            return "linear"
        return "log" if len(positive) == len(plain) else "symlog"

    def metrics(self, records: StudyRecords) -> tuple[str, ...]:
        """Return what is shown of its runs, as columns of the runs: only confirm runs see the test set."""
        metrics = records.metrics
        losses = ["train_loss", "val_loss"] * metrics.has_loss
        tested = [metrics.headline.name] * (self.phase == "confirm")
        return tuple(dict.fromkeys([*losses, metrics.validated.name, *tested]))

    def place(self, level: Level) -> float | None:
        """Return where a value lies on the axis: at itself, or at its rank in the list, if it is in it."""
        if isinstance(level, float) and self.scale != "listed":
            return level
        levels = [point.level for point in self.points]
        return float(levels.index(level)) if level in levels else None


def is_measured(records: StudyRecords) -> bool:
    """Return whether the study only measures: every arm a grid, nothing chosen for a confirm phase."""
    arms = {point.arm for line in lines(records) for point in line.points if point.at}
    return not records.has_confirm and arms == set(records.arms)


def lines(records: StudyRecords) -> list[Line]:
    """Return every line of the study: grids in the order of arms, then templates."""
    all_lines: list[Line] = []
    if records.declaration.search.sampler == "grid":
        for arm in records.arms:
            all_lines += _of_grid(arm, records.declaration.arms[arm].space)
    families: dict[str, list[str]] = {}
    for arm in records.arms:
        declared = records.declaration.arms[arm]
        if declared.template and (declared.confirm_runs or not declared.space):
            families.setdefault(declared.template.name, []).append(arm)
    for template, arms in families.items():
        all_lines += _of_template(records, template, arms)
    return all_lines


def _of_grid(arm: str, space: Mapping[str, Domain]) -> Iterator[Line]:
    """Yield the lines of one arm: along its first numeric list, one for each point of the others."""
    listed = {field: values for field, domain in space.items() if (values := _listed(domain))}
    field = _first_numeric(listed)
    if field is None:
        return
    others = {name: values for name, values in listed.items() if name != field}
    for chosen in product(*others.values()):
        held = dict(zip(others, chosen, strict=True))
        values = listed[field]
        points = [
            Point(level=level, arm=arm, at={**held, field: value})
            for level, value in zip(levels_of(values), values, strict=True)
        ]
        yield _line(arm, field, points, held, "search")


def _listed(domain: Domain) -> list[Any]:
    """Return the values of a grid, which sampler `grid` makes of choices too, where there are several."""
    return domain.listed if isinstance(domain, Choices | Grid) and len(domain.listed) > 1 else []


def _first_numeric(listed: Mapping[str, Sequence[Any]]) -> str | None:
    """Return the first field with numbers only, else the first field, if any."""
    numeric = (n for n, values in listed.items() if all(isinstance(as_level(v), float) for v in values))
    return next(numeric, next(iter(listed), None))


def _of_template(records: StudyRecords, template: str, arms: Sequence[str]) -> Iterator[Line]:
    """Yield the lines of one template: along its first numeric field, one for each value of the others."""
    fixed = {arm: records.declaration.arms[arm].fixed for arm in arms}
    varied = _varied(list(fixed.values()))
    field = _first_numeric(varied)
    if field is None or not isinstance(as_level(varied[field][0]), float):
        return  # templates over names are compared as the arms they are
    groups: dict[str, list[str]] = {}
    for arm in arms:
        groups.setdefault(repr([fixed[arm][name] for name in varied if name != field]), []).append(arm)
    for members in groups.values():
        held = {name: fixed[members[0]][name] for name in varied if name != field}
        points = [Point(level=as_level(fixed[arm][field]), arm=arm, at={}) for arm in members]
        if len(points) > 1:
            phase: Phase = "confirm" if records.declaration.arms[members[0]].confirm_runs else "search"
            yield _line(template, field, points, held, phase)


def _varied(settings: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """Return the fields that all have and that do not have one value, with the value of each."""
    shared = [field for field in settings[0] if all(field in each for each in settings)]
    values = {field: [each[field] for each in settings] for field in shared}
    return {field: each for field, each in values.items() if len({repr(value) for value in each}) > 1}


def _line(owner: str, field: str, points: list[Point], held: dict[str, Any], phase: Phase) -> Line:
    if all(isinstance(point.level, float) for point in points):
        points = sorted(points, key=lambda point: point.level)
    name = ", ".join([owner, *(f"{other} {_held_in_words(value)}" for other, value in held.items())])
    return Line(name=name, field=field, points=points, held=held, phase=phase)


def _held_in_words(value: Any) -> str:
    return numbers.value_in_words(value) if isinstance(value, dict) else label(as_level(value))


def runs_of(records: StudyRecords, of_lines: Sequence[Line]) -> pd.DataFrame:
    """Return the runs that measure some lines."""
    runs = [point.runs(records) for line in of_lines for point in line.points]
    return pd.concat(runs) if runs else records.runs.iloc[:0]


def place(line: Line, level: Level, arm: str) -> dict[str, object]:
    """Return where a row of a frame belongs: its `line, arm, phase, field, level, x, scale`."""
    return {
        "line": line.name,
        "arm": arm,
        "phase": line.phase,
        "field": line.field,
        "level": label(level),
        "x": line.place(level),
        "scale": line.scale,
    }


def published_of(records: StudyRecords, line: Line) -> Iterator[tuple[Level, str, PublishedValues]]:
    """Yield level, arm and published run of each that belongs on a line.

    A published run of a grid must say where it was measured in every setting that the grid varies.
    """
    for arm in dict.fromkeys(point.arm for point in line.points):
        for run in records.declaration.published.get(arm, []):
            level = _published_level(line, arm, run.at or {})
            if level is not None:
                yield level, arm, run


def _published_level(line: Line, arm: str, at: Mapping[str, Any]) -> Level | None:
    if not line.points[0].at:  # a template: each arm is one point
        return None if at else next(point.level for point in line.points if point.arm == arm)
    if {line.field, *line.held} - at.keys():
        return None
    is_here = all(as_level(at[name]) == as_level(value) for name, value in line.held.items())
    level = as_level(at[line.field])
    return level if is_here and line.place(level) is not None else None


_CERTAIN = 3.0
"""Standard errors of guessing's accuracy that a mean must be above to be better than it."""
_SURE = 3.0
"""How often as guessing a single run must be right: an untrained network that favours two classes or three is
right up to so often by luck. Of few classes half of the way to 1 is enough."""


def is_guessing(records: StudyRecords, of_points: Sequence[pd.DataFrame], metric: str) -> bool:
    """Return whether nothing on a line is better than guessing one of the classes, on a metric's images.

    Better is a value whose interval over seeds lies above what guessing gets, or a run that is right three
    times as often. The best of what learned nothing is luck. A loss says too little: sure mistakes raise it.

    Args:
        records: The study.
        of_points: The runs of each value of the setting.
        metric: A column of the runs; False where it is no loss and no accuracy, or nothing is known.
    """
    split, _, quantity = metric.partition("_")
    data = records.declaration.known_data
    if quantity not in {"loss", "accuracy"} or data is None or records.n_classes is None:
        return False
    images, chance = getattr(data, f"{split}_samples"), 1 / records.n_classes
    bound = chance + _CERTAIN * math.sqrt(chance * (1 - chance) / max(images, 1_000))
    known = [runs.loc[runs["status"] == "completed", f"{split}_accuracy"].dropna() for runs in of_points]
    known = [accuracies for accuracies in known if len(accuracies)]
    intervals = [statistics.t_interval(list(accuracies)) for accuracies in known]
    is_above = any(interval.low is not None and interval.low > bound for interval in intervals)
    sure = min(_SURE * chance, (1 + chance) / 2)
    has_learned = any(accuracies.max() > sure for accuracies in known)
    return bool(known) and not is_above and not has_learned


NONE_CHOSEN = "none: no run is better than guessing"
"""In place of what an arm chose; see `chose_nothing`."""


def chose_nothing(records: StudyRecords, arm: str) -> bool:
    """Return whether an arm's grid is only measured, and none of its runs is better than guessing.

    Its best run is luck. What was confirmed was chosen, whatever it is worth.
    """
    records, arm = records.alone(arm)
    if records.declaration.arms[arm].confirm_runs:
        return False
    points = [point for line in lines(records) for point in line.points if point.arm == arm and point.at]
    metric = WinnerRule.of(records.declaration).metric
    return bool(points) and is_guessing(records, [point.runs(records) for point in points], metric)
