"""The processes that run Ray on a job's nodes: the launcher's own child, and steps of the job for the others.

Each ends when its standard input is closed, which the launcher's death does too; `srun` hands that on.
"""

import os
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from harness.cluster.launch.processes import end_child
from harness.cluster.slurm.allocation import Allocation
from harness.cluster.slurm.environment import without_requests
from harness.cluster.slurm.nodes import Gpus

_END_PATIENCE_SECONDS = 15.0


@dataclass(frozen=True, kw_only=True)
class WorkerStep:
    """An `srun` that runs Ray on some of the job's nodes."""

    nodes: Sequence[str]
    process: "subprocess.Popen[bytes]"
    output: Path
    """Takes what srun says, and its nodes where they have no log of their own yet."""

    def described(self) -> str:
        """Return how it ended."""
        return f"srun on {', '.join(self.nodes)} ended with exit code {self.process.poll()}"


def by_gpus(allocation: Allocation) -> Mapping[Gpus | None, list[str]]:
    """Return the other nodes by the GPUs that each was given; None where Slurm manages none.

    A job that asks for GPUs in all (`--gpus=3`) may get others on every node, and a step asks for the same on
    each of its own.
    """
    as_here = None if allocation.gpus is None else Gpus(types=(("gpu", allocation.gpus),))
    groups: dict[Gpus | None, list[str]] = {}
    for node in allocation.others:
        groups.setdefault(allocation.gpus_of.get(node, as_here), []).append(node)
    return groups


def step_command(
    allocation: Allocation, nodes: Sequence[str], gpus: Gpus | None, command: Sequence[str]
) -> list[str]:
    """Return what runs a command once on each of some nodes; the loss of one does not end the rest.

    Args:
        allocation: The job's. What it was asked with is no request of the step's: `--gpus=4` of two nodes
            cannot be met by one of them.
        nodes: Where it runs.
        gpus: Those of each of them; None where Slurm manages none.
        command: What runs there.
    """
    n = len(nodes)
    step = ["srun", f"--jobid={allocation.job}", "--overlap", f"--nodes={n}", f"--ntasks={n}"]
    place = ["--ntasks-per-node=1", f"--nodelist={','.join(nodes)}", f"--cpus-per-task={allocation.cpus}"]
    resources = [] if gpus is None else [f"--gres={gpus.request}"]
    return [*step, *place, *resources, "--kill-on-bad-exit=0", "--no-kill", "--export=ALL", *command]


def start_step(
    allocation: Allocation, nodes: Sequence[str], gpus: Gpus | None, command: Sequence[str], output: Path
) -> WorkerStep:
    """Start a step; see `step_command`.

    Args:
        allocation: The job's.
        nodes: Where it runs.
        gpus: Those of each of them; None where Slurm manages none.
        command: What runs there.
        output: Takes what it says.
    """
    line = step_command(allocation, nodes, gpus, command)
    with output.open("wb") as file:
        process = subprocess.Popen(  # noqa: S603 - a list of arguments, no shell
            line,
            stdin=subprocess.PIPE,
            stdout=file,
            stderr=subprocess.STDOUT,
            env=without_requests(os.environ),
        )
    return WorkerStep(nodes=nodes, process=process, output=output)


def start_node(command: Sequence[str]) -> "subprocess.Popen[bytes]":
    """Start a child that ends when this process closes the pipe, or dies."""
    return subprocess.Popen(command, stdin=subprocess.PIPE)  # noqa: S603 - a list of arguments, no shell


def close_pipe(child: "subprocess.Popen[bytes]") -> None:
    """Tell a node to end, without waiting for it."""
    if child.stdin is not None:
        with suppress(BrokenPipeError):
            child.stdin.close()


def end_node(child: "subprocess.Popen[bytes]") -> None:
    """Close the pipe, on which a node ends its Ray; insist if it does not."""
    close_pipe(child)
    try:
        child.wait(timeout=_END_PATIENCE_SECONDS)
    except subprocess.TimeoutExpired:
        end_child(child, _END_PATIENCE_SECONDS)


def end_of(log: Path) -> str:
    """Return the end of what a log holds; nothing where it cannot be read."""
    try:
        return log.read_text(errors="replace")[-600:].strip()
    except OSError:
        return ""
