"""What Slurm gave a job, read from its environment."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

from harness.cluster.slurm.commands import gpus_by_node, host_names
from harness.errors import EnvironmentMismatchError


@dataclass(frozen=True, kw_only=True)
class Allocation:
    """The nodes of a job, and what may be used of each."""

    job: str
    restart: int
    """How often the job was started before."""
    host: str
    """The node that runs the launcher."""
    others: tuple[str, ...]
    """The job's other nodes."""
    cpus: int
    """Of each node; of the smallest one where they differ."""
    gpus: int | None
    """Of the launcher's node; None where Slurm manages no GPUs."""
    gpus_of: Mapping[str, int] = field(default_factory=dict)
    """Node to its GPUs; a node that Slurm tells nothing of has as many as the launcher's."""

    @classmethod
    def of_environment(cls, environment: Mapping[str, str]) -> Self:
        """Read the allocation of the job this process runs in.

        Raises:
            EnvironmentMismatchError: It runs in none.
        """
        if not {"SLURM_JOB_ID", "SLURM_JOB_NODELIST", "SLURMD_NODENAME"} <= environment.keys():
            raise EnvironmentMismatchError(
                "the launcher runs inside a Slurm job only. Remedy: python -m harness.submit slurm STUDY.yaml"
            )
        host = environment["SLURMD_NODENAME"]
        hosts = host_names(environment["SLURM_JOB_NODELIST"])
        job = environment["SLURM_JOB_ID"]
        gpus_of = gpus_by_node(job) if len(hosts) > 1 else {}
        given = environment.get("SLURM_GPUS_ON_NODE") or ""
        gpus = (
            int(given) if given.isdecimal() else gpus_of.get(host) or (0 if any(gpus_of.values()) else None)
        )
        return cls(
            job=job,
            restart=int(environment.get("SLURM_RESTART_COUNT") or 0),
            host=host,
            others=tuple(name for name in hosts if name != host),
            cpus=_cpus(environment),
            gpus=gpus,
            gpus_of={} if gpus is None else gpus_of,
        )


def _cpus(environment: Mapping[str, str]) -> int:
    """Return the CPUs of each node: as asked for, else as given (`4(x2),2` for nodes of 4, 4 and 2)."""
    asked = environment.get("SLURM_CPUS_PER_TASK")
    if asked:
        return int(asked)
    counts = re.sub(r"\(x\d+\)", "", environment.get("SLURM_JOB_CPUS_PER_NODE") or "1")
    return min(map(int, counts.split(",")))
