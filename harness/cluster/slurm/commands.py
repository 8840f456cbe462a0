"""Slurm's commands as bounded subprocesses, and what they answer as values; no database is needed."""

import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from harness.errors import EnvironmentMismatchError

_PATIENCE_SECONDS = 60
"""A controller under load answers late; one that is gone, never."""
_GONE = "invalid job id"
_JOB_ID = re.compile(r"\d+")


@dataclass(frozen=True, kw_only=True)
class QueueEntry:
    """What `squeue` tells of a job, for some minutes after its end too."""

    state: str
    """In Slurm's words: PENDING, RUNNING, ..."""
    reason: str
    """Why it waits; `None` if it does not."""
    nodes: str
    time_left: str
    start: str
    """When it started, or is expected to; `N/A` if nobody knows."""


def is_reachable() -> bool:
    """Tell whether Slurm can be asked from here."""
    return shutil.which("sbatch") is not None and _run("scontrol", "ping").returncode == 0


def try_submission(script: Path) -> str:
    """Return Slurm's estimate of when a job would start.

    Raises:
        EnvironmentMismatchError: It could not start.
    """
    done = _run("sbatch", "--test-only", str(script), environment=_outside_of_any_job())
    if done.returncode != 0:
        raise EnvironmentMismatchError(
            f"{script}: Slurm sees no way to run this job: {_words(done)}. Remedy: ask for what `sinfo` "
            f"lists, with flags, the study's `submit:` section or the site profile."
        )
    # "Job 7 to start at ...": the number is that of no job, as the one submitted next gets another.
    return "Slurm: this job could" + re.sub(r"^Job \d+ to", "", _words(done))


def submit(script: Path, working_dir: Path) -> str:
    """Submit a script; return the job's id.

    Args:
        script: Its path.
        working_dir: Where the job starts, and what relative paths in a study refer to.

    Raises:
        EnvironmentMismatchError: Slurm refuses it.
    """
    done = _run(
        "sbatch", "--parsable", str(script), working_dir=working_dir, environment=_outside_of_any_job()
    )
    job = _JOB_ID.match(done.stdout)
    if done.returncode != 0 or job is None:
        raise EnvironmentMismatchError(
            f"{script}: Slurm does not take the job: {_words(done)}. "
            f"Remedy: submit where `squeue` works, and ask for what the site allows (`sinfo`)."
        )
    return job.group()


def queue_entry(job: str) -> QueueEntry | None:
    """Return what the queue says of a job; None where Slurm has forgotten it.

    Raises:
        EnvironmentMismatchError: Slurm cannot be asked.
    """
    done = _run("squeue", "--noheader", f"--jobs={job}", "--states=all", "--format=%T|%r|%N|%L|%S")
    if _GONE in done.stderr.lower():
        return None
    _check("squeue", done)
    fields = done.stdout.strip().split("|")
    if len(fields) != 5:
        return None
    return QueueEntry(
        state=fields[0], reason=fields[1], nodes=fields[2], time_left=fields[3], start=fields[4]
    )


def accounted_state(job: str) -> str | None:
    """Return a job's state from the accounting database; None where there is none, or no such job."""
    try:
        done = _run("sacct", "--noheader", "--allocations", "--parsable2", f"--jobs={job}", "--format=State")
    except EnvironmentMismatchError:
        return None
    words = done.stdout.split() if done.returncode == 0 else []
    return words[0] if words else None


def requeue(job: str) -> None:
    """Put a running job back into the queue; ends its processes.

    Raises:
        EnvironmentMismatchError: Slurm refuses.
    """
    _check("scontrol requeue", _run("scontrol", "requeue", job))


def cancel(job: str) -> None:
    """End a job for good, wherever it is.

    Raises:
        EnvironmentMismatchError: Slurm refuses.
    """
    _check("scancel", _run("scancel", job))


def ask_to_end(job: str) -> None:
    """Send the launcher of a running job a SIGTERM, and nobody else.

    Raises:
        EnvironmentMismatchError: Slurm refuses.
    """
    _check("scancel", _run("scancel", "--batch", "--signal=TERM", job))


def host_names(node_list: str) -> tuple[str, ...]:
    """Return the names that a list such as `n[1-3]` stands for.

    Raises:
        EnvironmentMismatchError: Slurm cannot be asked.
    """
    done = _run("scontrol", "show", "hostnames", node_list)
    _check("scontrol show hostnames", done)
    return tuple(done.stdout.split())


def node_address(name: str) -> str:
    """Return the name or number under which Slurm reaches a node.

    Raises:
        EnvironmentMismatchError: Slurm cannot be asked.
    """
    done = _run("scontrol", "show", "node", name, "--oneliner")
    _check("scontrol show node", done)
    address = re.search(r"\bNodeAddr=(\S+)", done.stdout)
    return address.group(1) if address else name


def seconds_of(time_left: str) -> int | None:
    """Return seconds from Slurm's `[D-][[HH:]MM:]SS`; None for UNLIMITED and other words."""
    match = re.fullmatch(r"(?:(?:(\d+)-)?(\d+):)?(\d+):(\d+)", time_left)
    if match is None:
        return None
    days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
    return ((days * 24 + hours) * 60 + minutes) * 60 + seconds


def _run(
    *command: str, working_dir: Path | None = None, environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end.

    Raises:
        EnvironmentMismatchError: It is not installed, or does not end.
    """
    try:
        return subprocess.run(  # noqa: S603 - a list of arguments, no shell
            command,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_PATIENCE_SECONDS,
            check=False,
            cwd=working_dir,
            env=environment,
        )
    except subprocess.TimeoutExpired as error:
        raise EnvironmentMismatchError(
            f"{command[0]}: Slurm did not answer in {_PATIENCE_SECONDS} s. Remedy: try again later"
        ) from error
    except OSError as error:
        raise EnvironmentMismatchError(
            f"{command[0]}: cannot be run ({error}). Remedy: a machine with Slurm's commands, such as a "
            f"login node. The folder a study was submitted from must still exist."
        ) from error


def _check(name: str, done: subprocess.CompletedProcess[str]) -> None:
    if done.returncode != 0:
        raise EnvironmentMismatchError(f"{name}: {_words(done)}")


def _words(done: subprocess.CompletedProcess[str]) -> str:
    """Return what a command said, in one line."""
    lines = [line.strip() for line in (done.stderr or done.stdout).splitlines() if line.strip()]
    return (
        "; ".join(re.sub(r"^\w+: (error: )?", "", line) for line in lines) or f"exit code {done.returncode}"
    )


def _outside_of_any_job() -> dict[str, str]:
    """Return the environment for a new job: sent from within another one, it must not take its numbers."""
    if "SLURM_JOB_ID" not in os.environ:
        return dict(os.environ)
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("SLURM_") or name == "SLURM_CONF"
    }
