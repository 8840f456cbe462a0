"""Every run as one row: what the page's filter, its parallel coordinates and its hints over marks read."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import pandas as pd

from analysis.facts import Facts
from analysis.records import StudyRecords
from analysis.render import numbers
from analysis.search import fields_of

_MOST_RUNS = 1000
"""Rows of the table; of a study of more, confirm runs and chosen ones come first."""

Scale = Literal["", "linear", "log", "listed"]


@dataclass(frozen=True, kw_only=True)
class Column:
    """One column of the table."""

    name: str
    """What a filter calls it."""
    scale: Scale = ""
    """Of its axis in the parallel coordinates; empty of one that has none."""


@dataclass(frozen=True, kw_only=True)
class RunsTable:
    """Runs of a study, in the order of the journal."""

    columns: Sequence[Column]
    cells: Sequence[Sequence[str]]
    numbers: Mapping[str, int]
    """The row of each run, from 0."""
    total: int
    """Runs of the study."""

    @property
    def hint(self) -> str:
        """How many runs it holds, and which are left out."""
        n = len(self.cells)
        return f"{n:,} runs" if n == self.total else f"{n:,} of {self.total:,} runs, confirmed ones first"


def tabulate(facts: Facts) -> RunsTable:
    """Return the table of runs: who, how it ended, what it reached, and the settings that were searched."""
    records = facts.records
    runs = _first(records)
    searched = _searched(records)
    columns = [Column(name=name) for name in ("run", "arm", "phase")]
    cells: list[list[str]] = [list(runs[name].astype(str)) for name in ("run_id", "arm", "phase")]
    for name in ["repeat"] * records.is_repeated + ["seed", "status", "epochs"]:
        columns.append(Column(name=name))
        cells.append([str(value) for value in runs[name]])
    for name, scale in searched.items():
        columns.append(Column(name=name, scale=scale))
        cells.append([_text(value, is_drawn=scale != "listed") for value in runs[f"config.{name}"]])
    for metric_name in dict.fromkeys([facts.rule.metric, records.metrics.headline.name]):
        metric = records.metrics[metric_name]
        columns.append(Column(name=metric_name, scale="linear" if metric_name == facts.rule.metric else ""))
        cells.append([metric.amount(value) for value in runs[metric_name]])
    rows = list(zip(*cells, strict=True))
    places = {run_id: place for place, run_id in enumerate(runs["run_id"])}
    return RunsTable(columns=columns, cells=rows, numbers=places, total=len(records.runs))


def _first(records: StudyRecords) -> pd.DataFrame:
    """Return the runs that are shown."""
    runs = records.runs
    if len(runs) <= _MOST_RUNS:
        return runs
    is_first = (runs["phase"] == "confirm") | runs["run_id"].isin(records.all_winners)
    order = (~is_first).sort_values(kind="stable").index[:_MOST_RUNS]
    return runs.loc[order.sort_values()]


def _searched(records: StudyRecords) -> dict[str, Scale]:
    """Return the scale of each field that an arm searched and runs recorded."""
    return {name: scale for name, scale in dict(_scales(records)).items() if f"config.{name}" in records.runs}


def _scales(records: StudyRecords) -> Iterator[tuple[str, Scale]]:
    for arm in records.declaration.arms.values():
        for field in fields_of(arm.space):
            is_ranged = field.range is not None
            yield (
                field.name,
                "log" if field.range and field.range.is_log else "linear" if is_ranged else "listed",
            )


def _text(value: Any, *, is_drawn: bool) -> str:
    if pd.isna(value):
        return numbers.ABSENT
    plain = numbers.parsed(value)
    return numbers.drawn(plain) if is_drawn and numbers.is_number(plain) else numbers.value_in_words(plain)
