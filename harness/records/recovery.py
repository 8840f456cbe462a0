"""Reading a journal that may have been cut or damaged, before a study is continued.

What is certain is kept, what was lost is named, and the damaged file stays beside the mended one:

- lines missing their end, or garbage, at the end: what a crash leaves. The intact lines before them are used.
- a block of lines repeated: what a copy gone wrong leaves. The repetition is dropped, nothing is lost.
- anything damaged before lines that are sound: refused. Dropping the sound ones is the user's decision.
- no line is a journal's: it is another file, or its ends of lines were converted. Refused.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from harness.errors import ResultsError, unusable
from harness.records.events import Event
from harness.records.folder import ResultsFolder
from harness.records.journal_lines import checked_line, converted, follows, unseal
from harness.records.whole_file import unwritable, write_whole


class Loss(BaseModel):
    """What was wrong with a journal and what became of it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["damaged", "repeated"]
    """Damaged lines stood at the end; repeated ones were there before, so that nothing was lost."""
    lines: int
    """How many were dropped."""
    kept_as: str
    """Name of the damaged file, beside the mended one."""

    def in_words(self) -> str:
        """Return what is told of it."""
        dropped = {
            "damaged": f"{self.lines} damaged lines at the end were dropped.",
            "repeated": f"{self.lines} repeated lines were dropped, nothing was lost.",
        }[self.kind]
        journal, _, _ = self.kept_as.partition(_DAMAGED)
        return f"{journal}: {dropped} The damaged file is kept as {self.kept_as}."


@dataclass(frozen=True, kw_only=True)
class Recovery:
    """What a journal still says."""

    events: Sequence[Event]
    loss: Loss | None
    """None for an intact journal."""


_DAMAGED = ".damaged-"
"""Between a journal's name and the number under which it is kept damaged."""


def recover_journal(folder: ResultsFolder) -> Recovery:
    """Read a journal for continuing its study; it stays as it is until it is mended.

    Raises:
        ResultsError: It is damaged before lines that are sound, was written by a newer version, or cannot be
            read.
    """
    path = folder.journal
    kept, dropped = _intact(_lines(path), path)
    events, crc = [], 0
    for number, line in enumerate(kept, start=1):
        event, crc = checked_line(line, crc, f"{path}:{number}")
        events.append(event)
    if dropped is None:
        return Recovery(events=events, loss=None)
    kind, count = dropped
    return Recovery(events=events, loss=Loss(kind=kind, lines=count, kept_as=_free_name(path).name))


def keep_damaged(folder: ResultsFolder, loss: Loss) -> None:
    """Keep a damaged journal where its loss says: mending replaces the file, and this name stays with it.

    A second name needs no room; only a file system that has none of them gets a copy.

    Raises:
        ResultsError: It cannot be kept; nothing was changed.
    """
    kept = folder.root / loss.kept_as
    try:
        kept.hardlink_to(folder.journal)
    except OSError:
        try:
            write_whole(kept, folder.journal.read_bytes())
        except OSError as error:
            raise unwritable(kept, error) from error


def mend_journal(folder: ResultsFolder) -> None:
    """Leave in a journal what could be recovered; at no moment is there none.

    Raises:
        ResultsError: It cannot be written, and is as it was.
    """
    path = folder.journal
    kept, _ = _intact(_lines(path), path)
    try:
        write_whole(path, b"".join(kept))
    except OSError as error:
        raise unwritable(path, error) from error


def _lines(path: Path) -> list[bytes]:
    return _content(path).splitlines(keepends=True)


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""
    except OSError as error:
        raise ResultsError(unusable(path, "read", error), place=path) from error


_Dropped = tuple[Literal["damaged", "repeated"], int]


def _intact(lines: list[bytes], path: Path) -> tuple[list[bytes], _Dropped | None]:
    """Return the lines to keep, and how many of which kind were dropped."""
    kept: list[bytes] = []
    crc, at, repeated = 0, 0, 0
    while at < len(lines):
        if follows(lines[at], crc):
            kept.append(lines[at])
            crc = _crc(lines[at])
            at += 1
        elif (length := _repetition(lines, at, kept)) > 0:
            repeated += length
            at += length
        elif any(_is_sound(lines, i) for i in range(at + 1, len(lines))):
            raise ResultsError(
                f"{path}:{at + 1}: this line is damaged, and lines after it are sound. Nothing was changed. "
                f"Remedy: bring back a copy of the journal, or cut it before line {at + 1}: the runs that "
                f"lines after it record are then run again."
            )
        else:
            _refuse_another_file(kept, lines, path)
            return kept, ("damaged", len(lines) - at)
    return kept, ("repeated", repeated) if repeated else None


def _refuse_another_file(kept: list[bytes], lines: list[bytes], path: Path) -> None:
    """Refuse lines of which none can be kept: no crash leaves that.

    Raises:
        ResultsError: So it is.
    """
    if any(line.endswith(b"\r\n") for line in lines):
        raise converted(str(path))
    if not kept and len(lines) > 1:
        raise ResultsError(
            f"{path}: none of its {len(lines)} lines is one of a journal. Nothing was changed. Remedy: bring "
            f"back a copy of the journal, or begin another study with --results DIR.",
            place=path,
        )


def _crc(line: bytes) -> int:
    unsealed = unseal(line)
    return unsealed[1] if unsealed else 0


def _is_sound(lines: list[bytes], at: int) -> bool:
    """Whether a line continues the line before it, whatever stands further up."""
    return unseal(lines[at - 1]) is not None and follows(lines[at], _crc(lines[at - 1]))


def _repetition(lines: list[bytes], at: int, kept: list[bytes]) -> int:
    """Return the length of a block at `at` that repeats the end of what was kept; 0 for none."""
    for length in range(1, min(len(kept), len(lines) - at) + 1):
        if lines[at : at + length] == kept[-length:]:
            return length
    return 0


def _free_name(path: Path) -> Path:
    """Return a name beside the journal that no earlier damaged file has."""
    number = 1
    while (name := path.with_name(f"{path.name}{_DAMAGED}{number}")).exists():
        number += 1
    return name
