"""Asking Slurm: one of its commands as a subprocess that ends in bounded time."""

import os
import re
import subprocess
from pathlib import Path

from harness.cluster.slurm.environment import without_requests
from harness.cluster.target import NoAnswerError
from harness.errors import EnvironmentMismatchError

PATIENCE_SECONDS = 60
"""A controller under load answers late; one that is gone, never."""


def run(
    *command: str, text: str | None = None, working_dir: Path | None = None, is_detached: bool = False
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end; of this environment it sees no requests, so that its arguments hold.

    Args:
        command: Its words.
        text: What it reads.
        working_dir: Where it runs.
        is_detached: Whether it runs in a session of its own, which no terminal interrupts.

    Raises:
        NoAnswerError: It does not end.
        EnvironmentMismatchError: It is not installed.
    """
    try:
        return subprocess.run(  # noqa: S603 - a list of arguments, no shell
            command,
            input=text or "",
            capture_output=True,
            text=True,
            encoding="utf-8",
            errors="replace",
            timeout=PATIENCE_SECONDS,
            check=False,
            cwd=working_dir,
            env=without_requests(os.environ),
            start_new_session=is_detached,
        )
    except subprocess.TimeoutExpired as error:
        raise NoAnswerError(
            f"{command[0]}: Slurm did not answer in {PATIENCE_SECONDS} s. Remedy: try again later",
            place=command[0],
        ) from error
    except OSError as error:
        raise EnvironmentMismatchError(
            f"{command[0]}: cannot be run ({error}). Remedy: a machine with Slurm's commands, such as a "
            f"login node. The folder a study was submitted from must still exist.",
            place=command[0],
        ) from error


def check(name: str, done: subprocess.CompletedProcess[str]) -> None:
    """Refuse a command's failure.

    Args:
        name: What the error calls the command.
        done: How it ended.

    Raises:
        EnvironmentMismatchError: It failed.
    """
    if done.returncode != 0:
        raise EnvironmentMismatchError(f"{name}: {words(done)}", place=name)


def words(done: subprocess.CompletedProcess[str]) -> str:
    """Return what a command said, in one line."""
    lines = [line.strip() for line in (done.stderr or done.stdout).splitlines() if line.strip()]
    return (
        "; ".join(re.sub(r"^\w+: (error: )?", "", line) for line in lines) or f"exit code {done.returncode}"
    )
