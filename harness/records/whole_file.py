"""Writing a file so that all of it is there or nothing."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from harness.errors import ResultsError, unusable


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield the name of a file to write; once written it takes the place of `path`, at once.

    The name is hidden, one a process, and gone afterwards, however the writing ends.
    """
    waiting = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        yield waiting
        waiting.replace(path)
    finally:
        with suppress(OSError):  # where it could not be made it cannot be removed: the reason is told already
            waiting.unlink(missing_ok=True)


def write_whole(path: Path, content: str | bytes) -> None:
    """Write a file that is on the disk (fsync) when this returns."""
    data = _bytes(content)
    with replacing(path) as waiting, waiting.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def write_file(path: Path, content: str | bytes) -> None:
    """Write a file that can be made again, without waiting for the disk; folders are made.

    Raises:
        ResultsError: The folder cannot be written.
    """
    data = _bytes(content)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as waiting:
            waiting.write_bytes(data)
    except OSError as error:
        raise unwritable(path, error) from error


def _bytes(content: str | bytes) -> bytes:
    """Return what is written; names of files in it may have bytes that are no text, which become escapes."""
    return content.encode(errors="backslashreplace") if isinstance(content, str) else content


def unwritable(path: Path, error: OSError) -> ResultsError:
    """Return what is told of a file that cannot be written."""
    return ResultsError(unusable(path, "written", error), place=path)
