"""Noticing that the Ray this process belongs to has died, which Ray Tune waits out for ever."""

import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psutil

from harness.errors import EXIT_INTERRUPTED

_LOOK_EVERY_SECONDS = 2.0
_ENDING_SECONDS = 20.0
"""What an interrupted sweep gets to end by itself."""

_HEAD_PATIENCE_SECONDS = 30.0
"""How long the head of a cluster may be away, to be restarted for instance."""


@contextmanager
def watched_raylet() -> Iterator[None]:
    """Interrupt this process, as Ctrl-C would, when its raylet ends while the context lasts.

    The raylet is the one this process started, or else, on a cluster that was joined, that of its own node.
    There the cluster's head is watched as well; other nodes may end, which costs the runs on them only.
    """
    raylets = [child for child in psutil.Process().children() if child.name() == "raylet"]
    is_over = threading.Event()
    is_well = _own_raylets_at_work(raylets) if raylets else _ClusterWatch().is_well
    watcher = threading.Thread(target=_watch, args=(is_well, is_over), daemon=True)
    watcher.start()
    try:
        yield
    finally:
        is_over.set()
        watcher.join()


def _watch(is_well: Callable[[], bool], is_over: threading.Event) -> None:
    while not is_over.wait(_LOOK_EVERY_SECONDS):
        if not is_well():
            os.kill(os.getpid(), signal.SIGINT)
            break
    if not is_over.wait(_ENDING_SECONDS):
        print("interrupted: Ray is gone; --resume finishes the study", file=sys.stderr, flush=True)  # noqa: T201
        os._exit(EXIT_INTERRUPTED)  # the main thread waits for Ray, which would end this process as failed


def _own_raylets_at_work(raylets: list[psutil.Process]) -> Callable[[], bool]:
    return lambda: all(map(_is_at_work, raylets))


def _is_at_work(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


class _ClusterWatch:
    """Ask the head of a cluster that was joined whether this process's node is alive."""

    def __init__(self) -> None:
        import ray

        context = ray.get_runtime_context()
        self._own = context.get_node_id()
        self._head = context.gcs_address
        self._answered_at = time.monotonic()

    def is_well(self) -> bool:
        """Return whether the node is alive, and the head has answered within the time it gets.

        Ray itself asks a head that does not answer for a minute, and then ends this process.
        """
        import ray

        host, _, port = self._head.rpartition(":")
        try:
            socket.create_connection((host.strip("[]"), int(port)), timeout=_LOOK_EVERY_SECONDS).close()
        except OSError:
            return time.monotonic() - self._answered_at < _HEAD_PATIENCE_SECONDS
        self._answered_at = time.monotonic()
        nodes = ray.nodes()  # type: ignore[no-untyped-call]
        return any(node["NodeID"] == self._own and node["Alive"] for node in nodes)
