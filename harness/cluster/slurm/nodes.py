"""What Slurm gave a job: its time, its nodes, their addresses, and their GPUs."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from harness.cluster.slurm.asking import check, run

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
    ends_at: float | None
    """Seconds of Unix time, as its limit is now; infinite without a limit, None where Slurm does not tell."""
    gpus_of: Mapping[str, Gpus]
    """By node; empty where Slurm does not tell."""


def host_names(node_list: str) -> tuple[str, ...]:
    """Return the names that a list such as `n[1-3]` stands for.

    Raises:
        EnvironmentMismatchError: Slurm cannot be asked.
    """
    done = run("scontrol", "show", "hostnames", node_list)
    check("scontrol show hostnames", done)
    return tuple(done.stdout.split())


def job_details(job: str) -> JobDetails:
    """Return what Slurm itself says of a job that runs.

    Raises:
        EnvironmentMismatchError: Slurm cannot be asked.
    """
    done = run("scontrol", "show", "job", job, "--details")
    check("scontrol show job", done)
    names_types = _ASKED_BY_TYPE.search(done.stdout) is not None
    return JobDetails(
        restarts=_number(r"\bRestarts=(\d+)", done.stdout),
        cpus_per_task=_number(r"\bCPUs/Task=(\d+)", done.stdout),
        ends_at=_ends_at(done.stdout),
        gpus_of={
            name: _gpus(resources, names_types=names_types)
            for nodes, resources in _NODE.findall(done.stdout)
            for name in host_names(nodes)
        },
    )


def _number(pattern: str, text: str) -> int | None:
    match = re.search(pattern, text)
    return int(match[1]) if match else None


def _ends_at(text: str) -> float | None:
    """Return when a job's time is over: a moment on this machine's clock, or `Unknown` without a limit."""
    match = re.search(r"\bEndTime=(\S+)", text)
    if match is None:
        return None
    try:
        return math.inf if match[1] == "Unknown" else datetime.fromisoformat(match[1]).timestamp()
    except ValueError:
        return None


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
    done = run("scontrol", "show", "node", name, "--oneliner")
    check("scontrol show node", done)
    address = re.search(r"\bNodeAddr=(\S+)", done.stdout)
    return address.group(1) if address else name
