"""A file whose room on the disk is taken before what it is to hold is known."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def reserved(path: Path, size: int) -> Iterator[Callable[[str], None]]:
    """Yield a function that writes a file whole, and does so on a disk that is full by then too.

    Args:
        path: The file; as it was until the function is called.
        size: Bytes that are taken; a longer text needs a disk with more room.

    Raises:
        OSError: There is no room, or the folder cannot be written.
    """
    waiting = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with waiting.open("wb", buffering=0) as file:
            file.write(b" " * size)
            os.fsync(file.fileno())

        def write(text: str) -> None:
            with waiting.open("r+b", buffering=0) as file:
                file.truncate(file.write(text.encode()))
                os.fsync(file.fileno())
            waiting.replace(path)

        yield write
    finally:
        waiting.unlink(missing_ok=True)
