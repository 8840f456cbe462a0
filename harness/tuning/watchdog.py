"""Noticing that the local Ray has died, which Ray Tune waits out for ever."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import psutil

_LOOK_EVERY_SECONDS = 2.0


@contextmanager
def watched_raylet() -> Iterator[None]:
    """Interrupt this process, as Ctrl-C would, when the raylet it started ends while the context lasts."""
    raylets = [child for child in psutil.Process().children() if child.name() == "raylet"]
    is_over = threading.Event()
    watcher = threading.Thread(target=_watch, args=(raylets, is_over), daemon=True)
    watcher.start()
    try:
        yield
    finally:
        is_over.set()
        watcher.join()


def _watch(raylets: list[psutil.Process], is_over: threading.Event) -> None:
    while not is_over.wait(_LOOK_EVERY_SECONDS):
        if not all(map(_is_at_work, raylets)):
            os.kill(os.getpid(), signal.SIGINT)
            return


def _is_at_work(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
