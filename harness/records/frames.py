"""Runs and epochs as tidy frames and parquet files, computed from a journal's events alone."""

import json
import statistics
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from harness.records.columns import EpochColumns, RunColumns
from harness.records.events import EpochEnded, Event, RunEnded, RunStarted, TestLabels
from harness.records.predictions import Predictions

_RUN_FIELDS: list[tuple[str, pa.DataType]] = [
    ("study", pa.string()),
    ("dataset", pa.string()),
    ("arm", pa.string()),
    ("repeat", pa.int64()),
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

_MEASURED = ("train_loss", "train_accuracy", "val_loss", "val_accuracy", "test_loss", "test_accuracy")
"""Columns of the runs that are metrics of theirs."""

_STRUCTURES = (dict, list)

_IMPORT = "import"
"""The key by which a recipe names something that the user's code makes."""

_AUGMENT = "augment"
"""The recipe field whose settings have columns of their own."""

_ROW_GROUP = 2**18
"""Rows of a group in a parquet file, as pyarrow has it."""


@dataclass
class _OpenRun:
    """A run that has started: its epochs so far and the most runs seen beside it."""

    started: RunStarted
    epochs: list[EpochEnded] = field(default_factory=list)
    concurrency: int = 1
    """Never too low. No event tells that a session was cut off: a run that was in flight then counts until it
    starts again, so for one that a resume with fewer runs at a time starts before it this is too high.
    """
    attempts: int = 1


@dataclass(frozen=True)
class Frames:
    """The tables of a study.

    A run without its `run_ended` event (interrupted, or still running) is in none.
    """

    runs: pa.Table
    """In the order in which they ended, or as `ordered` has them."""
    epochs: pa.Table
    """Sorted by run id and epoch; run ids as places in the sorted list of all."""
    predictions: Predictions
    """Of the runs that were tested, where their journal keeps them."""
    ends: NDArray[np.int64] | None = None
    """The rows of `runs` in the order in which they ended; None where they stand so."""

    def ordered(self, order: NDArray[np.int64]) -> "Frames":
        """Return the same with the runs in another order.

        Args:
            order: The rows of `runs`, which must be in the order in which they ended.
        """
        runs = self.runs.take(pa.array(order))
        return replace(self, runs=runs.cast(_texts(runs.schema, pa.large_string())), ends=np.argsort(order))

    def write(self, runs_path: Path, epochs_path: Path) -> None:
        """Write both as zstd-compressed parquet; the same events give the same bytes.

        Both are in the order in which runs ended.
        """
        with runs_path.open("wb") as runs:  # opened here: Arrow takes no path whose bytes are not UTF-8
            pq.write_table(self._runs_by_end(), runs, compression="zstd", compression_level=6)
        order, schema = self._order_of_ends(), _texts(self.epochs.schema, pa.string())
        with (
            epochs_path.open("wb") as epochs,
            pq.ParquetWriter(epochs, schema, compression="zstd", compression_level=6) as writer,
        ):
            for start in range(0, max(1, len(order)), _ROW_GROUP):  # a copy of one group at a time
                group = self.epochs.take(pa.array(order[start : start + _ROW_GROUP]))
                writer.write_table(group.cast(schema))

    def _runs_by_end(self) -> pa.Table:
        if self.ends is None:
            return self.runs
        return self.runs.take(pa.array(self.ends)).cast(_texts(self.runs.schema, pa.string()))

    def _order_of_ends(self) -> NDArray[np.int64]:
        """Return the rows of the epochs, grouped by run in the order in which they ended."""
        run_ids = self.runs["run_id"].to_pylist()
        in_order = run_ids if self.ends is None else [run_ids[row] for row in self.ends]
        ends = {run_id: place for place, run_id in enumerate(in_order)}
        ids = self.epochs["run_id"].combine_chunks()
        places = np.array([ends[run_id] for run_id in ids.dictionary.to_pylist()], dtype=np.int64)
        return np.argsort(places[ids.indices.to_numpy()], kind="stable")

    def epochs_frame(self) -> pd.DataFrame:
        """Return the epochs as a pandas frame, which shares their memory; its run ids are categories."""
        frame: pd.DataFrame = self.epochs.to_pandas(split_blocks=True)
        return frame


def _texts(schema: pa.Schema, kind: pa.DataType) -> pa.Schema:
    """Return a schema in which all text is of one type."""

    def is_text(field: pa.Field) -> bool:
        return field.type in (pa.string(), pa.large_string()) or pa.types.is_dictionary(field.type)

    return pa.schema([field.with_type(kind) if is_text(field) else field for field in schema])


def frames_from_events(
    study: str,
    events: Iterable[Event],
    train_samples: int | Mapping[str, int] | None,
    metrics: Iterable[str] = (),
) -> Frames:
    """Fold a journal's events into tables.

    Args:
        study: The study's name, one value for the whole `study` column.
        events: In the order they happened.
        train_samples: Training samples of one epoch, for `samples_per_second`, by arm where they differ; None
            where that is unknown.
        metrics: The study's, by their names in records: each is a column, with values or without.
    """
    open_runs: dict[str, _OpenRun] = {}
    further = [(name, pa.float64()) for name in metrics if name not in dict(_RUN_FIELDS)]
    runs = RunColumns([*_RUN_FIELDS, *further])
    measured = [*_MEASURED, *(name for name, _ in further)]
    epochs = EpochColumns([name for name, _ in further if not name.startswith("test_")])
    predictions = Predictions()
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
                arm = run.started.arm
                samples = train_samples.get(arm) if isinstance(train_samples, Mapping) else train_samples
                row = _run_row(study, run, event, samples)
                runs.append(row | {name: _measured(name, run, event) for name in measured})
                epochs.extend(event.run_id, run.epochs)
                if event.predicted is not None:
                    predictions.take(event.run_id, run.started.configuration["dataset"], event.predicted)
            case TestLabels():
                predictions.take_labels(event)
            case _:
                pass
    return Frames(runs=runs.table(), epochs=epochs.table(), predictions=predictions)


def _measured(name: str, run: _OpenRun, ended: RunEnded) -> float | None:
    """Return a metric of a run: of the epoch that stands for it, or as tested."""
    if name.startswith("test_"):
        own: float | None = ended.metrics.get(name, getattr(ended, name, None))
        return own
    return run.epochs[_selected(run, ended) - 1].value(name) if run.epochs else None


def _selected(run: _OpenRun, ended: RunEnded) -> int:
    """Return the epoch that stands for a run."""
    return ended.selected_epoch or len(run.epochs)


def _run_row(study: str, run: _OpenRun, ended: RunEnded, train_samples: int | None) -> dict[str, Any]:
    started = run.started
    row = ended.model_dump(exclude={"event", "time", "predicted", "metrics"}) | {
        "study": study,
        "dataset": started.configuration.get("dataset"),
        "arm": started.arm,
        "repeat": started.repeat,
        "selected_epoch": _selected(run, ended),
        "seed": started.seed,
        "epoch_seconds": _median_epoch_seconds(run.epochs),
        "samples_per_second": (
            train_samples * len(run.epochs) / ended.train_seconds
            if train_samples and ended.train_seconds > 0
            else None
        ),
        "concurrency": started.origin.concurrency if started.origin else run.concurrency,
        "attempts": run.attempts,
        "started_at": started.time,
        "ended_at": ended.time,
    }
    return row | {f"config.{name}": as_cell(value) for name, value in flat(started.configuration)}


def flat(configuration: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield each recipe field and its value; of what is imported its reference, then a field a setting.

    What is done to images is a field as a whole, and then its settings are too: either can be searched.
    """
    for name, value in configuration.items():
        if isinstance(value, Mapping) and _IMPORT in value:
            yield name, value[_IMPORT]
            yield from ((f"{name}.{setting}", each) for setting, each in value.items() if setting != _IMPORT)
        else:
            yield name, value
            if name == _AUGMENT and isinstance(value, Mapping):
                yield from ((f"{name}.{setting}", each) for setting, each in value.items())


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
