"""One sweep at a time in a results folder."""

import fcntl
import json
import os
import socket
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from harness.errors import ResultsError, unusable
from harness.records.provenance import utc_now

_TRIES = 20
_BETWEEN_TRIES_SECONDS = 0.01


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
            if self._is_in_place():
                break
            os.close(self._descriptor)  # its owner removed it between our two steps
        self._name_owner()
        return self

    def _is_in_place(self) -> bool:
        """Return whether the file that is locked is the one that others find."""
        try:
            return os.path.samestat(os.fstat(self._descriptor), self._path.stat())
        except FileNotFoundError:
            return False

    def _open(self) -> None:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise ResultsError(
                unusable(self._path.parent, "written", error), place=self._path.parent
            ) from error

    def _lock(self) -> None:
        """Lock the file; it may take some tries, as whoever asks `is_held` has it for a moment."""
        for tries_left in reversed(range(_TRIES)):
            try:
                fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                if not tries_left:
                    raise self._refused() from error
                time.sleep(_BETWEEN_TRIES_SECONDS)
            except OSError as error:
                os.close(self._descriptor)
                raise ResultsError(unusable(self._path, "locked", error), place=self._path) from error
            else:
                return

    def _refused(self) -> ResultsError:
        owner = os.pread(self._descriptor, 500, 0).decode(errors="replace").strip()
        os.close(self._descriptor)
        return ResultsError(
            f"{self._path.parent}: another sweep is writing here: {owner or 'not yet named'}. "
            f"Remedy: wait for it, or give another folder with --results DIR.",
            place=self._path.parent,
        )

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
