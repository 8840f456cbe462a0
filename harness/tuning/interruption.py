"""Signals that ask a command to end: the first ends it in good order, a second one at once.

They are Ctrl-C, SIGTERM, SIGHUP (the terminal was closed) and SIGUSR1, which clusters send some time before a
limit or a preemption.
"""

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

INTERRUPTING = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1, signal.SIGHUP)

_PATIENCE_SECONDS = 10
_SAME_REQUEST_SECONDS = 1.0
"""One request may arrive several times: Ray Jobs signals a driver and all its descendants."""


class Interruption:
    """Hears the signals that ask this process to end, and says how it does; for the main thread.

    A request raises KeyboardInterrupt, except while `ends_by` names a gentler way.
    """

    def __init__(self) -> None:
        self._asked_at: float | None = None
        self._stop: Callable[[], None] | None = None

    @contextmanager
    def heard(self) -> Iterator[None]:
        """Hear signals for as long as the context lasts.

        Nobody else's handler takes their place meanwhile: Ray installs one for SIGTERM that exits with the
        signal's number, and Tune one for SIGUSR1. A SIGHUP that was ignored before (nohup) stays so.
        """
        watched = [number for number in INTERRUPTING if not _is_left_alone(number)]
        watched.append(signal.SIGALRM)
        before = {number: signal.signal(number, self._handle) for number in watched}
        install = signal.signal

        def install_others(number: int, handler: Any) -> Any:
            return install(number, self._handle if number in before else handler)

        signal.signal = install_others  # type: ignore[assignment] # its own type is not to be named
        try:
            yield
        finally:
            signal.signal = install
            signal.alarm(0)
            for number, handler in before.items():
                signal.signal(number, handler)

    @contextmanager
    def ends_by(self, stop: Callable[[], None]) -> Iterator[None]:
        """Call `stop` on the first request; raise KeyboardInterrupt on the second, or after 10 s.

        Raises:
            KeyboardInterrupt: A request came before, and whatever ran then has swallowed its exception.
        """
        if self._asked_at is not None:
            raise KeyboardInterrupt
        hear_again()
        self._stop = stop
        try:
            yield
        finally:
            self._stop = None
            signal.alarm(0)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        del frame
        if self._asked_at is None:
            self._asked_at = time.monotonic()
            if self._stop is None:
                raise KeyboardInterrupt
            self._stop()
            signal.alarm(_PATIENCE_SECONDS)
        elif number == signal.SIGALRM or time.monotonic() - self._asked_at > _SAME_REQUEST_SECONDS:
            raise KeyboardInterrupt


def _is_left_alone(number: signal.Signals) -> bool:
    return number == signal.SIGHUP and signal.getsignal(number) == signal.SIG_IGN


def hear_again() -> None:
    """Take back the signals that a library takes in C++, where Python does not see it.

    Ray's does when this process connects to a cluster, to print the stack of a process that SIGTERM ends.
    """
    for number in INTERRUPTING:
        handler = signal.getsignal(number)
        if callable(handler):
            signal.signal(number, handler)


def hear_no_more() -> None:
    """Ignore requests from here on: how the process ends is decided, and Python's own end takes a while."""
    for number in INTERRUPTING:
        signal.signal(number, signal.SIG_IGN)


@contextmanager
def sparing_children() -> Iterator[None]:
    """Let processes that are started in the context not hear of a closed terminal, nor of SIGUSR1.

    Those signals reach a whole process group. Children that die of them leave their parent nothing to end in
    good order. What arrives meanwhile is heard afterwards.
    """
    spared = {signal.SIGHUP, signal.SIGUSR1}
    before = signal.pthread_sigmask(signal.SIG_BLOCK, spared)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
