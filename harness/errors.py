"""The errors a user can act on. Everything else that is raised is a bug of ours.

A message gives the value, the rule, the valid set, the place and the remedy; commands print it without a
traceback and end with the error's exit code.
"""

import errno
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

EXIT_COMPLETE, EXIT_SOME_FAILED, EXIT_REFUSED, EXIT_BUG, EXIT_INTERRUPTED = 0, 1, 2, 70, 75
"""How commands end: all is done, some runs failed, refused, a bug of ours, or a resume finishes it."""


REMEDY = "Remedy: "
"""What stands before the remedy in every message; it is the message's last part."""

ErrorKind = Literal["study", "data", "results", "environment", "arguments", "refused", "interrupted", "bug"]
"""What is at fault, as a program asks for it."""


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One thing that is wrong, part by part; None where a message has no such part of its own."""

    place: str | None = None
    """The file, with its line where that is known, or the argument of the command line."""
    field: str | None = None
    """Of a study file: the dotted name of what is wrong there."""
    value: str | None = None
    """What stands there, as it is written there."""
    rule: str
    """What it breaks, in words; with place and value where these have no part of their own."""
    remedy: str | None = None
    """What helps, in words."""

    @classmethod
    def told(cls, message: str, *, place: Path | str | None = None, value: str | None = None) -> "Fault":
        """Return a message as its parts."""
        named = None if place is None else os.fspath(place)
        own = message if named is None else message.removeprefix(f"{named}: ")
        rule, _, remedy = own.partition(REMEDY)
        words = rule.strip().removesuffix(".").removesuffix(";")
        return cls(place=named, value=value, rule=words, remedy=remedy.strip().removesuffix(".") or None)


class HarnessError(Exception):
    """Report something a user can mend; `str(error)` is the whole message."""

    exit_code = EXIT_REFUSED
    kind: ClassVar[ErrorKind] = "refused"

    def __init__(
        self, message: str, *, place: Path | str | None = None, problems: Sequence[Fault] = ()
    ) -> None:
        """Report it.

        Args:
            message: All of it, as it is printed.
            place: What the message begins with, where that is a place.
            problems: Each one, where several are told at once.
        """
        super().__init__(message)
        self.place = place
        self.problems = tuple(problems)

    @property
    def fault(self) -> Fault:
        """The message as its parts; of several problems their heading."""
        return Fault.told(str(self).partition("\n")[0] if self.problems else str(self), place=self.place)


class StudyError(HarnessError):
    """Report every problem of a study file at once."""

    kind = "study"


class DataError(HarnessError):
    """Report a data set that is missing, damaged or altered."""

    kind = "data"


class ResultsError(HarnessError):
    """Report a results folder that cannot be written, read or continued."""

    kind = "results"


class EnvironmentMismatchError(HarnessError):
    """Report that this machine or cluster cannot run what the study asks for."""

    kind = "environment"


class InterruptedCommandError(HarnessError):
    """Report that the user, or a scheduler, ended a command."""

    exit_code = EXIT_INTERRUPTED
    kind = "interrupted"


class UnforeseenError(HarnessError):
    """Report a bug of ours in one of several things to do, where the others still have to be done."""

    exit_code = EXIT_BUG
    kind = "bug"


def several(errors: Sequence[HarnessError], what: str) -> HarnessError:
    """Return errors of several things to do as one; a single one as it is.

    Args:
        errors: At least one.
        what: What none of them could be, as the end of a sentence.
    """
    if len(errors) == 1:
        return errors[0]
    told = ResultsError if all(error.kind == "results" for error in errors) else type(errors[0])
    faults = [error.fault for error in errors]
    return told("\n".join([f"{len(errors)} places {what}", *map(str, errors)]), problems=faults)


_ROOM = "make room there, or name a place that has some"
_REMEDIES = {
    errno.EACCES: "get the permission (`namei -l PATH` shows who has it), or name another place",
    errno.EPERM: "get the permission, or name another place",
    errno.EROFS: "name a place on a file system that can be written",
    errno.ENOSPC: _ROOM,
    errno.EDQUOT: f"{_ROOM}; `quota` shows what you may use",
    errno.EFBIG: "raise the limit on the size of files (`ulimit -f`)",
    errno.ENOENT: "check the path; each folder of it must exist",
    errno.EEXIST: "move the file of that name away, or name another place",
    errno.ENOTDIR: "name a folder where the path names a file",
    errno.EISDIR: "name a file where the path names a folder",
    errno.ENAMETOOLONG: "a shorter name: file systems take 255 bytes a name and 4096 a path",
    errno.ELOOP: "mend the symbolic links of the path, which lead back to themselves",
    errno.EMFILE: "raise the limit on open files (`ulimit -n 4096`)",
    errno.ENFILE: "try again when fewer files are open on this machine",
    errno.ENOMEM: "free memory, or try again when the machine is less busy",
    errno.EAGAIN: "try again when fewer processes run; `ulimit -u` shows how many you may have",
    errno.ENOLCK: "name a place on a file system that can lock files",
    errno.EIO: "check the disk or the network behind this place (`dmesg` may tell more), or name another one",
    errno.ESTALE: "mount the network file system again, or name another place",
    errno.ENOTCONN: "mount the file system behind this place again, or name another one",
}
"""What helps against an error of the operating system."""


def reason(error: OSError) -> str:
    """Return what the operating system says, in its own words."""
    return error.strerror or str(error) or type(error).__name__


def remedy(error: OSError) -> str:
    """Return what helps against an error of the operating system, as the end of a message."""
    return (
        f"{REMEDY}{_REMEDIES.get(error.errno or 0, 'see that this place can be used, or name another one')}."
    )


def unusable(place: Path | str, deed: str, error: OSError) -> str:
    """Return the whole message about a place that the operating system refuses.

    Args:
        place: A path, or what the user gave.
        deed: What was tried: `read`, `written`, `made`.
        error: Why it failed.
    """
    return f"{os.fspath(place)}: cannot be {deed} ({reason(error)}). {remedy(error)}"


def nearest(word: str, valid: Iterable[str]) -> str:
    """Return the end of a message about an unknown word: the closest valid one first, then all of them."""
    names = list(valid)
    close = max(names, key=lambda name: _similarity(word, name), default="")
    hint = f"Did you mean {close!r}? " if _similarity(word, close) >= _CLOSE else ""
    return f"{hint}Valid: {', '.join(names)}"


_CLOSE = 0.5
"""Similarity from which on a word may have been meant."""


def _similarity(word: str, name: str) -> float:
    """Return how much of two words is the same, in [0, 1], upper and lower case alike.

    Of the longer one's letters those that need no change: none added, left out, replaced or swapped with the
    next. What begins a name is close to it.

    Source: Boytsov (2011), Indexing methods for approximate dictionary searching, section 2.1 (optimal string
        alignment).
    """
    one, other = word.casefold(), name.casefold()
    longest = max(len(one), len(other))
    if not one or min(len(one), len(other)) < _CLOSE * longest:
        return _CLOSE if len(one) > 2 and other.startswith(one) else 0.0
    before, row = [0] * (len(other) + 1), list(range(len(other) + 1))
    for i, letter in enumerate(one):
        earlier, before, row = before, row, [i + 1]
        for j, wanted in enumerate(other):
            changes = min(before[j] + (letter != wanted), before[j + 1] + 1, row[j] + 1)
            if i and j and letter == other[j - 1] and wanted == one[i - 1]:
                changes = min(changes, earlier[j - 1] + 1)
            row.append(changes)
    return 1 - row[-1] / longest
