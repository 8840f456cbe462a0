"""Optuna's journal file, written in one go when a study is rebuilt."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from optuna.storages import JournalStorage
from optuna.storages.journal import BaseJournalBackend, JournalFileBackend


class BufferedJournalBackend(BaseJournalBackend):
    """Keep Optuna's log entries in memory until `release`, then write them to a file and go on there.

    Thousands of trials are rebuilt in seconds so; one by one each would wait for the disk several times.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._buffer: list[dict[str, Any]] = []
        self._file: JournalFileBackend | None = None

    def read_logs(self, log_number_from: int) -> Iterable[dict[str, Any]]:
        """Return the entries from a number on."""
        if self._file is None:
            return self._buffer[log_number_from:]
        return self._file.read_logs(log_number_from)

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        """Add entries."""
        if self._file is None:
            self._buffer += logs
        else:
            self._file.append_logs(logs)

    def release(self) -> None:
        """Write what was kept, in place of an earlier session's file; later entries follow one by one."""
        self._path.unlink(missing_ok=True)
        self._file = JournalFileBackend(str(self._path))
        if self._buffer:
            self._file.append_logs(self._buffer)
        self._buffer = []


def buffered_storage(path: Path) -> tuple[JournalStorage, BufferedJournalBackend]:
    """Return a storage whose file is written at `release`, and the backend to release."""
    backend = BufferedJournalBackend(path)
    return JournalStorage(backend), backend
