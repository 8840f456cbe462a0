"""One run of a program: started, heard epoch by epoch, and how it ended."""

import os
import re
import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from math import isfinite
from pathlib import Path
from typing import Literal

from harness.programs.contract import Contract, Printed, ProgramEpoch
from harness.programs.launch import GRACE_SECONDS, Program, started
from harness.programs.lines import BadLineError, Line, Lines, object_of

_LOOK_EVERY_SECONDS = 0.1
"""How often a silent program is looked at."""

_MOST_LATE_BYTES = 2**20
"""Read after a program's end: more than a pipe holds, and others may go on printing into it."""

_NO_TEXT = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|[\x00-\x08\x0b-\x1f\x7f]")
"""What colours a terminal, and what no document can hold."""

_KEPT_BYTES = 4096
"""Of the end of a program's error output, in the reason of its failure."""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """How long a run may take."""

    seconds: float | None
    """In all; the study's `trial.timeout_minutes`."""
    silent_seconds: float | None
    """From one epoch to the next; the study's `resources.stall_minutes`."""
    grace_seconds: float = GRACE_SECONDS
    """Between SIGTERM and SIGKILL."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """A program to run."""

    words: Sequence[str]
    folder: Path
    """Its working directory."""
    environment: Mapping[str, str]
    stderr: Path
    """File of its error output."""


@dataclass(frozen=True, kw_only=True)
class ProgramEnd:
    """How a run of a program ended."""

    status: Literal["completed", "diverged", "failed"]
    reason: str | None = None
    tested: Mapping[str, float] = field(default_factory=dict)
    """Test values of a completed confirm run, by name, finite."""


class _OverdueError(Exception):
    pass


def run_program(
    job: Job, contract: Contract, limits: Limits, on_epoch: Callable[[ProgramEpoch, float], None]
) -> ProgramEnd:
    """Run a program to its end; whatever way this is left, none of its processes is, as `started` has it.

    Args:
        job: The program.
        contract: What it has to print.
        limits: How long it may take.
        on_epoch: Takes each epoch, and the seconds since the one before it or the start.
    """
    printed, log = Printed(contract=contract), _Log()
    started_at = time.monotonic()
    try:
        with started(
            job.words,
            folder=job.folder,
            environment=job.environment,
            stderr=job.stderr,
            grace_seconds=limits.grace_seconds,
        ) as program:
            clock = _Clock(limits, started_at)
            for line in _lines(program, clock, log):
                parsed = object_of(line)
                epoch = printed.take(parsed) if parsed is not None else None
                if epoch is not None:
                    on_epoch(epoch, clock.lap())
                    clock.heard_at = time.monotonic()  # whoever takes the epoch may take a while
                    if epoch.diverged:
                        return ProgramEnd(status="diverged", reason=epoch.diverged)
                log.note(line, is_log=parsed is None)
            code = program.exit_code
    except OSError as error:
        return ProgramEnd(status="failed", reason=f"{error.filename or job.words[0]}: {error.strerror}")
    except BadLineError as error:
        return ProgramEnd(status="failed", reason=f"the program {error}")
    except _OverdueError as error:
        return ProgramEnd(status="failed", reason=f"{error}{_told(job.stderr)}")
    return end_of(code or 0, printed, log.in_words(), _told(job.stderr))


def end_of(code: int, printed: Printed, log: str, told: str) -> ProgramEnd:
    """Return how a run ended whose program ended by itself.

    Args:
        code: Its exit code; negative for a signal.
        printed: What it printed.
        log: What else is known of its output, as the end of a sentence.
        told: The end of its error output, as the end of a sentence.
    """
    contract = printed.contract
    if code:
        after = f" after epoch {printed.epochs}" if printed.epochs else " before its first epoch"
        return ProgramEnd(status="failed", reason=f"the program {_exit_in_words(code)}{after}{told}")
    missing = [] if printed.epochs else [contract.objective]
    if contract.phase == "confirm":
        missing += [name for name in contract.tested if name not in printed.tested]
    if missing:
        return ProgramEnd(
            status="failed", reason=f"the program printed no {' and no '.join(missing)}{log}{told}"
        )
    finite = {name: value for name, value in printed.tested.items() if isfinite(value)}
    for name in contract.tested if contract.phase == "confirm" else ():
        if name not in finite:
            return ProgramEnd(status="diverged", reason=f"{name} is {printed.tested[name]}")
    return ProgramEnd(status="completed", tested=finite)


def _exit_in_words(code: int) -> str:
    if code > 0:
        return f"ended with exit code {code}"
    name = signal.Signals(-code).name if -code in set(signal.Signals) else f"signal {-code}"
    return f"was killed by {name}{' (out of memory?)' if -code == signal.SIGKILL else ''}"


class _Clock:
    """Whether a program is overdue."""

    def __init__(self, limits: Limits, started_at: float) -> None:
        self._limits = limits
        self._started_at = self._lap_at = self.heard_at = started_at

    def lap(self) -> float:
        """Return the seconds since the last lap, or the start."""
        now, before = time.monotonic(), self._lap_at
        self._lap_at = now
        return now - before

    def check(self) -> None:
        """Raise an error for a program that takes too long."""
        now, limits = time.monotonic(), self._limits
        if limits.seconds is not None and now - self._started_at > limits.seconds:
            raise _OverdueError(
                f"the program did not end within {limits.seconds / 60:g} minutes (trial.timeout_minutes)"
            )
        if limits.silent_seconds is not None and now - self.heard_at > limits.silent_seconds:
            raise _OverdueError(
                f"the program reported no epoch within {limits.silent_seconds / 60:g} minutes "
                f"(resources.stall_minutes)"
            )


class _Log:
    """What a program printed that is no object."""

    def __init__(self) -> None:
        self._n_lines = 0
        self._last: Line | None = None
        self.rest: Line | None = None
        """What it printed without ending the line, which is never read as an object."""

    def note(self, line: Line, *, is_log: bool) -> None:
        self._n_lines += 1
        if is_log:
            self._last = line

    def in_words(self) -> str:
        """Return the end of a sentence about what it did not print."""
        if self.rest is not None:
            return f"; its last line has no end: {self.rest.quoted}"
        last = f", the last log line {self._last.quoted}" if self._last else ""
        return f" in {self._n_lines} lines{last}" if self._n_lines else ", nor any other line"


def _lines(program: Program, clock: _Clock, log: _Log) -> Iterator[Line]:
    """Yield a program's lines until it has ended and everything it printed is read.

    The end is that of its first process: others may hold its output open for ever.
    """
    lines, n_late = Lines(), 0
    while True:
        has_ended = program.exit_code is not None  # before reading: what it printed is in the pipe by now
        if has_ended:
            program.end()
        chunk = program.read(0 if has_ended else _LOOK_EVERY_SECONDS)
        yield from lines.feed(chunk)
        n_late += len(chunk) if has_ended else 0
        if has_ended and (not chunk or n_late > _MOST_LATE_BYTES):
            log.rest = lines.rest
            return
        clock.check()


def _told(stderr: Path) -> str:
    """Return the end of a program's error output, as the end of a sentence; nothing where it is empty."""
    tail = b""
    with suppress(FileNotFoundError), stderr.open("rb") as file:  # a program may tidy its folder
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - _KEPT_BYTES))
        tail = file.read()
    written = [line.rstrip(b"\r").rpartition(b"\r")[2] for line in tail.split(b"\n")]
    text = b"\n".join(line for line in written if line.strip()).decode("utf-8", errors="replace").strip()
    text = _NO_TEXT.sub("", text)
    return f"; its error output ends:\n{text}" if text else ""
