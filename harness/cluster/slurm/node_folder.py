"""A job's own folder on a node: for sockets and logs of Ray that are worth nothing afterwards."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_ROOM = 6
"""Longest root below which the path still leaves Ray's sockets room (107 bytes in all)."""


@contextmanager
def node_folder(job: str) -> Iterator[Path]:
    """Make a private folder with a short path; it is gone at the end.

    Args:
        job: The job's id, which shows whose folder it is where a power loss leaves one behind.
    """
    usual = tempfile.gettempdir()
    root = usual if len(usual) <= _ROOM else "/tmp"  # noqa: S108 - mkdtemp makes a private folder below it
    folder = Path(tempfile.mkdtemp(prefix=f"j{job}-", dir=root))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
