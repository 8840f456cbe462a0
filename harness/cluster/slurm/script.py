"""The two files of a submission to Slurm, rendered without asking anybody.

Slurm reads the first lines of `job.sbatch`, bash its last ones. What the job does stands as data in
`plan.json` beside it, so that no value of a study meets a shell.
"""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from harness.cluster.submit_folder import SubmitFolder
from harness.errors import EnvironmentMismatchError, ResultsError
from harness.study.submission import SlurmSite

SCRIPT_NAME, PLAN_NAME = "job.sbatch", "plan.json"
ADDRESS = "{address}"
"""Stands in `LauncherInstructions.sweep` for the address of a Ray that only the job knows."""
_OUTPUT = "slurm-{job}.out"
WARN_BEFORE_SECONDS = 120
"""Default of `warn_before`."""

_PLAIN = re.compile(r"[A-Za-z0-9_@%+=:,./-]+")
_OPTION = re.compile(r"-[A-Za-z].*|--[a-z][a-z0-9-]*(=.*)?", re.DOTALL)
_OURS = ("array", "clusters", "error", "help", "output", "test-only", "usage", "version", "wait", "wrap")
"""Options that make several sweeps of one, hide log, job or id from the commands, or submit nothing."""
_OURS_SHORT = frozenset("aehoMVW")
_SHORT_WITHOUT_VALUE = frozenset("HkOQsv")
"""After one of these another short option may follow in the same word."""
_EARLY_SECONDS = 60
"""How much sooner than asked Slurm's warning may come, by its manual."""
_LONGEST_VALUE = 4096
"""Characters; sbatch cuts nothing short of 8192 bytes."""


class LauncherInstructions(BaseModel):
    """Everything the launcher knows of a study."""

    # The title stands in what is told of a damaged file.
    model_config = ConfigDict(title="Plan", extra="forbid", frozen=True, use_attribute_docstrings=True)

    name: str
    """What Slurm calls the job."""
    run_dir: Path
    """The study's results folder, absolute."""
    working_dir: Path
    """Where the study was submitted: paths in it are relative to this folder."""
    sweep: list[str]
    """Arguments of `python -m harness.sweep`."""
    warn_before: int
    """Seconds before the end of the job at which Slurm warns the launcher."""
    on_timeout: Literal["requeue", "stop"]
    """What happens at the time limit."""
    max_restarts: int
    """Requeues after which the job ends for good."""

    @property
    def folder(self) -> SubmitFolder:
        """The paths of this submission."""
        return SubmitFolder(self.run_dir)

    def sweep_arguments(self, address: str) -> list[str]:
        """Return the sweep's arguments for a Ray that has been started.

        Args:
            address: `local`, or `IP:PORT`.
        """
        return [address if argument == ADDRESS else argument for argument in self.sweep]

    @classmethod
    def read(cls, path: Path) -> "LauncherInstructions":
        """Read `plan.json`.

        Raises:
            ResultsError: It is missing or damaged.
        """
        try:
            return cls.model_validate_json(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise ResultsError(
                f"{path}: cannot be read ({error}). Remedy: submit the study again", place=path
            ) from error


def job_script(settings: SlurmSite, instructions: LauncherInstructions, python: str) -> str:
    """Return the script of a job.

    Args:
        settings: What was asked of Slurm.
        instructions: What the job is to do.
        python: The interpreter on the nodes.

    Raises:
        EnvironmentMismatchError: A value cannot stand in such a script.
    """
    _check_time(settings, instructions.warn_before)
    directives = [
        f"#SBATCH {name}={_quoted(name, value)}" for name, value in _directives(settings, instructions)
    ]
    further = [
        f"#SBATCH {_quoted('sbatch_args', _checked_option(option))}" for option in settings.sbatch_args
    ]
    launcher = ["-u", "-m", "harness.cluster.slurm.launcher", str(instructions.folder.root / PLAN_NAME)]
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


def _directives(settings: SlurmSite, instructions: LauncherInstructions) -> Iterator[tuple[str, str]]:
    """Yield options and values: those the launcher needs, and those that were asked for."""
    yield "--job-name", instructions.name
    yield "--output", f"{_pattern(instructions.folder.root)}/{_OUTPUT.format(job='%j')}"
    yield "--open-mode", "append"
    yield "--signal", f"B:USR1@{instructions.warn_before}"
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
            f"Remedy: --run-dir with another folder.",
            place=path.parent,
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
            f"with at most {_LONGEST_VALUE} characters. Remedy: another value.",
            place=place,
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
    if _is_ours(option):
        raise EnvironmentMismatchError(
            f"sbatch_args: {option!r} cannot be set, as one job of this cluster runs the study, sbatch tells "
            f"its id at once, and its log lies in RUN_DIR/submit. Remedy: leave it out"
        )
    return option


def _is_ours(option: str) -> bool:
    """Tell whether an option is one of those, abbreviated (`--arra=1-4`) or behind another (`-Qa1-4`)."""
    if option.startswith("--"):
        word = option[2:].partition("=")[0]
        return any(name.startswith(word) for name in _OURS)
    for letter in option[1:]:
        if letter in _OURS_SHORT:
            return True
        if letter not in _SHORT_WITHOUT_VALUE:
            return False
    return False


def _check_time(settings: SlurmSite, warn_before: int) -> None:
    """Refuse a job that Slurm would warn as soon as it starts: it would be requeued and never begin.

    Raises:
        EnvironmentMismatchError: Its time is not longer than the warning before its end.
    """
    time = _last_value(settings, r"--tim?e?=|-t=?") or str(settings.time)
    signal = re.search(r"@(\d+)", _last_value(settings, r"--sig\w*=") or "")
    warning = int(signal[1]) if signal else warn_before
    seconds = limit_seconds(time)
    if seconds is not None and seconds <= warning + _EARLY_SECONDS:
        raise EnvironmentMismatchError(
            f"--time {time}: is {seconds} s, and Slurm warns the job {warning} s before its end "
            f"(--warn-before), or up to {_EARLY_SECONDS} s sooner: it would be told to end as it starts. "
            f"Remedy: --time with more than {(warning + _EARLY_SECONDS) // 60} minutes, or a smaller "
            f"--warn-before"
        )


def _last_value(settings: SlurmSite, name: str) -> str | None:
    """Return the value of a further option of sbatch; None where it is not given.

    Args:
        settings: What was asked of Slurm; the last of several holds.
        name: A pattern of what stands before the value.
    """
    values = [option[match.end() :] for option in settings.sbatch_args if (match := re.match(name, option))]
    return values[-1] if values else None


def limit_seconds(limit: str) -> int | None:
    """Return the seconds of a time limit as sbatch reads it; None where it is none, or none that we know.

    Args:
        limit: `M`, `M:S`, `H:M:S`, `D-H`, `D-H:M` or `D-H:M:S`; 0 asks for no limit.
    """
    match = re.fullmatch(r"(?:(\d+)-)?(\d+)(?::(\d+))?(?::(\d+))?", limit.strip())
    if match is None:
        return None
    days, *numbers = match.groups()
    parts = [int(number) for number in numbers if number is not None]
    if days is None and len(parts) < 3:
        parts = [0, *parts]  # without days or seconds the first number is one of minutes
    hours, minutes, seconds = [*parts, 0, 0][:3]
    return ((int(days or 0) * 24 + hours) * 60 + minutes) * 60 + seconds or None
