"""The results folders that are compared: their names, their configurations and the settings of their runs.

Folders may stem from versions that record different recipe fields.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd
from pydantic import ValidationError

from analysis import selection
from analysis.design import counts_searches
from analysis.facts import Facts
from analysis.load import load_study
from analysis.records import StudyRecords
from analysis.render.table import RenderedTable
from analysis.responses import label
from harness.arguments import resolved
from harness.errors import ResultsError
from harness.recipe.configuration import resolve
from harness.records.frames import as_cell
from harness.study.datasets import name_on

_HEADINGS = {
    *("arm", "change", "claim", "difference", "finding", "folder", "metric", "of", "p (holm)", "part"),
    *("is_equal", "ratio", "setting", "test", "there", "warnings"),
}
"""Columns of the tables that have a column a folder, which no folder's name may repeat."""

_PREFIX = "config."

UNRECORDED = (
    "A recipe field that a folder's version did not record yet counts with the default that it has today."
)
"""For the captions of tables that say which runs have equal settings."""

_MOST_FIELDS = 6
"""Settings that a cell names; all of them stand in the CSV."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Configuration:
    """What a study measured of an arm, or of a point of its grid."""

    records: StudyRecords
    arm: str
    at: Mapping[str, Any] = field(default_factory=dict)
    """Settings that pick runs of the arm's grid; empty where the whole arm is meant."""

    @cached_property
    def runs(self) -> pd.DataFrame:
        """Its runs, one a seed."""
        return selection.runs_of_one_configuration(self.records, self.arm, self.at)

    @property
    def is_of_searches(self) -> bool:
        """Whether n counts whole searches, each of which chose a configuration of its own."""
        return not self.at and counts_searches(self.records, self.arm)


@dataclass(frozen=True, kw_only=True)
class Side:
    """One of the folders; the first one is what the others are compared with."""

    name: str
    """Heads its columns."""
    facts: Facts

    @property
    def records(self) -> StudyRecords:
        """The records of its study."""
        return self.facts.records

    @cached_property
    def configurations(self) -> dict[str, Configuration]:
        """By name each configuration that the study measures.

        Their runs are the confirm runs of each arm, or the search runs of one that searches nothing and has
        no confirm phase; of a grid without a confirm phase, the search runs at each of its points. Other
        searches try each configuration once: they measure none.
        """
        parts = self.facts.parts
        if not parts:
            return _configurations(self.facts)
        return {
            name_on(arm, name): own
            for name, part in parts.items()
            for arm, own in _configurations(part).items()
        }


