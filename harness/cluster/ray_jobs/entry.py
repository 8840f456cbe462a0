"""The driver on the cluster: `python -m harness.cluster.ray_jobs.entry`, as a Ray Job runs it."""

import json
import os
import runpy
import sys
from pathlib import Path

from harness.cluster.ray_jobs.plan import LAST_LINE, Plan
from harness.cluster.status_log import StatusLog
from harness.cluster.submit_folder import SubmitFolder

_EXIT_REFUSED, _EXIT_INTERRUPTED = 2, 75


def main() -> int:
    """Run the sweep of this process's plan; return its exit code."""
    plan = Plan.of_environment()
    folder = SubmitFolder(Path(plan.run_dir))
    log = StatusLog(folder.status_log, job=_submission_id())
    try:
        _write_study(plan.study, folder)
        log.append("started")
    except OSError as error:
        host = os.uname().nodename
        print(
            f"error: {folder.root}: cannot be written on {host}, where the driver runs ({error.strerror}). "
            f"Remedy: --run-dir DIR on a file system that the cluster shares with you.",
            file=sys.stderr,
        )
        return _EXIT_REFUSED
    code = _sweep(plan.arguments)
    log.append("ended", exit_code=code)
    print(f"{LAST_LINE}{code}", flush=True)
    return code


def _submission_id() -> str:
    """Return the id this job was submitted under; Ray hands it to a driver here alone."""
    return str(json.loads(os.environ["RAY_JOB_CONFIG_JSON_ENV_VAR"])["metadata"]["job_submission_id"])


def _write_study(text: str, folder: SubmitFolder) -> None:
    """Write the study whole, or not at all; the same bytes again where the file system is shared."""
    folder.root.mkdir(parents=True, exist_ok=True)
    partial = folder.study_file.with_name(folder.study_file.name + ".part")
    partial.write_text(text, encoding="utf-8")
    partial.replace(folder.study_file)


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
        return _EXIT_INTERRUPTED
    return 0


if __name__ == "__main__":
    sys.exit(main())
