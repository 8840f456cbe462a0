"""The append-only journal: the only source of truth of a study.

How it is written, so that nothing acts on an event that the disk may lack, and how it is read.
"""

import gzip
import os
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self, cast

from harness.errors import ResultsError, reason, remedy, unusable
from harness.records.events import Event
from harness.records.folder import ResultsFolder
from harness.records.journal_lines import checked_line, seal, unseal
from harness.records.whole_file import write_file


class JournalWriter:
    """Append events to a journal, and have the disk keep them (fsync) where somebody asks for it.

    `append` writes a line and does not wait. Nothing may act on an event before a `sync` has returned that
    came after it. A journal whose sync failed ends with what the last one kept, and takes nothing more: what
    the disk has of the rest nobody knows, and asking again would not tell.

    Source: Rebello et al. 2020, Can Applications Recover from fsync Failures?, USENIX ATC.
    """

    def __init__(self, path: Path, sync: Callable[[int], None] = os.fsync) -> None:
        """Open a journal, made where it is missing; what it holds is on the disk when this returns.

        Args:
            path: The file.
            sync: Waits until the disk has a file, by its descriptor; raises OSError where it has not.

        Raises:
            ResultsError: It cannot be written, or does not end with a whole line.
        """
        self._sync = sync
        self._failed: ResultsError | None = None
        try:
            self._crc = _last_crc(path) if path.exists() else 0
            with ExitStack() as on_error:
                self._file = on_error.enter_context(path.open("ab", buffering=0))
                sync(self._file.fileno())  # what a killed session wrote last may be in memory alone
                on_error.pop_all()
        except OSError as error:
            raise ResultsError(unusable(path, "written", error), place=path) from error
        self._written = self._synced = self._file.tell()

    def append(self, event: Event) -> None:
        """Write one event as one line, without waiting for the disk.

        Raises:
            ResultsError: The disk is full or the folder has become unwritable.
        """
        if self._failed is not None:
            raise self._failed
        line, crc = seal(event.model_dump_json().encode(), self._crc)
        try:
            rest = memoryview(line)
            while rest:
                rest = rest[self._file.write(rest) :]
        except OSError as error:
            self._cut(self._written)  # no half line stays behind
            raise self._error("event not written", "Everything before it is kept", error) from error
        self._written += len(line)
        self._crc = crc

    def sync(self) -> None:
        """Wait until the disk has every event; does nothing where it has them.

        Raises:
            ResultsError: The disk is full, has failed, or the storage is gone.
        """
        if self._failed is not None:
            raise self._failed
        if self._synced == self._written:
            return
        try:
            self._sync(self._file.fileno())
        except OSError as error:
            self._cut(self._synced)
            kept = "Nothing has acted on the last events; everything before them is kept"
            self._failed = self._error("the disk did not take the last events", kept, error)
            raise self._failed from error
        self._synced = self._written

    def _cut(self, length: int) -> None:
        """Leave so many bytes of the file, if that can be done."""
        with suppress(OSError):  # the cause is told; what stays is dropped when the journal is taken up again
            os.ftruncate(self._file.fileno(), length)

    def _error(self, what: str, kept: str, error: OSError) -> ResultsError:
        return ResultsError(
            f"{self._file.name}: {what} ({reason(error)}). {kept}. "
            f"{remedy(error)} Then --resume finishes the study.",
            place=self._file.name,
        )

    def close(self) -> None:
        """Sync, and close the file; further events are errors.

        Raises:
            ResultsError: The last events could not be kept.
        """
        try:
            if self._failed is None:
                self.sync()
        finally:
            self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.close()
        except ResultsError:
            if error is None:  # else what has ended the study is to be told; nothing acted on what is lost
                raise


def _last_crc(path: Path) -> int:
    """Return the checksum of a journal's last line; 0 for an empty journal."""
    crc = 0
    with path.open("rb") as lines:
        for line in lines:
            unsealed = unseal(line)
            if unsealed is None:
                raise ResultsError(f"{path}: a line is damaged: {line[:120]!r}", place=path)
            crc = unsealed[1]
    return crc


def write_journal(path: Path, events: Iterable[Event]) -> None:
    """Write a journal's first events; at no moment is half of them there.

    Raises:
        ResultsError: It cannot be written.
    """
    lines, crc = list[bytes](), 0
    for event in events:
        line, crc = seal(event.model_dump_json().encode(), crc)
        lines.append(line)
    write_file(path, b"".join(lines))


def read_journal(folder: ResultsFolder) -> Iterator[Event]:
    """Yield a study's events in the order they happened, from the journal or its compressed copy.

    A last line without its end is no event yet: it is being written, or was when its sweep was killed.

    Raises:
        ResultsError: There is no journal, or a line of it is damaged.
    """
    crc = 0
    with opened_journal(folder) as lines:
        for number, line in enumerate(lines, start=1):
            if line[-1:] != b"\n" and unseal(line[:-1] + b"\n") is None:
                return
            event, crc = checked_line(line, crc, f"{lines.name}:{number}")
            yield event


@contextmanager
def opened_journal(folder: ResultsFolder) -> Iterator[BinaryIO]:
    """Open the journal or its compressed copy for reading.

    Raises:
        ResultsError: There is none, or it cannot be read or unpacked, now or while it is read.
    """
    path = folder.journal
    try:
        if not path.exists():
            path = folder.compressed_journal
        with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as lines:
            yield cast("BinaryIO", lines)
    except FileNotFoundError:
        raise ResultsError(
            f"{folder.root}: no journal.jsonl here, so this is not a results folder. "
            f"Remedy: give a folder that python -m harness.sweep wrote, such as results/optimizers.",
            place=folder.root,
        ) from None
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise ResultsError(
            f"{path}: damaged or cut short, it cannot be unpacked ({error}). "
            f"Remedy: bring back a copy of it.",
            place=path,
        ) from error
    except OSError as error:
        raise ResultsError(unusable(path, "read", error), place=path) from error
