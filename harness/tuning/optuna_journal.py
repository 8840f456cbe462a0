"""Optuna's journal file, for those who watch: written as trials happen, never read back."""

import json
from collections.abc import Container, Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from optuna.storages import JournalStorage
from optuna.storages.journal import BaseJournalBackend
from optuna.trial import FrozenTrial, TrialState

from harness.records.whole_file import unwritable


class WrittenJournalBackend(BaseJournalBackend):
    """Keep Optuna's log entries in memory until they are read, and write them to a file when told to.

    One process works on a study, so what it wrote is all there is to read: a file in the results folder is
    never taken for truth (CMA-ES notes pickles in it). So nobody waits for the disk to have it, and nobody
    locks it: the folder is held by `FolderLock`. It is written after the study's own journal has what the
    entries tell, and not at all before `release`, so that a study that is rebuilt leaves an earlier session's
    file in place until it goes on.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._unread: list[dict[str, Any]] = []
        self._n_read = 0
        self._unwritten: list[dict[str, Any]] = []
        self._is_released = False

    def read_logs(self, log_number_from: int) -> Iterable[dict[str, Any]]:
        """Return the entries from a number on, which is never below an earlier one."""
        self._unread = self._unread[log_number_from - self._n_read :]
        self._n_read = log_number_from
        return list(self._unread)

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        """Add entries."""
        self._unread += logs
        self._unwritten += logs

    def release(self) -> None:
        """Write what was kept, in place of an earlier session's file; later entries follow by `write_out`.

        Raises:
            ResultsError: The file cannot be written.
        """
        try:
            for left in (
                self._path,
                self._path.with_name(f"{self._path.name}.lock"),
            ):  # the lock: of Optuna's own
                left.unlink(missing_ok=True)
            self._write()
        except OSError as error:
            raise unwritable(self._path, error) from error
        self._is_released = True

    def write_out(self) -> None:
        """Write what was added since, once the file was released."""
        if self._is_released:
            with suppress(OSError):  # the study's own journal, on the same disk, tells it and ends the study
                self._write()

    def _write(self) -> None:
        """Add entries to the file, as `optuna.storages.journal.JournalFileBackend` writes and reads them."""
        entries, self._unwritten = self._unwritten, []
        with self._path.open("a", encoding="utf-8") as file:
            file.writelines(f"{json.dumps(entry, separators=(',', ':'))}\n" for entry in entries)


class _Storage(JournalStorage):
    """Optuna's journal storage, which need not look through every trial for one that waits."""

    def __init__(self, backend: WrittenJournalBackend) -> None:
        super().__init__(backend)
        self._waiting: set[int] = set()
        """Trials that were enqueued and not begun."""

    def create_new_trial(self, study_id: int, template_trial: FrozenTrial | None = None) -> int:
        """Add a trial."""
        trial_id = super().create_new_trial(study_id, template_trial)
        if template_trial is not None and template_trial.state == TrialState.WAITING:
            self._waiting.add(trial_id)
        return trial_id

    def set_trial_state_values(
        self, trial_id: int, state: TrialState, values: Sequence[float] | None = None
    ) -> bool:
        """Change a trial's state."""
        self._waiting.discard(trial_id)
        return super().set_trial_state_values(trial_id, state, values)

    def get_all_trials(
        self,
        study_id: int,
        deepcopy: bool = True,  # noqa: FBT001, FBT002 - Optuna's signature
        states: Container[TrialState] | None = None,
    ) -> list[FrozenTrial]:
        """Return a study's trials; every proposal asks for those that wait."""
        if states == (TrialState.WAITING,) and not self._waiting:
            return []
        return super().get_all_trials(study_id, deepcopy, states)


def written_storage(path: Path) -> tuple[JournalStorage, WrittenJournalBackend]:
    """Return a storage whose file is written from `release` on, and the backend to release."""
    backend = WrittenJournalBackend(path)
    return _Storage(backend), backend
