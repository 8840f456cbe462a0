"""A study's journal as runs, read once or followed while it grows."""

import hashlib
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

from analysis.exports.content import End, Epoch, Run, State, Study
from analysis.results import results
from harness.errors import ResultsError
from harness.records.events import EpochEnded, Event, RunEnded, RunStarted
from harness.records.folder import ResultsFolder
from harness.records.frames import as_cell, flat
from harness.records.journal import opened_journal
from harness.records.journal_lines import checked_line
from harness.records.lock import is_held

_MEASURED = ("train_loss", "train_accuracy", "val_loss", "val_accuracy", "lr", "seconds")
_TESTED = ("test_loss", "test_accuracy")


class JournalReader:
    """Read a journal and later what came since. Nothing is ever written."""

    def __init__(self, folder: ResultsFolder) -> None:
        self._folder = folder
        self._forget()

    def _forget(self) -> None:
        self.study_id: str | None = None
        """Hash of the first line; None before there is one."""
        self.runs: dict[str, Run] = {}
        """By id, in the order in which they began."""
        self.first_at: datetime | None = None
        self.last_at: datetime | None = None
        self._epochs: dict[str, list[Epoch]] = {}
        self._changed: dict[str, None] = {}
        self._offset = self._crc = self._n_lines = 0

    def read(self) -> None:
        """Take in what is new.

        A resume may have cut the journal before it went on: then all of it is read again.

        Raises:
            ResultsError: There is no journal, or a line of it is damaged.
        """
        is_begun = self._offset > 0
        try:
            for event in self._events():
                self._take(event)
        except ResultsError:
            if not is_begun:
                raise
            self._forget()
            self.read()

    def wait(self, seconds: float) -> None:
        """Wait until something has happened in the study, looking as often as that."""
        self.read()
        while self.study_id is None:
            time.sleep(seconds)
            self.read()

    def changed(self) -> list[Run]:
        """Return the runs that have changed since the last call."""
        ids, self._changed = self._changed, {}
        return [self.runs[run_id] for run_id in ids]

    def _events(self) -> Iterator[Event]:
        """Yield the events of whole lines; a last one without its end is being written."""
        with opened_journal(self._folder) as journal:
            if journal.seek(0, 2) < self._offset:
                raise ResultsError(f"{self._folder.journal}: shorter than it was")
            journal.seek(self._offset)
            for line in journal:
                if not line.endswith(b"\n"):
                    return
                place = f"{journal.name}:{self._n_lines + 1}"
                event, self._crc = checked_line(line, self._crc, place)
                if self.study_id is None:
                    self.study_id = hashlib.sha256(line).hexdigest()
                self._offset += len(line)
                self._n_lines += 1
                yield event

    def _take(self, event: Event) -> None:
        at = datetime.fromisoformat(event.time)
        self.first_at = self.first_at or at
        self.last_at = at
        match event:
            case RunStarted():
                self._start(event, at)
            case EpochEnded() if event.run_id in self.runs:
                values = {name: event.value(name) for name in (*_MEASURED, *event.metrics)}
                known = {name: value for name, value in values.items() if value is not None}
                self._epochs[event.run_id].append(Epoch(epoch=event.epoch, at=at, values=known))
            case RunEnded() if event.run_id in self.runs:
                run = self.runs[event.run_id]
                self.runs[event.run_id] = replace(run, end=_end(event, at))
            case _:
                return
        self._changed[event.run_id] = None

    def _start(self, event: RunStarted, at: datetime) -> None:
        before = self.runs.get(event.run_id)
        cells = {name: as_cell(value) for name, value in flat(event.configuration)}
        epochs = self._epochs[event.run_id] = []
        self.runs[event.run_id] = Run(
            run_id=event.run_id,
            arm=event.arm,
            phase=event.phase,
            repeat=event.repeat,
            number=event.number,
            seed=event.seed,
            is_taken_over=event.origin is not None,
            attempt=before.attempt + 1 if before else 1,
            parameters={name: value for name, value in cells.items() if value is not None},
            started_at=at,
            epochs=epochs,
            end=None,
        )


def _end(event: RunEnded, at: datetime) -> End:
    own = {name: getattr(event, name) for name in _TESTED} | event.metrics
    return End(
        status=event.status,
        reason=event.reason,
        at=at,
        selected_epoch=event.selected_epoch,
        tested={name: value for name, value in own.items() if value is not None},
    )


def study_now(folder: ResultsFolder, reader: JournalReader, *, is_followed: bool = False) -> Study:
    """Return the study as it stands, with its claims ruled.

    Args:
        folder: The study's folder.
        reader: Reads on in its journal.
        is_followed: A study that is not finished counts as running, also where its sweep cannot be seen from
            this machine.

    Raises:
        ResultsError: It is no results folder, a file of it is damaged, or nothing has happened in it yet.
    """
    found = results(folder.root)
    reader.read()
    if reader.study_id is None or reader.first_at is None or reader.last_at is None:
        raise ResultsError(
            f"{folder.root}: the journal holds no event yet, so there is nothing to export. "
            f"Remedy: try again once the first run has begun."
        )
    state: State = "running" if is_followed or is_held(folder.lock) else "unfinished"
    return Study(
        study_id=reader.study_id,
        results=found,
        state=state if found.missing else "finished",
        started_at=reader.first_at,
        last_at=reader.last_at,
        runs=reader.runs,
    )
