"""Start a program in a session of its own, read what it prints, and end it with all its processes."""

import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from harness.allocation import KEEPING_MEMORY

GRACE_SECONDS = 10.0
"""Between SIGTERM and SIGKILL: what a program gets to put its files in order."""

_GUARD = Path(__file__).with_name("guard.py")

_CHUNK = 2**16
"""Bytes read at once: what a pipe holds."""

_FOREIGN = ("RAY_", "TUNE_")
_FOREIGN_NAMES = ("PYTHONBREAKPOINT",)  # Ray makes it a debugger of its own, for which nobody is there


def environment(
    inherited: Mapping[str, str], *, seed: int, phase: str, run_dir: Path, threads: int, uses_gpu: bool
) -> dict[str, str]:
    """Return the environment of a program.

    Args:
        inherited: The worker's; what Ray and we put there for workers is left out.
        seed: Of the run.
        phase: `search`, `confirm` or `audit`.
        run_dir: A folder for the files of this run alone.
        threads: CPUs of the run.
        uses_gpu: Whether it has a GPU, which the worker's environment then names; without one it sees none.
    """
    kept = {
        name: value
        for name, value in inherited.items()
        if not name.startswith(_FOREIGN) and name not in _FOREIGN_NAMES and KEEPING_MEMORY.get(name) != value
    }
    ours = {
        "PYTHONUNBUFFERED": "1",  # a program that is ended would lose the lines in its buffer
        "PYTHONHASHSEED": "0",
        "OMP_NUM_THREADS": str(threads),
        "HARNESS_SEED": str(seed),
        "HARNESS_PHASE": phase,
        "HARNESS_RUN_DIR": str(run_dir),
    }
    return kept | ours | ({} if uses_gpu else {"CUDA_VISIBLE_DEVICES": ""})


class Program:
    """A program that was started."""

    def __init__(self, process: "subprocess.Popen[bytes]", output: int, grace_seconds: float) -> None:
        """Take over a process.

        Args:
            process: Just started, the leader of its session.
            output: The reading end of the pipe that it prints into.
            grace_seconds: Between SIGTERM and SIGKILL.
        """
        self._process = process
        self._grace_seconds = grace_seconds
        self._stdout = output
        os.set_blocking(self._stdout, False)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._stdout, selectors.EVENT_READ)
        self._is_open = True
        self._is_over = False

    @property
    def exit_code(self) -> int | None:
        """How it ended: negative for a signal; None while it runs."""
        return self._process.poll()

    def read(self, seconds: float) -> bytes:
        """Return what it has printed, waiting for up to so many seconds; nothing is an empty answer."""
        if not self._is_open:
            time.sleep(seconds)
            return b""
        if not self._selector.select(seconds):
            return b""
        chunk = os.read(self._stdout, _CHUNK)
        if not chunk:  # it closed its output, and may go on
            self._is_open = False
            self._selector.unregister(self._stdout)
        return chunk

    def end(self) -> None:
        """End it and every process it started, those that left its group too; SIGTERM first, then SIGKILL.

        Of a program that has ended by itself, end what it left running in its group.
        """
        if self._is_over:  # its process id may be another's by now
            return
        self._is_over = True
        descendants = _descendants(self._process.pid) if self.exit_code is None else []
        everyone = {*descendants, *_group(self._process.pid)}
        _signal(everyone, signal.SIGTERM)
        until = time.monotonic() + self._grace_seconds
        while any(map(_is_alive, everyone)) and time.monotonic() < until:
            self._process.poll()
            time.sleep(0.02)
        _signal({*everyone, *_group(self._process.pid)}, signal.SIGKILL)
        self._process.wait()

    def close(self) -> None:
        """Let go of its output."""
        self._selector.close()
        os.close(self._stdout)


@contextmanager
def started(
    words: Sequence[str],
    *,
    folder: Path,
    environment: Mapping[str, str],
    stderr: Path,
    grace_seconds: float = GRACE_SECONDS,
) -> Iterator[Program]:
    """Run a program for as long as the context lasts, without a shell; nothing of it is left afterwards.

    Except that of a program that ended by itself nobody knows the children in sessions of their own: they
    live on. A watchdog ends its group, too, where this process is killed.

    Args:
        words: The program and its arguments.
        folder: Its working directory.
        environment: All of its environment.
        stderr: The file that its error output goes to: a second pipe that nobody reads would block it.
        grace_seconds: Between SIGTERM and SIGKILL.

    Raises:
        OSError: The folder is not there, or no process can be made.
    """
    (reading, lifeline), (output, printing) = os.pipe(), os.pipe()
    try:
        with stderr.open("wb") as errors:
            process = subprocess.Popen(  # noqa: S603 - the study's own command, which the user trusts
                [sys.executable, "-I", "-S", str(_GUARD), str(reading), str(grace_seconds), *words],
                stdin=subprocess.DEVNULL,
                stdout=printing,
                stderr=errors,
                cwd=folder,
                env=dict(environment),
                pass_fds=[reading],
                start_new_session=True,
            )
    except OSError:
        os.close(lifeline)
        os.close(output)
        raise
    finally:
        os.close(reading)
        os.close(printing)
    program = Program(process, output, grace_seconds)
    try:
        yield program
    finally:
        program.end()
        program.close()
        with suppress(BrokenPipeError):  # the guard never came to leave a watchdog
            os.write(lifeline, b".")
        os.close(lifeline)


def _descendants(pid: int) -> list[psutil.Process]:
    with suppress(psutil.NoSuchProcess):
        program = psutil.Process(pid)
        return [program, *program.children(recursive=True)]
    return []


def _group(group: int) -> list[psutil.Process]:
    """Return the processes of a group, the children of those that have ended too."""
    members = []
    for pid in psutil.pids():
        with suppress(ProcessLookupError, PermissionError, psutil.NoSuchProcess):
            if os.getpgid(pid) == group:
                members.append(psutil.Process(pid))
    return members


def _is_alive(process: psutil.Process) -> bool:
    with suppress(psutil.NoSuchProcess):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False


def _signal(processes: set[psutil.Process], number: signal.Signals) -> None:
    for process in processes:
        with suppress(psutil.NoSuchProcess, psutil.AccessDenied):  # gone, or another user's, as under sudo
            process.send_signal(number)
