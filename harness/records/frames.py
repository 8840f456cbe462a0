"""Runs and epochs as tidy frames and parquet files, computed from a journal's events alone."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
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
        """Return the epochs as a pandas frame, grouped by run in the runs' order."""
        frame: pd.DataFrame = self.epochs.to_pandas()
        return frame


def frames_from_events(study: str, events: Iterable[Event], train_samples: int) -> Frames:
    """Fold a journal's events into tables.

    Args:
        study: The study's name, one value for the whole `study` column.
        events: In the order they happened.
        train_samples: Training samples of one epoch, for `samples_per_second`.
    """
    open_runs: dict[str, _OpenRun] = {}
    rows: list[dict[str, Any]] = []
    epochs: list[dict[str, Any]] = []
    for event in events:
        match event:
            case RunStarted():
                before = open_runs.get(event.run_id)
                attempts = before.attempts + 1 if before else 1
                open_runs[event.run_id] = _OpenRun(event, attempts=attempts)
                for run in open_runs.values():
                    run.concurrency = max(run.concurrency, len(open_runs))
            case EpochEnded() if event.run_id in open_runs:
                open_runs[event.run_id].epochs.append(event)
            case RunEnded() if event.run_id in open_runs:
                run = open_runs.pop(event.run_id)
                rows.append(_run_row(study, run, event, train_samples))
                epochs.extend(e.model_dump(include=set(_EPOCHS_SCHEMA.names)) for e in run.epochs)
            case _:
                pass
    return Frames(
        runs=pa.Table.from_pylist(rows, schema=_runs_schema(rows)),
        epochs=pa.Table.from_pylist(epochs, schema=_EPOCHS_SCHEMA),
    )


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
    return float(pd.Series(seconds).median()) if seconds else None


def as_cell(value: Any) -> str | int | float | bool | None:
    """Return a recipe value as one table cell: scalars as they are, structures as compact JSON."""
    if value is None or isinstance(value, str | int | float | bool):
        return value
    return json.dumps(value, sort_keys=False)


def _runs_schema(rows: list[dict[str, Any]]) -> pa.Schema:
    """Return the fixed columns, then one `config.` column a recipe field, typed by its values."""
    names = dict.fromkeys(name for row in rows for name in row if name.startswith("config."))
    config = [(name, _cell_type([row.get(name) for row in rows])) for name in names]
    for row in rows:
        for name, kind in config:
            row[name] = _as_type(row.get(name), kind)
    return pa.schema(_RUN_FIELDS + config)


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
