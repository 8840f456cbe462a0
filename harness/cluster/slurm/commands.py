"""Slurm's commands as bounded subprocesses, and what they answer as values; no database is needed."""

import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from harness.cluster.slurm.environment import without_requests
from harness.cluster.target import NoAnswerError
from harness.errors import EnvironmentMismatchError

_PATIENCE_SECONDS = 60
"""A controller under load answers late; one that is gone, never."""
_GONE = "invalid job id"
_JOB_ID = re.compile(r"\d+")
_NODE = re.compile(r"\bNodes=(\S+) CPU_IDs=\S* Mem=\S+ GRES=(\S*)")
"""What `scontrol show job --details` tells of nodes that were given alike."""
_GPUS = re.compile(r"\b(gpu(?::[^:(,]+)?):(\d+)")
"""One type of GPU in such a list: `gpu:2(IDX:0-1)`, `gpu:a100:2(IDX:0-1)`."""
_ASKED_BY_TYPE = re.compile(r"\bTresPer\w+=\S*\bgpu[:/][^:,=\s]+[:=]\d")
"""A job that asked for GPUs by type: `TresPerNode=gres:gpu:a100:1`, and not `TresPerJob=gres:gpu:3`."""


@dataclass(frozen=True, kw_only=True)
class Gpus:
    """The GPUs that a job was given on a node."""

    types: tuple[tuple[str, int], ...]
    """Such as `("gpu:a100", 2)`; `("gpu", 2)` where the site, or the job, names no types."""

    @property
    def count(self) -> int:
        """Of all types."""
        return sum(n for _, n in self.types)

    @property
    def request(self) -> str:
        """The value of `--gres` that asks for all of them."""
        return ",".join(f"{name}:{n}" for name, n in self.types) or "none"


@dataclass(frozen=True, kw_only=True)
class JobDetails:
    """What `scontrol` tells of a job; a job's variables may be those of a login shell that it inherited."""

    restarts: int | None
    cpus_per_task: int | None
    """As asked for; 1 if nobody asked."""
    gpus_of: Mapping[str, Gpus]
    """By node; empty where Slurm does not tell."""


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


def try_submission(script: str) -> str:
    """Return Slurm's estimate of when a job would start.

    Args:
        script: Its text.

    Raises:
        EnvironmentMismatchError: It could not start.
    """
    done = _run("sbatch", "--test-only", text=script)
    if done.returncode != 0:
        raise EnvironmentMismatchError(
            f"sbatch --test-only: Slurm sees no way to run this job: {_words(done)}. Remedy: ask for what "
            f"`sinfo` lists, with flags, the study's `submit:` section or the site profile."
        )
    # "Job 7 to start at ...": the number is that of no job, as the one submitted next gets another.
    return "Slurm: this job could" + re.sub(r"^Job \d+ to", "", _words(done))


def submit(script: Path, working_dir: Path, name: str) -> str:
    """Submit a script; return the job's id.

    Args:
        script: Its path.
        working_dir: Where the job starts, and what relative paths in a study refer to.
        name: What the job is called, by which it is found where Slurm takes it and its answer is lost.

    Raises:
        NoAnswerError: Slurm does not answer in time; it may have taken the job.
        EnvironmentMismatchError: Slurm refuses it.
    """
    try:
        # Not of this terminal's session: its Ctrl-C must not cut off the answer, which is the job's id.
        done = _run("sbatch", "--parsable", str(script), working_dir=working_dir, is_detached=True)
    except NoAnswerError as error:
        raise NoAnswerError(
            f"{script}: Slurm did not answer in {_PATIENCE_SECONDS} s, and may have taken the job all the "
            f"same. Remedy: `squeue --me --name={shlex.quote(name)}` shows it then, and `scancel ID` ends "
            f"it; submit again where it shows nothing",
            place=script,
        ) from error
    job = _JOB_ID.match(done.stdout)
    if done.returncode != 0 or job is None:
        raise EnvironmentMismatchError(
            f"{script}: Slurm does not take the job: {_words(done)}. "
            f"Remedy: submit where `squeue` works, and ask for what the site allows (`sinfo`).",
            place=script,
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


def job_details(job: str) -> JobDetails:
    """Return what Slurm itself says of a job that runs.

    Raises:
        EnvironmentMismatchError: Slurm cannot be asked.
    """
    done = _run("scontrol", "show", "job", job, "--details")
    _check("scontrol show job", done)
    names_types = _ASKED_BY_TYPE.search(done.stdout) is not None
    return JobDetails(
        restarts=_number(r"\bRestarts=(\d+)", done.stdout),
        cpus_per_task=_number(r"\bCPUs/Task=(\d+)", done.stdout),
        gpus_of={
            name: _gpus(resources, names_types=names_types)
            for nodes, resources in _NODE.findall(done.stdout)
            for name in host_names(nodes)
        },
    )


def _number(pattern: str, text: str) -> int | None:
    match = re.search(pattern, text)
    return int(match[1]) if match else None


def _gpus(resources: str, *, names_types: bool) -> Gpus:
    """Return the GPUs of a node; a step may name types only if its job does."""
    types = {name: int(n) for name, n in _GPUS.findall(resources) if int(n)}
    if types and not names_types:
        types = {"gpu": sum(types.values())}
    return Gpus(types=tuple(types.items()))


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
            timeout=_PATIENCE_SECONDS,
            check=False,
            cwd=working_dir,
            env=without_requests(os.environ),
            start_new_session=is_detached,
        )
    except subprocess.TimeoutExpired as error:
        raise NoAnswerError(
            f"{command[0]}: Slurm did not answer in {_PATIENCE_SECONDS} s. Remedy: try again later",
            place=command[0],
        ) from error
    except OSError as error:
        raise EnvironmentMismatchError(
            f"{command[0]}: cannot be run ({error}). Remedy: a machine with Slurm's commands, such as a "
            f"login node. The folder a study was submitted from must still exist.",
            place=command[0],
        ) from error


def _check(name: str, done: subprocess.CompletedProcess[str]) -> None:
    if done.returncode != 0:
        raise EnvironmentMismatchError(f"{name}: {_words(done)}", place=name)


def _words(done: subprocess.CompletedProcess[str]) -> str:
    """Return what a command said, in one line."""
    lines = [line.strip() for line in (done.stderr or done.stdout).splitlines() if line.strip()]
    return (
        "; ".join(re.sub(r"^\w+: (error: )?", "", line) for line in lines) or f"exit code {done.returncode}"
    )
