"""The append-only journal: the only source of truth of a study."""

import gzip
import os
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

from pydantic import ValidationError

from harness.errors import ResultsError
from harness.records.events import EVENT, Event
from harness.records.folder import ResultsFolder


class JournalWriter:
    """Append events to a journal; each is on the disk (fsync) when `append` returns."""

    def __init__(self, path: Path) -> None:
        try:
            self._file = path.open("ab", buffering=0)
        except OSError as error:
            raise ResultsError(
                f"{path}: cannot be written ({error.strerror}). Remedy: --results DIR with a writable DIR."
            ) from error

    def append(self, event: Event) -> None:
        """Write one event as one line and wait until the disk has it.

        Raises:
            ResultsError: The disk is full or the folder has become unwritable.
        """
        try:
            rest = memoryview(event.model_dump_json().encode() + b"\n")
            while rest:
                rest = rest[self._file.write(rest) :]
            os.fsync(self._file.fileno())
        except OSError as error:
            raise ResultsError(
                f"{self._file.name}: event not written ({error.strerror}). Everything before it is kept."
            ) from error

    def close(self) -> None:
        """Close the file; further events are errors."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def read_journal(folder: ResultsFolder) -> Iterator[Event]:
    """Yield a study's events in the order they happened, from the journal or its compressed copy.

    Raises:
        ResultsError: There is no journal, or a line of it is not a valid event.
    """
    path = next((p for p in (folder.journal, folder.compressed_journal) if p.exists()), None)
    if path is None:
        raise ResultsError(
            f"{folder.root}: no journal.jsonl here, so this is not a results folder. "
            f"Remedy: give a folder that python -m harness.sweep wrote, such as results/optimizers."
        )
    with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            try:
                yield EVENT.validate_json(line)
            except ValidationError as error:
                first = error.errors(include_url=False)[0]
                raise ResultsError(
                    f"{path}:{number}: not a valid event ({first['msg']}): {line[:120]!r}. "
                    f"Remedy: cut the file before this line; everything above it is intact."
                ) from error
