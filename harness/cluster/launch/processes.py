"""Processes and folders of a job on one node: every descendant ends, nothing is left of them.

Knows no cluster, no Ray and no study.
"""

import ctypes
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import IO

import psutil

from harness.errors import EnvironmentMismatchError

_BE_SUBREAPER = 36
"""PR_SET_CHILD_SUBREAPER of linux/prctl.h."""
_SET_DEATH_SIGNAL = 1
"""PR_SET_PDEATHSIG."""
_ROUNDS = 3
"""A process that is about to start another one may do so between our look and our signal."""
_LONGEST_ROOT = 6
"""Characters of a root below which a path still leaves Ray's sockets room (107 bytes in all)."""


class Signals:
    """Notes the signals that ask this process to end, instead of dying of them."""

    def __init__(self) -> None:
        self.received: list[signal.Signals] = []
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1):
            signal.signal(number, self._note)

    def _note(self, number: int, frame: FrameType | None) -> None:
        del frame
        self.received.append(signal.Signals(number))


def adopt_orphans() -> None:
    """Become the parent of every descendant whose own parent ends, so that none can be lost from sight.

    Raises:
        EnvironmentMismatchError: The kernel cannot do that.
    """
    if ctypes.CDLL(None, use_errno=True).prctl(_BE_SUBREAPER, 1, 0, 0, 0) != 0:
        raise EnvironmentMismatchError(
            f"prctl: the kernel cannot hand over orphans (errno {ctypes.get_errno()})"
        )


def start_child(
    command: list[str],
    *,
    at_our_death: signal.Signals = signal.SIGTERM,
    output: IO[bytes] | None = None,
    environment: Mapping[str, str] | None = None,
) -> "subprocess.Popen[bytes]":
    """Start a child that hears of this process's death, even by a SIGKILL.

    Args:
        command: What to run.
        at_our_death: What the child is sent then.
        output: Takes its output and errors; this process's own if None.
        environment: This process's own if None.
    """
    library = ctypes.CDLL(None)  # loaded here: little is safe between fork and exec

    def ask_for_signal() -> None:
        library.prctl(_SET_DEATH_SIGNAL, int(at_our_death), 0, 0, 0)

    return subprocess.Popen(  # noqa: S603 - a list of arguments, no shell
        command,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=None if output is None else subprocess.STDOUT,
        env=environment,
        preexec_fn=ask_for_signal,  # noqa: PLW1509 - this process has one thread, so nothing can deadlock
    )


def end_child(child: subprocess.Popen[bytes], patience_seconds: float) -> int:
    """Ask a child to end, and kill it if it does not; return its exit code.

    Args:
        child: The child.
        patience_seconds: What it gets to end by itself.
    """
    child.terminate()
    try:
        return child.wait(timeout=patience_seconds)
    except subprocess.TimeoutExpired:
        child.kill()
        return child.wait()


def end_descendants(patience_seconds: float) -> int:
    """End every process below this one; return how many there were.

    Args:
        patience_seconds: What they get to end by themselves before they are killed.
    """
    ended_pids: set[int] = set()
    for _ in range(_ROUNDS):
        descendants = psutil.Process().children(recursive=True)
        if not descendants:
            break
        ended_pids.update(process.pid for process in descendants if _is_at_work(process))
        for process in descendants:
            with suppress(psutil.NoSuchProcess):
                process.terminate()
        _, lingering = psutil.wait_procs(descendants, timeout=patience_seconds)
        for process in lingering:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(lingering, timeout=patience_seconds)
    return len(ended_pids)


def _is_at_work(process: psutil.Process) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@contextmanager
def node_folder(job: str) -> Iterator[Path]:
    """Make a private folder with a short path, for what is worth nothing afterwards; it is gone at the end.

    Args:
        job: The job's id, which shows whose folder it is where a power loss leaves one behind.
    """
    root = tempfile.gettempdir()
    if len(root) > _LONGEST_ROOT:
        root = "/tmp"  # noqa: S108 - mkdtemp makes a private folder below it
    folder = Path(tempfile.mkdtemp(prefix=f"j{job}-", dir=root))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
