"""The hours that a study file gives a sweep: at their end it ends in good order, to be resumed."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_SECONDS_PER_HOUR = 3600


@contextmanager
def ends_after(hours: float | None, stop: Callable[[], None], say: Callable[[str], None]) -> Iterator[None]:
    """Call `stop` once so many hours are over, unless the context is left before.

    Args:
        hours: `search.max_hours`; None for no limit.
        stop: Ends a study in good order; called in another thread.
        say: Is told why it ends.
    """
    if hours is None:
        yield
        return

    def end() -> None:
        say(f"search.max_hours: {hours:g} hours are over, ending in good order")
        stop()

    timer = threading.Timer(hours * _SECONDS_PER_HOUR, end)
    timer.daemon = True  # an exception that ends the process does not wait for hours
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
