"""The text of `job.sbatch`; pure. Slurm reads its first lines, bash its last ones."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

from harness.cluster.slurm.plan import PLAN_NAME, Plan
from harness.errors import EnvironmentMismatchError
from harness.study.submission import SlurmSite

SCRIPT_NAME = "job.sbatch"
_OUTPUT = "slurm-{job}.out"
WARN_BEFORE_SECONDS = 120
"""Default of `warn_before`."""

_PLAIN = re.compile(r"[A-Za-z0-9_@%+=:,./-]+")
_OPTION = re.compile(r"-[A-Za-z].*|--[a-z][a-z0-9-]*(=.*)?", re.DOTALL)
_OURS = ("--array", "--output", "--error", "--wrap", "-a", "-o", "-e")
"""Options that would make several sweeps of one, or hide the log from `logs`."""
_LONGEST_VALUE = 4096
"""Characters; sbatch cuts nothing short of 8192 bytes."""


def job_script(settings: SlurmSite, plan: Plan, python: str) -> str:
    """Return the script of a job.

    Args:
        settings: What was asked of Slurm.
        plan: What the job is to do.
        python: The interpreter on the nodes.

    Raises:
        EnvironmentMismatchError: A value cannot stand in such a script.
    """
    directives = [f"#SBATCH {name}={_quoted(name, value)}" for name, value in _directives(settings, plan)]
    further = [
        f"#SBATCH {_quoted('sbatch_args', _checked_option(option))}" for option in settings.sbatch_args
    ]
    launcher = ["-u", "-m", "harness.cluster.slurm.launcher", str(plan.folder.root / PLAN_NAME)]
    return "\n".join([
        "#!/bin/bash",
        f"# Written by `python -m harness.submit slurm`; what the job runs stands in {PLAN_NAME}.",
        *directives,
        *(["#SBATCH --no-kill"] if (settings.nodes or 1) > 1 else []),
        "#SBATCH --requeue",
        *further,
        "",
        "set -e",
        "trap '' USR1  # a warning that comes before the launcher listens does not end the job",
        *settings.setup,
        f"exec {shlex.join([str(Path(python).expanduser()), *launcher])}",
        "",
    ])  # fmt: skip


def output_path(root: Path, job: str) -> Path:
    """Return where a job writes; restarts append to it.

    Args:
        root: The folder of the submission.
        job: The job's id.
    """
    return root / _OUTPUT.format(job=job)


def _directives(settings: SlurmSite, plan: Plan) -> Iterator[tuple[str, str]]:
    """Yield options and values: those the launcher needs, and those that were asked for."""
    yield "--job-name", plan.name
    yield "--output", f"{_pattern(plan.folder.root)}/{_OUTPUT.format(job='%j')}"
    yield "--open-mode", "append"
    yield "--signal", f"B:USR1@{plan.warn_before}"
    yield "--ntasks-per-node", "1"
    asked = {
        "--nodes": settings.nodes,
        "--cpus-per-task": settings.cpus_per_node,
        "--gres": f"gpu:{settings.gpus_per_node}" if settings.gpus_per_node else None,
        "--mem": settings.mem,
        "--time": settings.time,
        "--partition": settings.partition,
        "--account": settings.account,
        "--qos": settings.qos,
    }
    yield from ((name, str(value)) for name, value in asked.items() if value is not None)


def _pattern(path: Path) -> str:
    """Return a path for `--output`, where % begins a replacement and a backslash forbids all of them.

    Raises:
        EnvironmentMismatchError: It holds a backslash.
    """
    if "\\" in str(path):
        raise EnvironmentMismatchError(
            f"{path.parent}: Slurm cannot write its log below a folder with a backslash in its name. "
            f"Remedy: --run-dir with another folder."
        )
    return str(path).replace("%", "%%")


def _quoted(place: str, value: str) -> str:
    r"""Return a value as one word of an `#SBATCH` line.

    sbatch reads quotes like a shell, but a backslash escapes inside every kind of them, and an unquoted #
    begins a comment.

    Raises:
        EnvironmentMismatchError: It does not fit into a line.
    """
    if not value.isprintable() or len(value) > _LONGEST_VALUE:
        raise EnvironmentMismatchError(
            f"{place}: {value[:80]!r} cannot stand in a job script, whose values are lines of printable text "
            f"with at most {_LONGEST_VALUE} characters. Remedy: another value."
        )
    if _PLAIN.fullmatch(value):
        return value
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _checked_option(option: str) -> str:
    """Return a further option of sbatch.

    Raises:
        EnvironmentMismatchError: It is none, or one that the launcher itself depends on.
    """
    if not _OPTION.fullmatch(option):
        raise EnvironmentMismatchError(
            f"sbatch_args: {option!r} is not an option of sbatch. Remedy: --name=value, as --gres=gpu:a100"
        )
    if option.partition("=")[0] in _OURS or option[:2] in _OURS:
        raise EnvironmentMismatchError(
            f"sbatch_args: {option!r} cannot be set, as one job runs the study and its log lies in "
            f"RUN_DIR/submit. Remedy: leave it out"
        )
    return option
