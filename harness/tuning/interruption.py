"""Signals that ask a command to end: the first ends it in good order, a second one at once.

They are Ctrl-C, SIGTERM, SIGHUP (the terminal was closed) and SIGUSR1, which clusters send some time before a
limit or a preemption.

SIGTERM goes another way than the others. Ray's core takes it in C++ when this process connects, and ends the
process with it, before a line of Python runs. So no thread takes it: all have it blocked, from before the
first library starts one, and a thread of ours waits for it and passes it on to the main thread.
"""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from types import FrameType
from typing import Any

INTERRUPTING = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1, signal.SIGHUP)

_PASSED_ON = signal.SIGRTMIN + 7
"""What the main thread gets in place of a SIGTERM: nobody else's, and it wakes a call that waits."""

_PATIENCE_SECONDS = 15
"""More than the 10 s that Tune waits for runs, which do not hear of it before their epoch's end."""
_START_PATIENCE_SECONDS = 60
_SAME_REQUEST_SECONDS = 1.0
"""One request may arrive several times: Ray Jobs signals a driver and all its descendants."""


class Interruption:
    """Hears the signals that ask this process to end, and says how it does; for the main thread.

    A request raises KeyboardInterrupt, except while `ends_by` names a gentler way.
    """

    def __init__(self) -> None:
        self._asked_at: float | None = None
        self._stop: Callable[[], None] | None = None
        self._is_delicate: Callable[[FrameType | None], bool] = _is_nowhere
        self._patience = _PATIENCE_SECONDS
        self._has_raised = False

    def has_raised(self) -> bool:
        """Return whether a request raised KeyboardInterrupt."""
        return self._has_raised

    @contextmanager
    def heard(self) -> Iterator[None]:
        """Hear signals for as long as the context lasts.

        Nobody else's handler takes their place meanwhile: Ray installs one for SIGTERM that exits with the
        signal's number, and Tune one for SIGUSR1. A SIGHUP that was ignored before (nohup) stays so.
        """
        heeded = [number for number in INTERRUPTING if not _is_left_alone(number)]
        watched = [*heeded, signal.SIGALRM, _PASSED_ON]
        before = {number: signal.signal(number, self._handle) for number in watched}
        install = signal.signal

        def install_others(number: int, handler: Any) -> Any:
            return install(number, self._handle if number in before else handler)

        signal.signal = install_others  # type: ignore[assignment] # its own type is not to be named
        try:
            with _terminations_passed_on():
                yield
        finally:
            signal.signal = install
            signal.alarm(0)
            for number, handler in before.items():
                signal.signal(number, handler)

    @contextmanager
    def put_off(self, is_delicate: Callable[[FrameType | None], bool]) -> Iterator[None]:
        """Hear a first request only once what must not be cut in two is over; a second one at once.

        Args:
            is_delicate: Whether a frame, or one that called it, is of that kind.

        Raises:
            KeyboardInterrupt: A request came. What failed besides may have failed of it.
        """
        self._is_delicate, self._patience = is_delicate, _START_PATIENCE_SECONDS
        try:
            yield
        except Exception as error:
            if self._asked_at is not None:
                raise KeyboardInterrupt from error
            raise
        finally:
            self._is_delicate = _is_nowhere
            signal.alarm(0)
        if self._asked_at is not None:
            raise KeyboardInterrupt

    @contextmanager
    def ends_by(self, stop: Callable[[], None]) -> Iterator[None]:
        """Call `stop` on the first request; raise KeyboardInterrupt on the second, or after 15 s.

        Raises:
            KeyboardInterrupt: A request came before, and whatever ran then has swallowed its exception.
        """
        if self._asked_at is not None:
            raise KeyboardInterrupt
        self._stop, self._patience = stop, _PATIENCE_SECONDS
        try:
            yield
        finally:
            self._stop = None
            signal.alarm(0)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self._asked_at is None:
            self._asked_at = time.monotonic()
            if self._stop is not None:
                self._stop()
            elif not self._is_delicate(frame):
                self._has_raised = True
                raise KeyboardInterrupt
            signal.alarm(self._patience)
        elif number == signal.SIGALRM or time.monotonic() - self._asked_at > _SAME_REQUEST_SECONDS:
            raise KeyboardInterrupt


def _is_nowhere(frame: FrameType | None) -> bool:
    del frame
    return False


def _is_left_alone(number: signal.Signals) -> bool:
    return number == signal.SIGHUP and signal.getsignal(number) == signal.SIG_IGN


@contextmanager
def _terminations_passed_on() -> Iterator[None]:
    """Let a thread wait for SIGTERM, which no other thread takes, and pass it on to the main thread."""
    main, is_over = threading.get_ident(), threading.Event()

    def pass_on() -> None:
        while signal.sigwait({signal.SIGTERM}) and not is_over.is_set():
            signal.pthread_kill(main, _PASSED_ON)

    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    _let_children_hear()
    listener = threading.Thread(target=pass_on, daemon=True)
    listener.start()
    try:
        yield
    finally:
        is_over.set()
        signal.pthread_kill(listener.ident or 0, signal.SIGTERM)
        listener.join()
        signal.signal(signal.SIGTERM, signal.getsignal(signal.SIGTERM))  # in C it may still be Ray's
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@cache
def _let_children_hear() -> None:
    """Let processes that are forked from here on take SIGTERM themselves: Ray ends its own with it."""
    os.register_at_fork(after_in_child=_begin_child)


def _begin_child() -> None:
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
    if _spares.is_set():
        os.setpgid(0, 0)


def hear_no_more() -> None:
    """Ignore requests from here on: how the process ends is decided, and Python's own end takes a while."""
    for number in (*INTERRUPTING, _PASSED_ON):
        signal.signal(number, signal.SIG_IGN)


_spares = threading.Event()
"""Whether processes that are started now are spared."""


@contextmanager
def sparing_children() -> Iterator[None]:
    """Spare processes that are started in the context what is meant for this one.

    Ctrl-C, `timeout` and a closed terminal signal a whole process group, so they get groups of their own;
    clusters signal every process, so they do not hear SIGHUP and SIGUSR1. Children that die of such a signal
    leave their parent nothing to end in good order. What arrives here meanwhile is heard afterwards.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP, signal.SIGUSR1})
    _spares.set()
    try:
        yield
    finally:
        _spares.clear()
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