def _configurations(facts: Facts) -> dict[str, Configuration]:
    known = {
        arm: Configuration(records=facts.records, arm=arm)
        for arm, declared in facts.records.declaration.arms.items()
        if declared.confirm_runs or not declared.space
    }
    for line in facts.lines:
        for point in line.points:
            if point.arm not in known:
                name = f"{line.name}, {line.field} {label(point.level)}"
                known[name] = Configuration(records=facts.records, arm=point.arm, at=point.at)
    return known


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a comparison says to one question."""

    table: RenderedTable
    finding: str | None = None
    """What of the table a reader looks for first, as a sentence."""


def load_sides(paths: Sequence[Path]) -> list[Side]:
    """Read the folders.

    Raises:
        ResultsError: There are fewer than two, one is named twice, or one cannot be read.
    """
    if len(paths) < 2:
        raise ResultsError(
            f"{paths[0]}: one folder alone cannot be compared. "
            f"Remedy: name two or more, such as results/optimizers results/reference/optimizers."
        )
    places = [resolved(path) for path in paths]
    for path, place in zip(paths, places, strict=True):
        if places.count(place) > 1:
            raise ResultsError(f"{path}: named twice, and equal to itself. Remedy: name each folder once.")
    names = unique_names(places)
    return [Side(name=name, facts=Facts(load_study(path))) for name, path in zip(names, paths, strict=True)]


def unique_names(paths: Sequence[Path]) -> list[str]:
    """Return for each path its shortest ending, in whole parts, that no other one and no heading shares.

    Args:
        paths: Absolute, without two that are equal.
    """
    return [_name(path, [other for other in paths if other != path]) for path in paths]


def _name(path: Path, others: Sequence[Path]) -> str:
    for length in range(1, len(path.parts)):
        ending = path.parts[-length:]
        is_taken = any(other.parts[-length:] == ending for other in others)
        if not is_taken and "/".join(ending).lower() not in _HEADINGS:
            return "/".join(ending)
    return path.as_posix()


def side_by_side(names: Sequence[str], first: str, folder: str, there: str) -> dict[str, str]:
    """Return cells of the first folder and another; of only two, each under its folder's name.

    Args:
        names: Of every folder, the first one first.
        first: The first folder's cell.
        folder: The other one's name.
        there: Its cell.
    """
    return {names[0]: first} | ({"Folder": folder, "There": there} if len(names) > 2 else {folder: there})


def headings(names: Sequence[str]) -> list[str]:
    """Return the columns of `side_by_side`."""
    return list(side_by_side(names, "", names[1], ""))


def different_settings(first: pd.DataFrame, second: pd.DataFrame) -> list[str]:
    """Return the recipe fields in which some runs are not all alike; none where either has no run."""
    if first.empty or second.empty:
        return []
    columns = recipe_columns(first, second)
    both = pd.concat([_distinct(frame, columns) for frame in (first, second)])
    return [field.removeprefix(_PREFIX) for field in columns if len(both[field].drop_duplicates()) > 1]


def in_words(fields: Sequence[str]) -> str:
    """Return which settings differ, of many the first few; empty where none does."""
    if not fields:
        return ""
    more = f" and {len(fields) - _MOST_FIELDS} more" if len(fields) > _MOST_FIELDS else ""
    return f"settings differ: {', '.join(fields[:_MOST_FIELDS])}{more}"


def recipe_columns(*frames: pd.DataFrame) -> list[str]:
    """Return the columns of recipe fields that any of some frames of runs has, by name."""
    columns = {str(column) for frame in frames for column in frame}
    return sorted(column for column in columns if column.startswith(_PREFIX))


def with_columns(runs: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    """Return runs with all of some recipe columns.

    A field that a folder does not record at all, as its version had none such, has the value that this
    version gives it by default, or none where it has no default for this recipe.
    """
    recorded = recipe_columns(runs)
    missing = [column for column in columns if column not in recorded]
    if not missing or runs.empty:
        return runs.reindex(columns=[*runs.columns, *missing])
    code = runs.groupby(recorded, dropna=False, sort=False).ngroup()
    distinct = runs.loc[~code.duplicated(), recorded]
    defaults = pd.DataFrame([_defaults(row) for row in distinct.to_dict("records")], columns=missing)
    return runs.join(defaults.iloc[code].set_axis(runs.index))


def _defaults(row: Mapping[Any, Any]) -> dict[str, Any]:
    """Return the whole configuration of a run as cells; none where this version would refuse it."""
    given = {
        field: _parsed(cell)
        for field, cell in ((str(name).removeprefix(_PREFIX), cell) for name, cell in row.items())
        if not pd.isna(cell) and "." not in field  # a setting of what another column holds
    }
    try:
        whole = resolve(given).model_dump()
    except ValidationError:
        return {}
    return {f"{_PREFIX}{name}": as_cell(value) for name, value in whole.items()}


def _parsed(cell: Any) -> Any:
    """Return a setting from its cell, which holds structures as JSON."""
    return json.loads(cell) if isinstance(cell, str) and cell.startswith(("{", "[")) else cell


def _distinct(runs: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    """Return the distinct recipe settings of some runs, absent values as None."""
    distinct = with_columns(runs, columns)[list(columns)].drop_duplicates().astype(object)
    return distinct.where(distinct.notna(), None)
