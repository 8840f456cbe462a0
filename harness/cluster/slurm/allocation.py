"""What Slurm gave a job: from its environment, and from Slurm where a login shell may have left something."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

from harness.cluster.slurm.nodes import Gpus, JobDetails, host_names, job_details
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
    ends_at: float | None = None
    """Seconds of Unix time, as the limit was at the start; infinite without one, None where nobody knows."""
    gpus_of: Mapping[str, Gpus] = field(default_factory=dict)
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
        details = job_details(environment["SLURM_JOB_ID"])
        return cls(
            job=environment["SLURM_JOB_ID"],
            restart=_restarts(environment, details),
            host=host,
            others=tuple(name for name in hosts if name != host),
            cpus=_cpus(environment, details),
            gpus=_gpus(environment, details, host),
            ends_at=details.ends_at,
            gpus_of=details.gpus_of if any(each.count for each in details.gpus_of.values()) else {},
        )


def _restarts(environment: Mapping[str, str], details: JobDetails) -> int:
    if details.restarts is not None:
        return details.restarts
    told = environment.get("SLURM_RESTART_COUNT") or ""
    return int(told) if told.isdecimal() else 0


def _cpus(environment: Mapping[str, str], details: JobDetails) -> int:
    """Return the CPUs of each node: as asked for, else as given (`4(x2),2` for nodes of 4, 4 and 2)."""
    asked = environment.get("SLURM_CPUS_PER_TASK") or ""
    if asked.isdecimal() and details.cpus_per_task in {None, int(asked)}:
        return int(asked)
    counts = re.sub(r"\(x\d+\)", "", environment.get("SLURM_JOB_CPUS_PER_NODE") or "1")
    return min(map(int, counts.split(",")))


def _gpus(environment: Mapping[str, str], details: JobDetails, host: str) -> int | None:
    """Return the GPUs of the launcher's node; None where Slurm manages none."""
    if host in details.gpus_of:
        return details.gpus_of[host].count if any(each.count for each in details.gpus_of.values()) else None
    given = environment.get("SLURM_GPUS_ON_NODE") or ""
    return int(given) if given.isdecimal() else None
