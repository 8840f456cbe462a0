"""Columns that grow: runs and epochs on their way to a table, with few objects for millions of cells."""

import json
from array import array
from collections.abc import Sequence
from math import nan
from operator import attrgetter
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from harness.records.events import EpochEnded

EPOCHS_SCHEMA = pa.schema(
    [
        ("run_id", pa.string()),  # in memory of one word a run: see `EpochColumns.table`
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

_OWN = [name for name in EPOCHS_SCHEMA.names if name != "run_id"]
"""Columns of numbers that are fields of an epoch."""

_MEASURED = [name for name in _OWN if name.startswith(("train_", "val_"))]
"""Those that a program reports among its metrics."""

_NUMBERS_OF = attrgetter(*_OWN)
"""Returns the numbers of an epoch in the columns' order."""

_ARROW = {bool: pa.bool_(), int: pa.int64(), float: pa.float64(), str: pa.string()}

_Piece: TypeAlias = "pa.Array | list[Any]"
"""Some cells of a column: an array where they have one type."""

_PACKED_RUNS = 1000
"""Runs whose cells become arrays together."""


class RunColumns:
    """Rows of runs on their way to a table, kept column by column, the latest as they are."""

    def __init__(self, fields: Sequence[tuple[str, pa.DataType]]) -> None:
        """Start without a row.

        Args:
            fields: Columns whose names and types are known; further ones come with the rows.
        """
        self._fixed = dict(fields)
        self._cells: dict[str, list[Any]] = {name: [] for name in self._fixed}
        self._packed: dict[str, list[_Piece]] = {name: [] for name in self._cells}
        self._n_waiting = self._n_packed = 0

    def append(self, row: dict[str, Any]) -> None:
        """Add a run; a column that no run had before is absent from all earlier ones."""
        for name in row:
            if name not in self._cells:
                self._cells[name] = [None] * self._n_waiting
                self._packed[name] = [pa.nulls(self._n_packed)]
        for name, cells in self._cells.items():
            cells.append(row.get(name))
        self._n_waiting += 1
        if self._n_waiting == _PACKED_RUNS:
            self._pack()

    def _pack(self) -> None:
        for name, cells in self._cells.items():
            self._packed[name].append(_as_piece(cells))
            self._cells[name] = []
        self._n_packed += self._n_waiting
        self._n_waiting = 0

    def table(self) -> pa.Table:
        """Return the known columns, then the others in the order they came, typed by their values."""
        self._pack()
        kinds = {name: self._fixed.get(name) or _cell_type(pieces) for name, pieces in self._packed.items()}
        columns = [
            pa.concat_arrays([_as_array(piece, kinds[name]) for piece in pieces])
            for name, pieces in self._packed.items()
        ]
        return pa.Table.from_arrays(columns, schema=pa.schema(list(kinds.items())))


class EpochColumns:
    """Epochs of ended runs on their way to a table, kept as plain numbers: there may be millions."""

    def __init__(self, metrics: Sequence[str] = ()) -> None:
        """Start without an epoch.

        Args:
            metrics: Names of further metrics, each a column at the end.
        """
        self._run_ids: list[str] = []
        self._lengths: list[int] = []
        self._further = list(metrics)
        self._numbers: dict[str, array[Any]] = {name: array("d") for name in [*_OWN, *metrics]}

    @property
    def schema(self) -> pa.Schema:
        """The columns."""
        return pa.schema([*EPOCHS_SCHEMA, *((name, pa.float64()) for name in self._further)])

    def extend(self, run_id: str, epochs: Sequence[EpochEnded]) -> None:
        """Add the epochs of a run."""
        self._run_ids.append(run_id)
        self._lengths.append(len(epochs))
        if any(epoch.metrics for epoch in epochs):
            for name in _MEASURED:
                self._add(name, [epoch.value(name) for epoch in epochs])
            for name in set(_OWN).difference(_MEASURED):
                self._add(name, [getattr(epoch, name) for epoch in epochs])
        else:
            for name, values in zip(_OWN, zip(*map(_NUMBERS_OF, epochs), strict=True), strict=False):
                self._add(name, values)  # a run may have no epoch
        for name in self._further:
            self._add(name, [epoch.value(name) for epoch in epochs])

    def _add(self, name: str, values: Sequence[float | None]) -> None:
        self._numbers[name].extend([nan if v is None else v for v in values] if None in values else values)

    def table(self) -> pa.Table:
        """Return all epochs, sorted by run id and epoch, and forget them: never are there two copies.

        Of a run id's text there is one copy: the column holds its place among all, which are sorted.
        """
        words = sorted(set(self._run_ids))
        places, order = self._order(words)
        columns = [pa.DictionaryArray.from_arrays(places, pa.array(words, pa.large_string()))]
        schema = self.schema.set(0, pa.field("run_id", columns[0].type))
        for name in schema.names[1:]:
            values = np.frombuffer(self._numbers.pop(name))[order]
            is_null = np.isnan(values)  # no event holds a number that is not finite
            column = pa.array(values, mask=is_null if is_null.any() else None)
            columns.append(column.cast(schema.field(name).type))
        return pa.Table.from_arrays(columns, schema=schema)

    def _order(self, run_ids: Sequence[str]) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
        """Return of each row in the end its run's place among all ids, and the row in which it stands now."""
        place = {run_id: at for at, run_id in enumerate(run_ids)}
        of_runs = np.array([place[run_id] for run_id in self._run_ids], dtype=np.int32)
        places = np.repeat(of_runs, self._lengths)
        order = np.lexsort((np.frombuffer(self._numbers["epoch"]), places))
        return places[order], order


def _as_piece(cells: list[Any]) -> _Piece:
    """Return some cells of a column as an array where they have one type, which saves most of the memory."""
    types = {type(cell) for cell in cells if cell is not None}
    if len(types) > 1:
        return cells
    return pa.array(cells, _ARROW[types.pop()] if types else pa.null())


def _cell_type(pieces: Sequence[_Piece]) -> pa.DataType:
    """Return the type for all cells of a column: text for several types that are not numbers."""
    kinds = {_ARROW[type(cell)] for p in pieces if isinstance(p, list) for cell in p if cell is not None}
    kinds |= {piece.type for piece in pieces if isinstance(piece, pa.Array)}
    kinds -= {pa.null()}
    if len(kinds) == 1:
        return kinds.pop()
    return pa.float64() if kinds <= {pa.int64(), pa.float64()} else pa.string()


def _as_array(piece: _Piece, kind: pa.DataType) -> pa.Array:
    """Return some cells of a column in its type; of several types, each is written as in JSON."""
    if isinstance(piece, pa.Array):
        if piece.type in (kind, pa.null()):
            return piece.cast(kind)
        piece = piece.to_pylist()
    return pa.array([_as_type(cell, kind) for cell in piece], kind)


def _as_type(cell: Any, kind: pa.DataType) -> Any:
    if cell is None:
        return None
    if kind == pa.string():
        return cell if isinstance(cell, str) else json.dumps(cell)
    return float(cell) if kind == pa.float64() else cell
