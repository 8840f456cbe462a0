"""One sweep at a time in a results folder."""

import fcntl
import json
import os
import socket
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from harness.errors import ResultsError, unusable
from harness.records.provenance import utc_now


class FolderLock:
    """Hold a results folder; a lock whose owner is gone is taken over.

    The operating system drops the lock with its process, however that ends. What the file says only names the
    owner in messages. Not filelock's: its file stays, and where an owner just removed it, it refuses.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> Self:
        while True:
            self._open()
            self._lock()
            if self._path.exists() and os.fstat(self._descriptor).st_ino == self._path.stat().st_ino:
                break
            os.close(self._descriptor)  # its owner removed it between our two steps
        self._name_owner()
        return self

    def _open(self) -> None:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise ResultsError(
                unusable(self._path.parent, "written", error), place=self._path.parent
            ) from error

    def _lock(self) -> None:
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            owner = os.pread(self._descriptor, 500, 0).decode(errors="replace").strip()
            os.close(self._descriptor)
            raise ResultsError(
                f"{self._path.parent}: another sweep is writing here: {owner or 'not yet named'}. "
                f"Remedy: wait for it, or give another folder with --results DIR.",
                place=self._path.parent,
            ) from error
        except OSError as error:
            os.close(self._descriptor)
            raise ResultsError(unusable(self._path, "locked", error), place=self._path) from error

    def _name_owner(self) -> None:
        owner = {"host": socket.gethostname(), "pid": os.getpid(), "since": utc_now()}
        try:
            os.ftruncate(self._descriptor, 0)
            os.write(self._descriptor, json.dumps(owner).encode() + b"\n")
        except OSError as error:
            self._release()
            raise ResultsError(unusable(self._path, "written", error), place=self._path) from error

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._release()

    def _release(self) -> None:
        with suppress(OSError):  # a file that stays stops nobody
            self._path.unlink(missing_ok=True)
        os.close(self._descriptor)


def is_held(path: Path) -> bool:
    """Return whether a sweep of this machine, or of one that locks the same file system, holds a folder."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return False
