"""How every command ends: whatever happens is told once, in words, with an exit code."""

import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import cast

from harness.answering import Answering
from harness.arguments import RefusedArguments
from harness.errors import (
    EnvironmentMismatchError,
    HarnessError,
    InterruptedCommandError,
    ResultsError,
    UnforeseenError,
    reason,
    remedy,
    unusable,
)
from harness.screen import LastingStream, lasting_screen


def _never() -> bool:
    return False


def run_command(
    act: Callable[[], int],
    *,
    interrupted: str = "interrupted",
    was_asked: Callable[[], bool] = _never,
    patience: float | None = None,
    answering: Answering | None = None,
) -> int:
    """Run a command to its end, whatever becomes of the screen; return the exit code.

    1 is never that of an error: it says that some runs failed.

    Args:
        act: Does everything, from the arguments on; returns the exit code where nothing goes wrong.
        interrupted: What is told when the user, or a scheduler, ends it.
        was_asked: Whether a handler of the caller's raised KeyboardInterrupt; of Ctrl-C it is known here.
        patience: Seconds that a terminal which takes nothing may cost; None waits for it.
        answering: Of a command that takes `--json`.
    """
    answering = answering or Answering("", ())
    with lasting_screen(patience), _ctrl_c_noted() as came:
        try:
            with answering.alone():
                return _run_to_an_end(act, lambda: came() or was_asked(), answering, interrupted)
        except ResultsError as error:  # the answer itself cannot be written
            return _end(error)
        except KeyboardInterrupt:  # one that comes while an error or the answer is told
            return _end(_interruption(interrupted))


@contextmanager
def _ctrl_c_noted() -> Iterator[Callable[[], bool]]:
    """Yield what tells whether Ctrl-C came, where Python's own handler takes it."""
    came = threading.Event()
    if signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield came.is_set
        return

    def note(number: int, frame: FrameType | None) -> None:
        came.set()
        signal.default_int_handler(number, frame)

    signal.signal(signal.SIGINT, note)
    try:
        yield came.is_set
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _run_to_an_end(
    act: Callable[[], int], was_asked: Callable[[], bool], answering: Answering, interrupted: str
) -> int:
    """Run it; what ends it is told on standard errors, and kept for the answer."""
    try:
        return act()
    except RefusedArguments as end:
        answering.fail(end.error)
        raise
    except SystemExit:
        raise
    except BaseException as error:  # noqa: BLE001 - every end is told
        told = _told(error, was_asked, interrupted)
        answering.fail(told)
        return _end(told)


def _told(error: BaseException, was_asked: Callable[[], bool], interrupted: str) -> HarnessError:
    """Return what is told of an error, a traceback aside.

    What is raised after a request to end may have been made of KeyboardInterrupt: modules in C and Rust that
    are being imported turn it into an ImportError, or a panic.
    """
    is_own = isinstance(error, HarnessError | OSError | MemoryError)
    if isinstance(error, KeyboardInterrupt) or (was_asked() and not is_own):
        return _interruption(interrupted)
    if isinstance(error, HarnessError):
        return error
    if isinstance(error, OSError):
        return ResultsError(in_words(error), place=_file_of(error))
    if isinstance(error, ModuleNotFoundError):
        return EnvironmentMismatchError(
            f"the Python package {error.name!r} is not installed here. "
            f"Remedy: install the harness with what it needs, into the environment of {sys.executable}."
        )
    if isinstance(error, MemoryError):
        return EnvironmentMismatchError("memory ran out. Remedy: free some, or use a larger machine.")
    sys.stderr.write("".join(traceback.format_exception(error)))
    return UnforeseenError(f"{BUG} ({type(error).__name__}: {error})")


def _interruption(message: str) -> HarnessError:
    exec("")  # noqa: S102 - Python notes one that left an exec(), and would kill itself for it at its end
    return InterruptedCommandError(message)


BUG = "This is a bug of the harness, not of your study; what was recorded before is kept. Please report it."


def _end(error: HarnessError) -> int:
    """Tell what ended a command; return the exit code."""
    is_plain = error.kind in {"interrupted", "bug"}
    print(f"{'' if is_plain else 'error: '}{error}", file=sys.stderr, flush=True)  # noqa: T201 - its last line
    return error.exit_code


def _file_of(error: OSError) -> str | None:
    return os.fsdecode(error.filename) if isinstance(error.filename, str | bytes) else None


def in_words(error: OSError) -> str:
    """Return what is told of an error of the operating system that no better place has told."""
    place = _file_of(error)
    if place is not None:
        return unusable(place, "used", error)
    return f"the operating system refuses ({reason(error)}). {remedy(error)}"


def deliver(text: str) -> None:
    """Print what the user asked for; a reader who has seen enough is content.

    Raises:
        ResultsError: Standard output takes nothing, as its disk is full for instance.
    """
    print(text)  # noqa: T201 - what the command is for
    stream = cast("object", sys.stdout)
    if not isinstance(stream, LastingStream):
        return
    stream.hand_over()
    loss = stream.loss
    if isinstance(loss, OSError) and not isinstance(loss, BrokenPipeError):
        raise ResultsError(unusable("standard output", "written", loss))
