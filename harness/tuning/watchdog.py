"""Noticing that the local Ray has died, which Ray Tune waits out for ever."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_LOOK_EVERY_SECONDS = 2.0


@contextmanager
def watched_raylet() -> Iterator[None]:
    """Interrupt this process, as Ctrl-C would, when the raylet it started ends while the context lasts.

    On systems without /proc nothing is watched.
    """
    raylet = _child("raylet")
    if raylet is None:
        yield
        return
    is_over = threading.Event()
    watcher = threading.Thread(target=_watch, args=(raylet, is_over), daemon=True)
    watcher.start()
    try:
        yield
    finally:
        is_over.set()
        watcher.join()


def _watch(pid: int, is_over: threading.Event) -> None:
    while not is_over.wait(_LOOK_EVERY_SECONDS):
        if not _is_running(pid):
            os.kill(os.getpid(), signal.SIGINT)
            return


def _child(name: str) -> int | None:
    """Return the process id of this process's child of that name."""
    for entry in Path("/proc").glob("[0-9]*/stat"):
        fields = _fields(entry)
        if fields is not None and fields[0] == name and int(fields[2]) == os.getpid():
            return int(entry.parent.name)
    return None


def _is_running(pid: int) -> bool:
    fields = _fields(Path(f"/proc/{pid}/stat"))
    return fields is not None and fields[1] != "Z"


def _fields(stat: Path) -> list[str] | None:
    """Return a process's name, state, parent and so on; None when it is gone."""
    try:
        text = stat.read_text(encoding="utf-8")
    except OSError:
        return None
    name, _, rest = text.partition("(")[2].rpartition(")")
    return [name, *rest.split()]
