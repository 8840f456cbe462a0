"""Run as a script in place of a program: leaves a watchdog behind, then becomes the program.

`python -I -S guard.py LIFELINE GRACE WORD...`. LIFELINE is the reading end of a pipe whose other end only the
worker has. When the worker is gone, however it went, the pipe ends and the watchdog ends the program, with
its whole process group; one byte says that the program has ended before. A parent-death signal would not do:
it follows the thread that started the program, and workers run their trials in threads.
"""

import os
import signal
import sys
import time
from contextlib import suppress

_CANNOT_START = 127
"""Exit code where there is no such program; what shells say then, too."""


def main(lifeline: int, grace_seconds: float, words: list[str]) -> None:
    """Become the program: its process id, its session and its exit code are this process's."""
    signal.pthread_sigmask(signal.SIG_SETMASK, ())  # Ray blocks signals in its threads, and that is inherited
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM, signal.SIGPIPE):
        signal.signal(number, signal.SIG_DFL)
    _leave_watchdog(lifeline, grace_seconds)
    os.close(lifeline)
    try:
        os.execvp(words[0], words)  # noqa: S606 - no shell is what is wanted
    except OSError as error:
        sys.stderr.write(f"{words[0]}: cannot be started ({error.strerror})\n")
        sys.stderr.flush()
        os._exit(_CANNOT_START)


def _leave_watchdog(lifeline: int, grace_seconds: float) -> None:
    """Fork twice, so that the watchdog is nobody's child: Ray kills the children of its workers."""
    group, child = os.getpid(), os.fork()
    if child:
        os.waitpid(child, 0)
        return
    os.setsid()
    if os.fork() == 0:
        with suppress(OSError):
            _watch(lifeline, group, grace_seconds)
    os._exit(0)


def _watch(lifeline: int, group: int, grace_seconds: float) -> None:
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):  # held open, the program's output would never end
        os.dup2(nowhere, stream)
    os.chdir("/")
    if os.read(lifeline, 1):
        return
    os.killpg(group, signal.SIGTERM)
    until = time.monotonic() + grace_seconds
    while time.monotonic() < until:
        time.sleep(0.1)
        os.killpg(group, 0)  # raises once nobody is left
    os.killpg(group, signal.SIGKILL)


if __name__ == "__main__":
    main(int(sys.argv[1]), float(sys.argv[2]), sys.argv[3:])
