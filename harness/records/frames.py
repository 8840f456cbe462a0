"""Runs and epochs as tidy frames and parquet files, computed from a journal's events alone."""

import json
import statistics
import sys
from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from math import nan
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from harness.records.events import EpochEnded, Event, RunEnded, RunStarted

_RUN_FIELDS: list[tuple[str, pa.DataType]] = [
    ("study", pa.string()),
    ("arm", pa.string()),
    ("phase", pa.string()),
    ("run_id", pa.string()),
    ("seed", pa.int64()),
    ("status", pa.string()),
    ("reason", pa.string()),
    ("epochs", pa.int64()),
    ("selected_epoch", pa.int64()),
    ("steps_per_epoch", pa.int64()),
    ("train_loss", pa.float64()),
    ("train_accuracy", pa.float64()),
    ("val_loss", pa.float64()),
    ("val_accuracy", pa.float64()),
    ("test_loss", pa.float64()),
    ("test_accuracy", pa.float64()),
    ("train_seconds", pa.float64()),
    ("epoch_seconds", pa.float64()),
    ("samples_per_second", pa.float64()),
    ("threads", pa.int64()),
    ("device", pa.string()),
    ("host", pa.string()),
    ("concurrency", pa.int64()),
    ("attempts", pa.int64()),
    ("started_at", pa.string()),
    ("ended_at", pa.string()),
]

_EPOCHS_SCHEMA = pa.schema(
    [
        ("run_id", pa.string()),
        ("epoch", pa.int64()),
        ("step", pa.int64()),
        ("lr", pa.float64()),
        ("train_loss", pa.float64()),
        ("train_accuracy", pa.float64()),
        ("val_loss", pa.float64()),
        ("val_accuracy", pa.float64()),
        ("seconds", pa.float64()),
    ]
)


_NUMBERS = {f.name: "q" if f.type == pa.int64() else "d" for f in _EPOCHS_SCHEMA if f.name != "run_id"}
"""Type codes of Python's arrays for all columns of the epochs but the run."""

_STRUCTURES = (dict, list)


@dataclass
class _OpenRun:
    """A run that has started: its epochs so far and the most runs seen beside it."""

    started: RunStarted
    epochs: list[EpochEnded] = field(default_factory=list)
    concurrency: int = 1
    attempts: int = 1


@dataclass(frozen=True)
class Frames:
    """The two tables of a study.

    A run without its `run_ended` event (interrupted, or still running) is in neither.
    """

    runs: pa.Table
    epochs: pa.Table

    def write(self, runs_path: Path, epochs_path: Path) -> None:
        """Write both as zstd-compressed parquet; the same events give the same bytes."""
        pq.write_table(self.runs, runs_path, compression="zstd")
        pq.write_table(self.epochs, epochs_path, compression="zstd")

    def runs_frame(self) -> pd.DataFrame:
        """Return the runs as a pandas frame, one row a run, in the order the runs ended."""
        frame: pd.DataFrame = self.runs.to_pandas()
        return frame

    def epochs_frame(self) -> pd.DataFrame:
        """Return the epochs as a pandas frame, sorted by run id and epoch."""
        run_ids = self.epochs["run_id"].combine_chunks().dictionary_encode()
        place = np.empty(len(run_ids.dictionary), dtype=np.int64)
        place[pc.sort_indices(run_ids.dictionary).to_numpy()] = np.arange(len(place))
        order = np.lexsort((self.epochs["epoch"].to_numpy(), place[run_ids.indices.to_numpy()]))
        # Sorted before it becomes a frame, whose numbers are then not copied again.
        frame: pd.DataFrame = self.epochs.take(pa.array(order)).to_pandas(split_blocks=True)
        return frame


def frames_from_events(study: str, events: Iterable[Event], train_samples: int) -> Frames:
    """Fold a journal's events into tables.

    Args:
        study: The study's name, one value for the whole `study` column.
        events: In the order they happened.
        train_samples: Training samples of one epoch, for `samples_per_second`.
    """
    open_runs: dict[str, _OpenRun] = {}
    runs, epochs = _RunColumns(), _EpochColumns()
    for event in events:
        match event:
            case EpochEnded():  # by far the most frequent
                if event.run_id in open_runs:
                    open_runs[event.run_id].epochs.append(event)
            case RunStarted():
                before = open_runs.get(event.run_id)
                attempts = before.attempts + 1 if before else 1
                open_runs[event.run_id] = _OpenRun(event, attempts=attempts)
                for run in open_runs.values():
                    run.concurrency = max(run.concurrency, len(open_runs))
            case RunEnded() if event.run_id in open_runs:
                run = open_runs.pop(event.run_id)
                runs.append(_run_row(study, run, event, train_samples))
                epochs.extend(event.run_id, run.epochs)
            case _:
                pass
    return Frames(runs=runs.table(), epochs=epochs.table())


