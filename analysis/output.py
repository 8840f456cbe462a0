"""What commands share: their arguments, the files they write (whole or not at all), what they print."""

import argparse
import re
import sys
import traceback
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path

import pyarrow as pa

from analysis.records import StudyRecords
from analysis.render.figure import RenderedFigure
from analysis.render.table import RenderedTable
from harness.arguments import EXIT_CODES, Parser, path_argument
from harness.edge import BUG, in_words, run_command
from harness.errors import HarnessError, ResultsError, UnforeseenError
from harness.records.whole_file import replacing, unwritable, write_file


def write_parquet(records: StudyRecords) -> None:
    """Write `runs.parquet`, `epochs.parquet` and, where there are any, `predictions.parquet` again.

    Raises:
        ResultsError: The folder cannot be written.
    """
    folder = records.folder
    try:
        with replacing(folder.epochs) as epochs, replacing(folder.runs) as runs:
            records.frames.write(runs, epochs)
        if records.frames.predictions:
            with replacing(folder.predictions) as predictions:
                records.frames.predictions.write(predictions)
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


def run(
    arguments: Sequence[str] | None, *, module: str, description: str, write: Callable[[Path], Sequence[Path]]
) -> int:
    """Write something for every results folder named and print the paths written.

    Args:
        arguments: The command line without the program; None takes the process's own.
        module: Name of the module the user runs.
        description: One sentence for `--help`.
        write: Writes for one results folder and returns the paths worth printing.

    Returns: The exit code: 0, or 2 where a folder was at fault; the message is on stderr, and other folders
        are still written.
    """

    def act() -> int:
        folders = parser(module, description).parse_args(arguments).folders
        return exit_code([attempt(partial(write, folder)) for folder in folders])

    return run_command(act)


def parser(module: str, description: str) -> argparse.ArgumentParser:
    """Return a parser of `python -m <module> RESULTS_DIR ...`, to which options may be added."""
    made = Parser(
        prog=f"python -m {module}",
        description=description,
        epilog="Exit codes: 0 all is written; 2 a folder or argument is at fault, all others are written; "
        f"{EXIT_CODES}.",
    )
    made.add_argument(
        "folders", nargs="+", type=path_argument, metavar="RESULTS_DIR", help="such as results/optimizers"
    )
    return made


def sha256_argument(text: str) -> str:
    """Return a SHA-256 as given on the command line.

    Raises:
        argparse.ArgumentTypeError: It is none.
    """
    if not re.fullmatch("[0-9a-f]{64}", text.lower()):
        raise argparse.ArgumentTypeError(
            f"{text!r} is no SHA-256, which has 64 hexadecimal digits. "
            f"Remedy: give the whole hash that python -m harness.sweep STUDY.yaml --dry-run prints"
        )
    return text.lower()


def attempt(
    write: Callable[[], Sequence[Path]], note: Callable[[Path], object] | None = None
) -> HarnessError | None:
    """Write something and print the paths written, or print on stderr what is wrong and return it.

    That holds for what nobody foresaw too: a bug that one study meets hides no other study.

    Args:
        write: Writes, and returns the paths worth printing.
        note: Takes each of them.
    """
    try:
        written = write()
    except HarnessError as error:
        told = error
    except OSError as error:
        told = ResultsError(in_words(error))
    except Exception as error:  # noqa: BLE001 - what one study makes fail keeps no other from being written
        sys.stderr.write(f"{traceback.format_exc()}{BUG}\n")
        told = UnforeseenError(f"{type(error).__name__}: {error}")
    else:
        for path in written:
            sys.stdout.write(f"{path}\n")
            if note is not None:
                note(path)
        return None
    sys.stderr.write(f"error: {told}\n")
    return told


def exit_code(errors: Sequence[HarnessError | None]) -> int:
    """Return the exit code of several attempts: 0, or the highest of what went wrong."""
    return max((error.exit_code for error in errors if error is not None), default=0)
