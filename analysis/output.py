"""Writing: whole files or none. Nothing else in this package touches the disk for writing."""

import os
from pathlib import Path

import pyarrow as pa

from analysis.records import StudyRecords
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


def _waiting(path: Path) -> Path:
    """Return the name a file has until it is complete, one per process."""
    return path.with_name(f".{path.name}.{os.getpid()}")


def _unwritable(path: Path, error: OSError) -> ResultsError:
    return ResultsError(
        f"{path}: cannot be written ({error.strerror}). "
        f"Remedy: make the folder writable, or copy it to a place that is."
    )
