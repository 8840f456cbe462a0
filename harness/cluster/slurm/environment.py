"""What Slurm's commands may read of this process's environment: where Slurm is, and no request to it.

Slurm's commands take options from variables too, and those of `sbatch` win over the lines of a script. A
shell holds such variables from a login script or from a job around it, and a job passes its own on to its
steps: what is asked of Slurm is then not what flags say and a dry run shows.
"""

from collections.abc import Mapping

_REQUESTS = ("SBATCH_", "SLURM_", "SALLOC_", "SRUN_", "SQUEUE_", "SCANCEL_", "SCONTROL_", "SINFO_", "SACCT_")
_WHERE_SLURM_IS = frozenset({"SLURM_CONF", "SLURM_CONF_SERVER", "SLURM_JWT"})
"""Which configuration, and who we are for a controller that asks for a token."""


def without_requests(environment: Mapping[str, str]) -> dict[str, str]:
    """Return an environment for one of Slurm's commands, in which its arguments alone decide.

    Args:
        environment: That of a shell, or of a job.
    """
    return {
        name: value
        for name, value in environment.items()
        if name in _WHERE_SLURM_IS or not name.startswith(_REQUESTS)
    }


def unheeded(environment: Mapping[str, str]) -> list[str]:
    """Return the names of the variables that would have changed a submission, in alphabetical order.

    Args:
        environment: That of the shell. Slurm's own `SLURM_*` of a job are nobody's wish and not among them.
    """
    return sorted(name for name in environment if name.startswith("SBATCH_"))
