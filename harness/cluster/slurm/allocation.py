"""What Slurm gave a job, read from its environment."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from harness.cluster.slurm.commands import host_names
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
    """Of each node; None where Slurm manages no GPUs."""

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
        gpus = environment.get("SLURM_GPUS_ON_NODE")
        return cls(
            job=environment["SLURM_JOB_ID"],
            restart=int(environment.get("SLURM_RESTART_COUNT") or 0),
            host=host,
            others=tuple(name for name in hosts if name != host),
            cpus=_cpus(environment),
            gpus=int(gpus) if gpus and gpus.isdecimal() else None,
        )


def _cpus(environment: Mapping[str, str]) -> int:
    """Return the CPUs of each node: as asked for, else as given (`4(x2),2` for nodes of 4, 4 and 2)."""
    asked = environment.get("SLURM_CPUS_PER_TASK")
    if asked:
        return int(asked)
    counts = re.sub(r"\(x\d+\)", "", environment.get("SLURM_JOB_CPUS_PER_NODE") or "1")
    return min(map(int, counts.split(",")))
