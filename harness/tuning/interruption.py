"""Ctrl-C, SIGTERM and SIGUSR1: the first ends a study in good order, the second, or ten seconds, at once."""

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

INTERRUPTING = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)

_PATIENCE_SECONDS = 10
_SAME_REQUEST_SECONDS = 1.0
"""One request may arrive several times: Ray Jobs signals a driver and all its descendants."""


@contextmanager
def on_interrupt(stop: Callable[[], None]) -> Iterator[None]:
    """Call `stop` on the first signal; raise KeyboardInterrupt on the second, or after 10 s.

    SIGUSR1 is what clusters send some time before a limit or a preemption.
    Only for the main thread, and after Ray has started, which installs a SIGTERM handler of its own.
    """
    began: float | None = None

    def handle(number: int, frame: FrameType | None) -> None:
        nonlocal began
        del frame
        if began is None:
            began = time.monotonic()
            stop()
            signal.alarm(_PATIENCE_SECONDS)
        elif number == signal.SIGALRM or time.monotonic() - began > _SAME_REQUEST_SECONDS:
            raise KeyboardInterrupt

    watched = (*INTERRUPTING, signal.SIGALRM)
    before = {number: signal.signal(number, handle) for number in watched}
    try:
        yield
    finally:
        signal.alarm(0)
        for number, handler in before.items():
            signal.signal(number, handler)
