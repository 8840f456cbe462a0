"""Optuna's journal file, for those who watch: written as trials happen, never read back."""

from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

from optuna.storages import JournalStorage
from optuna.storages.journal import BaseJournalBackend, JournalFileBackend
from optuna.storages.journal._file import BaseJournalFileLock

from harness.records.whole_file import unwritable


class _HeldAlready(BaseJournalFileLock):
    """The lock of a file in a results folder that `FolderLock` holds: no other process writes it.

    Optuna's own is a file that stays when its process is killed, and costs the next one 30 s.
    """

    def acquire(self) -> bool:
        """Have the lock."""
        return True

    def release(self) -> None:
        """Keep the lock."""


class WrittenJournalBackend(BaseJournalBackend):
    """Keep Optuna's log entries in memory until they are read, and write them to a file from `release` on.

    One process works on a study, so what it wrote is all there is to read: a file in the results folder is
    never taken for truth (CMA-ES notes pickles in it). Until `release` nothing is written, so that thousands
    of trials are rebuilt in seconds; one by one each would wait for the disk several times.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._unread: list[dict[str, Any]] = []
        self._n_read = 0
        self._unwritten: list[dict[str, Any]] = []
        self._file: JournalFileBackend | None = None

    def read_logs(self, log_number_from: int) -> Iterable[dict[str, Any]]:
        """Return the entries from a number on, which is never below an earlier one."""
        self._unread = self._unread[log_number_from - self._n_read :]
        self._n_read = log_number_from
        return list(self._unread)

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        """Add entries."""
        self._unread += logs
        if self._file is None:
            self._unwritten += logs
            return
        with suppress(OSError):  # the study's own journal, on the same disk, tells it and ends the study
            self._file.append_logs(logs)

    def release(self) -> None:
        """Write what was kept, in place of an earlier session's file; later entries follow one by one.

        Raises:
            ResultsError: The file cannot be written.
        """
        try:
            for left in (
                self._path,
                self._path.with_name(f"{self._path.name}.lock"),
            ):  # the lock: of Optuna's own
                left.unlink(missing_ok=True)
            self._file = JournalFileBackend(str(self._path), lock_obj=_HeldAlready())
            if self._unwritten:
                self._file.append_logs(self._unwritten)
        except OSError as error:
            raise unwritable(self._path, error) from error
        self._unwritten = []


def written_storage(path: Path) -> tuple[JournalStorage, WrittenJournalBackend]:
    """Return a storage whose file is written from `release` on, and the backend to release."""
    backend = WrittenJournalBackend(path)
    return JournalStorage(backend), backend
