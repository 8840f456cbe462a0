"""Writing: whole files or none. Nothing else in this package touches the disk for writing."""

import os
from collections.abc import Iterable
from pathlib import Path

import pyarrow as pa

from analysis.records import StudyRecords
from analysis.render.figure import RenderedFigure
from analysis.render.table import RenderedTable
from harness.errors import ResultsError


def write_file(path: Path, content: str | bytes) -> None:
    """Write a file by replacing it at once, so that a reader never sees half of it; folders are made.

    Raises:
        ResultsError: The folder cannot be written.
    """
    data = content.encode() if isinstance(content, str) else content
    waiting = _waiting(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        waiting.write_bytes(data)
        waiting.replace(path)
    except OSError as error:
        raise _unwritable(path, error) from error


def write_parquet(records: StudyRecords) -> None:
    """Write `runs.parquet` and `epochs.parquet` again from the journal's frames.

    Raises:
        ResultsError: The folder cannot be written.
    """
    folder = records.folder
    try:
        records.frames.write(_waiting(folder.runs), _waiting(folder.epochs))
        _waiting(folder.runs).replace(folder.runs)
        _waiting(folder.epochs).replace(folder.epochs)
    except OSError as error:
        raise _unwritable(folder.runs, error) from error
    pa.default_memory_pool().release_unused()  # what encoding took


def write_tables(folder: Path, tables: Iterable[RenderedTable]) -> None:
    """Write each table into a folder as csv, md and tex."""
    for table in tables:
        write_file(folder / f"{table.name}.csv", table.csv())
        write_file(folder / f"{table.name}.md", table.markdown())
        write_file(folder / f"{table.name}.tex", table.latex())


def write_figures(folder: Path, figures: Iterable[RenderedFigure], *, has_pdf: bool = True) -> None:
    """Write each figure that has a drawing into a folder as svg, png and pdf, with its CSV twin."""
    for figure in figures:
        svg, png, pdf = figure.svg, figure.png(), figure.pdf() if has_pdf else None
        formats = {"svg": svg, "png": png, "pdf": pdf, "csv": figure.csv if svg else None}
        for ending, content in formats.items():
            if content is not None:
                write_file(folder / f"{figure.name}.{ending}", content)


def _waiting(path: Path) -> Path:
    """Return the name a file has until it is complete, one per process."""
    return path.with_name(f".{path.name}.{os.getpid()}")


def _unwritable(path: Path, error: OSError) -> ResultsError:
    return ResultsError(
        f"{path}: cannot be written ({error.strerror}). "
        f"Remedy: make the folder writable, or copy it to a place that is."
    )