class _RunColumns:
    """Rows of runs on their way to a table, kept column by column."""

    def __init__(self) -> None:
        self._cells: dict[str, list[Any]] = {name: [] for name, _ in _RUN_FIELDS}
        self._length = 0

    def append(self, row: dict[str, Any]) -> None:
        """Add a run; a recipe field that no run had before is absent from all earlier ones."""
        for name in row:
            if name not in self._cells:
                self._cells[name] = [None] * self._length
        for name, cells in self._cells.items():
            cells.append(row.get(name))
        self._length += 1

    def table(self) -> pa.Table:
        """Return the fixed columns, then one `config.` column a recipe field, typed by its values."""
        fixed = dict(_RUN_FIELDS)
        arrays, fields = [], []
        for name, cells in self._cells.items():
            kind = fixed.get(name) or _cell_type(cells)
            typed = cells if name in fixed else [_as_type(cell, kind) for cell in cells]
            arrays.append(pa.array(typed, kind))
            fields.append((name, kind))
        return pa.Table.from_arrays(arrays, schema=pa.schema(fields))


class _EpochColumns:
    """Epochs of ended runs on their way to a table, kept as plain numbers: there may be millions."""

    def __init__(self) -> None:
        self._run_ids: list[str] = []
        self._lengths: list[int] = []
        self._numbers: dict[str, array[Any]] = {name: array(code) for name, code in _NUMBERS.items()}

    def extend(self, run_id: str, epochs: Sequence[EpochEnded]) -> None:
        """Add the epochs of a run."""
        self._run_ids.append(run_id)
        self._lengths.append(len(epochs))
        for name, numbers in self._numbers.items():
            values = [getattr(epoch, name) for epoch in epochs]
            numbers.extend(values if None not in values else [nan if v is None else v for v in values])

    def table(self) -> pa.Table:
        """Return all epochs; what is no number is null, as no event holds one that is not finite."""
        runs = np.repeat(np.arange(len(self._lengths)), self._lengths)
        columns = [pa.array(self._run_ids, pa.string()).take(pa.array(runs))]
        for numbers in self._numbers.values():
            values = np.frombuffer(numbers, dtype=numbers.typecode)
            has_null = numbers.typecode == "d" and bool(np.isnan(values).any())
            columns.append(pa.array(values, mask=np.isnan(values) if has_null else None))
        return pa.Table.from_arrays(columns, schema=_EPOCHS_SCHEMA)


def _run_row(study: str, run: _OpenRun, ended: RunEnded, train_samples: int) -> dict[str, Any]:
    started = run.started
    selected = ended.selected_epoch or len(run.epochs)
    stands_for_run = run.epochs[selected - 1] if run.epochs else None
    row = ended.model_dump(exclude={"event", "time"}) | {
        "study": study,
        "arm": started.arm,
        "selected_epoch": selected,
        "seed": started.seed,
        "epoch_seconds": _median_epoch_seconds(run.epochs),
        "samples_per_second": (
            train_samples * len(run.epochs) / ended.train_seconds if ended.train_seconds > 0 else None
        ),
        "concurrency": run.concurrency,
        "attempts": run.attempts,
        "started_at": started.time,
        "ended_at": ended.time,
    }
    for name in ("train_loss", "train_accuracy", "val_loss", "val_accuracy"):
        row[name] = getattr(stands_for_run, name) if stands_for_run else None
    configuration = {f"config.{name}": as_cell(value) for name, value in started.configuration.items()}
    return row | configuration


def _median_epoch_seconds(epochs: list[EpochEnded]) -> float | None:
    """Return the median training time of an epoch, the first (warm-up) left out where there are others."""
    seconds = [e.seconds for e in epochs[1:] or epochs]
    return statistics.median(seconds) if seconds else None


def as_cell(value: Any) -> str | int | float | bool | None:
    """Return a recipe value as one table cell: scalars as they are, structures as compact JSON."""
    if not isinstance(value, _STRUCTURES):
        scalar: str | int | float | bool | None = value
        return scalar
    return sys.intern(json.dumps(value, sort_keys=False))  # thousands of runs have the same model


def _cell_type(cells: list[Any]) -> pa.DataType:
    kinds = {type(cell) for cell in cells if cell is not None}
    if kinds == {bool}:
        return pa.bool_()
    if kinds == {int}:
        return pa.int64()
    if kinds <= {int, float}:
        return pa.float64()
    return pa.string()


def _as_type(cell: Any, kind: pa.DataType) -> Any:
    if cell is None:
        return None
    if kind == pa.string():
        return cell if isinstance(cell, str) else json.dumps(cell)
    return float(cell) if kind == pa.float64() else cell
