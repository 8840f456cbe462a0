"""Recipe settings of runs in several folders, which may stem from versions that record different fields."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from pydantic import ValidationError

from harness.recipe.configuration import resolve
from harness.records.frames import as_cell

_PREFIX = "config."

UNRECORDED = (
    "A recipe field that a folder's version did not record yet counts with the default that it has today."
)
"""For the captions of tables that say which runs have equal settings."""

_MOST_FIELDS = 6
"""Settings that a cell names; all of them stand in the CSV."""


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
        str(name).removeprefix(_PREFIX): _parsed(cell) for name, cell in row.items() if not pd.isna(cell)
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
