"""Writing a file so that all of it is there or nothing."""

import os
from pathlib import Path

from harness.errors import ResultsError


def write_file(path: Path, content: str | bytes) -> None:
    """Write a file by replacing it at once, so that a reader never sees half of it; folders are made.

    Raises:
        ResultsError: The folder cannot be written.
    """
    data = content.encode() if isinstance(content, str) else content
    waiting = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        waiting.write_bytes(data)
        waiting.replace(path)
    except OSError as error:
        raise ResultsError(
            f"{path}: cannot be written ({error.strerror}). "
            f"Remedy: make the folder writable, or copy it to a place that is."
        ) from error
