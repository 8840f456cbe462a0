"""The driver on the cluster: `python -m harness.cluster.ray_jobs.entry`, as a Ray Job runs it.

What it is told arrives in one environment variable, and what it tells of its end is its output's last line:
both are written and read here, with neither Ray nor a shell.
"""

import json
import os
import runpy
import sys
from contextlib import suppress
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from harness.cluster.status_log import StatusDetail, StatusLog
from harness.cluster.submit_folder import SubmitFolder
from harness.edge import run_command
from harness.errors import EXIT_INTERRUPTED, EXIT_REFUSED
from harness.records.whole_file import write_whole

PLAN_VARIABLE = "HARNESS_SUBMIT_PLAN"

_LAST_LINE = "the sweep ended with exit code "
"""Begins the last line of a driver's output: Ray keeps no exit code of a job that was stopped."""


class DriverInstructions(BaseModel):
    """A study and the arguments of its sweep."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    study: str
    """Text of the study file."""
    run_dir: str
    """Where the results go, on the machine of the driver."""
    arguments: list[str]
    """Those of `harness.sweep`."""

    def encode(self) -> str:
        """Return them as JSON without a `$`: Ray replaces `$NAME` in environment variables."""
        return self.model_dump_json().replace("$", "\\u0024")

    @classmethod
    def of_environment(cls) -> "DriverInstructions":
        """Return those this process was started with."""
        return cls.model_validate_json(os.environ[PLAN_VARIABLE])


def main() -> int:
    """Run the sweep that this process is told of; return its exit code."""
    instructions = DriverInstructions.of_environment()
    folder = SubmitFolder(Path(instructions.run_dir))
    log = StatusLog(folder.status_log, job=_submission_id())
    try:
        # The same bytes again where the file system is shared.
        folder.root.mkdir(parents=True, exist_ok=True)
        write_whole(folder.study_file, instructions.study)
        log.append("started")
    except OSError as error:
        host = os.uname().nodename
        print(
            f"error: {folder.root}: cannot be written on {host}, where the driver runs ({error.strerror}). "
            f"Remedy: --run-dir DIR on a file system that the cluster shares with you.",
            file=sys.stderr,
        )
        return EXIT_REFUSED
    code = _sweep(instructions.arguments)
    with suppress(OSError):  # a disk that is full by now; the last line tells it too
        log.append("ended", StatusDetail(exit_code=code))
    print(f"{_LAST_LINE}{code}", flush=True)
    return code


def _submission_id() -> str:
    """Return the id this job was submitted under; Ray hands it to a driver here alone."""
    return str(json.loads(os.environ["RAY_JOB_CONFIG_JSON_ENV_VAR"])["metadata"]["job_submission_id"])


def exit_code_in(line: str) -> int | None:
    """Return the exit code that a line of a driver's output tells; None where it is not such a line."""
    code = line.removeprefix(_LAST_LINE)
    return int(code) if code != line and code.isdigit() else None


def _sweep(arguments: list[str]) -> int:
    """Run `python -m harness.sweep` in this process; return its exit code.

    Not as a child: Ray's stop signals every process of a job, and a second signal ends a sweep at once.
    """
    sys.argv[1:] = arguments
    try:
        runpy.run_module("harness.sweep", run_name="__main__", alter_sys=True)
    except SystemExit as end:
        return int(end.code or 0)
    except KeyboardInterrupt:  # before the sweep listened
        return EXIT_INTERRUPTED
    return 0


if __name__ == "__main__":
    sys.exit(run_command(main))
