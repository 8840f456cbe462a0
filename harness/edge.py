"""What all commands have in common: how a path is given, and how they end."""

import argparse
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import cast

from harness.errors import (
    EXIT_BUG,
    EXIT_INTERRUPTED,
    EXIT_REFUSED,
    HarnessError,
    ResultsError,
    reason,
    remedy,
    unusable,
)
from harness.screen import LastingStream, lasting_screen

EXIT_CODES = f"{EXIT_BUG} a bug of the harness, whose traceback is printed"
"""The end of every command's list of exit codes."""


def _never() -> bool:
    return False


def run_command(
    act: Callable[[], int],
    *,
    interrupted: str = "interrupted",
    was_asked: Callable[[], bool] = _never,
    patience: float | None = None,
) -> int:
    """Run a command to its end, whatever becomes of the screen; return the exit code.

    1 is never that of an error: it says that some runs failed.

    Args:
        act: Does everything, from the arguments on; returns the exit code where nothing goes wrong.
        interrupted: What is told when the user, or a scheduler, ends it.
        was_asked: Whether a handler of the caller's raised KeyboardInterrupt; of Ctrl-C it is known here.
        patience: Seconds that a terminal which takes nothing may cost; None waits for it.
    """
    with lasting_screen(patience), _ctrl_c_noted() as came:
        try:
            return _run_to_an_end(act, lambda: came() or was_asked())
        except KeyboardInterrupt:  # also one that comes while an error is told
            exec("")  # noqa: S102 - Python notes one that left an exec(), and would kill itself for it at its end
            return _end(interrupted, EXIT_INTERRUPTED)


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


def _run_to_an_end(act: Callable[[], int], was_asked: Callable[[], bool]) -> int:
    """Run it; what is raised after a request to end may have been made of KeyboardInterrupt.

    Modules in C and Rust that are being imported turn it into an ImportError, or a panic.
    """
    try:
        return act()
    except (KeyboardInterrupt, SystemExit):
        raise
    except HarnessError as error:
        return _end(f"error: {error}", error.exit_code)
    except OSError as error:
        return _end(f"error: {in_words(error)}", EXIT_REFUSED)
    except ModuleNotFoundError as error:
        if was_asked():
            raise KeyboardInterrupt from error
        return _end(
            f"error: the Python package {error.name!r} is not installed here. "
            f"Remedy: install the harness with what it needs, into the environment of {sys.executable}.",
            EXIT_REFUSED,
        )
    except MemoryError:
        return _end("error: memory ran out. Remedy: free some, or use a larger machine.", EXIT_REFUSED)
    except BaseException as error:
        if was_asked():
            raise KeyboardInterrupt from error
        return _end(f"{traceback.format_exc()}{BUG}", EXIT_BUG)


BUG = "This is a bug of the harness, not of your study; what was recorded before is kept. Please report it."


def _end(message: str, code: int) -> int:
    print(message, file=sys.stderr, flush=True)  # noqa: T201 - a command's last line
    return code


def in_words(error: OSError) -> str:
    """Return what is told of an error of the operating system that no better place has told."""
    if isinstance(error.filename, str | bytes):
        return unusable(os.fsdecode(error.filename), "used", error)
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


def path_argument(text: str) -> Path:
    """Return the path that a user gives; `~` is the home folder also where the shell leaves it (`--x=~/y`).

    Raises:
        argparse.ArgumentTypeError: There is no such user.
    """
    try:
        return Path(text).expanduser()
    except RuntimeError as error:
        raise argparse.ArgumentTypeError(f"{text}: no home folder is known for it ({error})") from None


def resolved(path: Path) -> Path:
    """Return a path from the root on, symbolic links followed; `~` is the home folder.

    Raises:
        ResultsError: It cannot be: links go round in a circle, the working directory or a home is gone.
    """
    try:
        place = path.expanduser()
    except RuntimeError as error:
        raise ResultsError(
            f"{path}: no home folder is known for it ({error}). Remedy: write the path out."
        ) from None
    try:
        return place.resolve()
    except RuntimeError:
        raise ResultsError(
            f"{path}: its symbolic links go round in a circle. Remedy: mend them, or name another place."
        ) from None
    except FileNotFoundError as error:
        raise ResultsError(
            f"{path}: the working directory is gone, so no path can start there. "
            f"Remedy: cd to a folder that exists."
        ) from error
