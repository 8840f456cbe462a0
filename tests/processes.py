"""Processes as tests look at them; one that has ended has nothing to tell."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress

import psutil


def command_line(process: psutil.Process) -> str:
    """Return the words of its command, or the title it gave itself."""
    with suppress(psutil.Error):
        return " ".join(process.cmdline())
    return ""


def environment(process: psutil.Process) -> dict[str, str]:
    """Return what it was started with."""
    with suppress(psutil.Error):
        return process.environ()
    return {}


@contextmanager
def held(processes: Iterable[psutil.Process]) -> Iterator[None]:
    """Let processes do nothing for as long as the context lasts."""
    asleep = list(processes)
    assert asleep, "there is nothing to hold"
    for process in asleep:
        process.suspend()
    try:
        yield
    finally:
        for process in asleep:
            with suppress(psutil.NoSuchProcess):
                process.resume()
