"""The text of a job: all that Ray is asked to run and to ship, rendered before anybody is asked."""

import json
import re
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import harness
from harness.arguments import resolved
from harness.cluster.ray_jobs.entry import PLAN_VARIABLE, DriverInstructions
from harness.cluster.target import Request, checked_variables
from harness.errors import EnvironmentMismatchError, unusable
from harness.records.provenance import COMMIT_VARIABLE, checkout_commit
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


NOTHING = "none"
"""As a working directory: the image of the cluster holds the harness."""

_CACHES = ["__pycache__", ".*_cache", ".hypothesis", "*.egg-info"]

_CODE_ONLY = [
    "/[!.]*",  # with the next line all that lies at the top; Ray takes `/*` for the folder itself
    "/.?*",
    *(pattern for name in ("harness", "analysis") for pattern in (f"!/{name}", f"!/{name}/**")),
    *_CACHES,
]
"""For this harness's own checkout: nothing else is needed to run a study."""

_NO_DATA = [
    "/results",
    ".git",
    ".venv",
    "venv",
    ".env",
    *_CACHES,
    *(f"*.{suffix}" for suffix in ("gz", "npy", "npz", "parquet", "pt", "pth", "safetensors", "tar", "zip")),
    "*-ubyte",
]
"""For a folder the user names. `.gitignore` files hold as well."""


def job_text(request: Request, settings: RaySite) -> str:
    """Return a job as JSON: the address, and the arguments with which the job is submitted there.

    Raises:
        EnvironmentMismatchError: The address or a variable cannot be used, or the study is too long.
    """
    instructions = DriverInstructions(
        study=request.study.text,
        run_dir=str(request.run_dir),
        # On the cluster RAY_ADDRESS is set, and `auto` means exactly that cluster.
        arguments=request.sweep_arguments(str(request.folder.study_file), str(request.run_dir), "auto"),
    )
    environment = {**_checked(settings.env), **_ALWAYS, PLAN_VARIABLE: instructions.encode()}
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
    dashboard = (address or "").rstrip("/")
    try:
        parts = urlsplit(dashboard)
        is_plain = parts.hostname and parts.port and parts.netloc == parts.netloc.rpartition("@")[2]
        is_whole = parts.scheme in {"http", "https"} and dashboard == f"{parts.scheme}://{parts.netloc}"
    except ValueError:
        is_plain = is_whole = False
    if not (is_plain and is_whole):
        raise EnvironmentMismatchError(
            f"--address {dashboard or '(missing)'}: must be that of the cluster's dashboard, "
            f"http://HOST:PORT or https://HOST:PORT, such as http://head:8265. Ray's other addresses "
            f"(HOST:6379, ray://, auto) take no jobs."
        )
    return dashboard


def _checked(environment: dict[str, str]) -> dict[str, str]:
    """Return the user's variables.

    Raises:
        EnvironmentMismatchError: One would not arrive as it is, or is not the user's to set.
    """
    for name, value in checked_variables(environment, {*_ALWAYS, PLAN_VARIABLE}).items():
        if "$" in value:
            raise EnvironmentMismatchError(
                f"--env {name}=...: Ray replaces what follows a $ in a variable. Remedy: write out the value."
            )
    return environment


def shipped(working_dir: str | None, run_dir: Path) -> dict[str, str | list[str]]:
    """Return the part of a runtime environment that says what is shipped; patterns are those of `.gitignore`.

    Args:
        working_dir: A folder, the address of an archive, `none`, or None for this harness's own checkout.
        run_dir: The results folder of the study, which stays behind.

    Raises:
        EnvironmentMismatchError: There is no such folder.
    """
    if working_dir == NOTHING:
        return {}
    if working_dir is None:
        checkout = _checkout()
        return {} if checkout is None else {"working_dir": str(checkout), "excludes": _CODE_ONLY}
    if "://" in working_dir:
        return {"working_dir": working_dir}
    folder = resolved(Path(working_dir))
    if not folder.is_dir():
        raise EnvironmentMismatchError(
            f"--working-dir {working_dir}: {folder} is no folder. Remedy: a folder, `{NOTHING}` where "
            f"the cluster has the harness, or the address of a zip file."
        )
    try:
        next(folder.iterdir(), None)
    except OSError as error:
        raise EnvironmentMismatchError(unusable(folder, "read", error), place=folder) from error
    results = [_pattern(run_dir.relative_to(folder))] if run_dir.is_relative_to(folder) else []
    return {"working_dir": str(folder), "excludes": [*_NO_DATA, *results]}


def shipped_commit(runtime_env: Mapping[str, Any]) -> dict[str, str]:
    """Return the variable that names the commit of what is shipped; its git history stays behind.

    Args:
        runtime_env: What `shipped` returned. A folder outside git and an archive have none.
    """
    folder = str(runtime_env.get("working_dir", "://"))
    commit = None if "://" in folder else checkout_commit(Path(folder))
    return {COMMIT_VARIABLE: commit} if commit else {}


def _checkout() -> Path | None:
    """Return the checkout this harness runs from; None where it was installed as a package."""
    folder = Path(harness.__file__).resolve().parents[1]
    return folder if (folder / "pyproject.toml").is_file() else None


def _pattern(path: Path) -> str:
    """Return the pattern of `.gitignore` that means this path alone."""
    return "/" + re.sub(r"([\\*?\[ ])", r"\\\1", path.as_posix())
