"""Slurm's commands for jobs, and what they answer as values; no database is needed."""

import re
import shlex
import shutil
from dataclasses import dataclass
from pathlib import Path

from harness.cluster.slurm.asking import PATIENCE_SECONDS, check, run, words
from harness.cluster.target import NoAnswerError
from harness.errors import EnvironmentMismatchError

_GONE = "invalid job id"
_JOB_ID = re.compile(r"^(\d+)(?:;\S+)?$", re.MULTILINE)
"""A line of `sbatch --parsable`, alone but for the name of its cluster."""


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
    return shutil.which("sbatch") is not None and run("scontrol", "ping").returncode == 0


def try_submission(script: str) -> str:
    """Return Slurm's estimate of when a job would start.

    Args:
        script: Its text.

    Raises:
        EnvironmentMismatchError: It could not start.
    """
    done = run("sbatch", "--test-only", text=script)
    if done.returncode != 0:
        raise EnvironmentMismatchError(
            f"sbatch --test-only: Slurm sees no way to run this job: {words(done)}. Remedy: ask for what "
            f"`sinfo` lists, with flags, the study's `submit:` section or the site profile."
        )
    # "Job 7 to start at ...": the number is that of no job, as the one submitted next gets another.
    return "Slurm: this job could" + re.sub(r"^Job \d+ to", "", words(done))


def submit(script: Path, working_dir: Path, name: str) -> str:
    """Submit a script; return the job's id.

    Args:
        script: Its path.
        working_dir: Where the job starts, and what relative paths in a study refer to.
        name: What the job is called, by which it is found where Slurm takes it and its answer is lost.

    Raises:
        NoAnswerError: Slurm does not answer in time, or tells no id, or the user gave up waiting; it may have
            taken the job.
        EnvironmentMismatchError: Slurm refuses it.
    """
    try:
        # Not of this terminal's session: its Ctrl-C must not cut off the answer, which is the job's id.
        done = run("sbatch", "--parsable", str(script), working_dir=working_dir, is_detached=True)
    except NoAnswerError as error:
        raise _perhaps_taken(script, name, f"Slurm did not answer in {PATIENCE_SECONDS} s") from error
    except KeyboardInterrupt as error:
        raise _perhaps_taken(script, name, "given up waiting for Slurm, which did not answer") from error
    if done.returncode != 0:
        raise EnvironmentMismatchError(
            f"{script}: Slurm does not take the job: {words(done)}. "
            f"Remedy: submit where `squeue` works, and ask for what the site allows (`sinfo`).",
            place=script,
        )
    ids: list[str] = _JOB_ID.findall(done.stdout)  # a site's own sbatch may print more, before the id
    if not ids:
        raise _perhaps_taken(script, name, f"sbatch told no id ({words(done)})")
    return ids[-1]


def _perhaps_taken(script: Path, name: str, why: str) -> NoAnswerError:
    return NoAnswerError(
        f"{script}: {why}, and may have taken the job all the same. Remedy: "
        f"`squeue --me --name={shlex.quote(name)}` shows it then, and `scancel ID` ends it; submit again "
        f"where it shows nothing",
        place=script,
    )


def queue_entry(job: str) -> QueueEntry | None:
    """Return what the queue says of a job; None where Slurm has forgotten it.

    Raises:
        EnvironmentMismatchError: Slurm cannot be asked.
    """
    done = run("squeue", "--noheader", f"--jobs={job}", "--states=all", "--format=%T|%r|%N|%L|%S")
    if _GONE in done.stderr.lower():
        return None
    check("squeue", done)
    fields = done.stdout.strip().rpartition("\n")[2].split("|")
    if len(fields) != 5:
        return None
    return QueueEntry(
        state=fields[0], reason=fields[1], nodes=fields[2], time_left=fields[3], start=fields[4]
    )


def accounted_state(job: str) -> str | None:
    """Return a job's state from the accounting database; None where there is none, or no such job."""
    try:
        done = run("sacct", "--noheader", "--allocations", "--parsable2", f"--jobs={job}", "--format=State")
    except EnvironmentMismatchError:
        return None
    states = done.stdout.split() if done.returncode == 0 else []
    return states[0] if states else None


def requeue(job: str) -> None:
    """Put the running job that asks back into the queue; ends its processes, the one that asks among them.

    Raises:
        EnvironmentMismatchError: Slurm refuses.
    """
    done = run("scontrol", "requeue", job)
    if done.returncode >= 0:  # else the requeue that it asked for has ended it, before Slurm's answer came
        check("scontrol requeue", done)


def cancel(job: str) -> None:
    """End a job for good, wherever it is.

    Raises:
        EnvironmentMismatchError: Slurm refuses.
    """
    check("scancel", run("scancel", job))


def ask_to_end(job: str) -> None:
    """Send the launcher of a running job a SIGTERM, and nobody else.

    Raises:
        EnvironmentMismatchError: Slurm refuses.
    """
    check("scancel", run("scancel", "--batch", "--signal=TERM", job))
