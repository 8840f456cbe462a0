"""Writing: whole files or none. Nothing else in this package touches the disk for writing."""

from collections.abc import Iterable
from pathlib import Path

import pyarrow as pa

from analysis.records import StudyRecords
from analysis.render.figure import RenderedFigure
from analysis.render.table import RenderedTable
from harness.records.whole_file import replacing, unwritable, write_file


def write_parquet(records: StudyRecords) -> None:
    """Write `runs.parquet` and `epochs.parquet` again from the journal's frames.

    Raises:
        ResultsError: The folder cannot be written.
    """
    folder = records.folder
    try:
        with replacing(folder.epochs) as epochs, replacing(folder.runs) as runs:
            records.frames.write(runs, epochs)
    except OSError as error:
        raise unwritable(folder.runs, error) from error
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
