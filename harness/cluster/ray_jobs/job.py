"""The text of a job: everything that Ray is asked to run, rendered before anybody is asked."""

import json
import re
import shlex
from typing import Any
from urllib.parse import urlsplit

from harness.cluster.ray_jobs.plan import PLAN_VARIABLE, Plan
from harness.cluster.ray_jobs.shipping import shipped
from harness.cluster.request import Request
from harness.errors import EnvironmentMismatchError
from harness.study.submission import RaySite

JOB_FILE = "job.json"

ENTRYPOINT = shlex.join(["python", "-m", "harness.cluster.ray_jobs.entry"])
"""A shell on the cluster reads this line: no value of a user stands in it. `python` is the cluster's own."""

_ALWAYS = {
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "1",  # a run without a GPU sees none, on whatever node
    "RAY_JOB_STOP_SIGNAL": "SIGINT",  # Ray's own SIGTERM, and SIGKILL 3 s later, would cut runs off
    "RAY_JOB_STOP_WAIT_TIME_S": "30",
}

_MOST_BYTES = 100_000
"""Linux takes 131072 bytes in one variable or argument, and Ray puts the whole environment into one."""


def job_text(request: Request, settings: RaySite) -> str:
    """Return a job as JSON: the address, and the arguments with which the job is submitted there.

    Raises:
        EnvironmentMismatchError: The address or a variable cannot be used, or the study is too long.
    """
    plan = Plan(
        study=request.study.text,
        run_dir=str(request.run_dir),
        # On the cluster RAY_ADDRESS is set, and `auto` means exactly that cluster.
        arguments=request.sweep_arguments(str(request.folder.study_file), str(request.run_dir), "auto"),
    )
    environment = {**_checked(settings.env), **_ALWAYS, PLAN_VARIABLE: plan.encode()}
    runtime_env = {"env_vars": environment, **shipped(settings.working_dir, request.run_dir)}
    if (size := len(json.dumps(json.dumps(runtime_env)))) > _MOST_BYTES:
        raise EnvironmentMismatchError(
            f"study {request.study.name}: with its arguments and variables it takes {size} bytes of a job's "
            f"environment, which holds {_MOST_BYTES}. Remedy: a shorter study file, fewer --set and --env."
        )
    submission: dict[str, Any] = {
        "entrypoint": ENTRYPOINT,
        "entrypoint_num_cpus": settings.entrypoint_cpus or 0,
        "metadata": {"job_name": request.name, "study": request.study.name},
        "runtime_env": runtime_env,
    }
    job = {"address": checked_address(settings.address), "submission": submission}
    return json.dumps(job, indent=1, ensure_ascii=False) + "\n"


def checked_address(address: str | None) -> str:
    """Return the address of a dashboard without a trailing slash.

    Raises:
        EnvironmentMismatchError: It is missing, or is none.
    """
    given = (address or "").rstrip("/")
    try:
        parts = urlsplit(given)
        is_plain = parts.hostname and parts.port and parts.netloc == parts.netloc.rpartition("@")[2]
        is_whole = parts.scheme in {"http", "https"} and given == f"{parts.scheme}://{parts.netloc}"
    except ValueError:
        is_plain = is_whole = False
    if not (is_plain and is_whole):
        raise EnvironmentMismatchError(
            f"--address {given or '(missing)'}: must be that of the cluster's dashboard, http://HOST:PORT or "
            f"https://HOST:PORT, such as http://head:8265. Ray's other addresses (HOST:6379, ray://, auto) "
            f"take no jobs."
        )
    return given


def _checked(environment: dict[str, str]) -> dict[str, str]:
    """Return the user's variables.

    Raises:
        EnvironmentMismatchError: One would not arrive as it is, or is not the user's to set.
    """
    for name, value in environment.items():
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
            raise EnvironmentMismatchError(
                f"--env {name}=...: a variable's name has letters, digits and _ only, no digit first."
            )
        if name in {*_ALWAYS, PLAN_VARIABLE} or name.startswith("RAY_AUTH_"):
            raise EnvironmentMismatchError(
                f"--env {name}=...: is set by the harness or by the cluster itself. Remedy: leave it out; a "
                f"token that opens the cluster belongs into this shell's own environment."
            )
        if "$" in value or "\0" in value:
            raise EnvironmentMismatchError(
                f"--env {name}=...: Ray replaces what follows a $ in a variable, and none can hold a NUL "
                f"character. Remedy: write out the value."
            )
    return environment
