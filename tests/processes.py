"""Processes as tests look at them; one that has ended has nothing to tell."""

from contextlib import suppress

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
