"""Which folder a job ships to the cluster, and what in it stays behind."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import harness
from harness.errors import EnvironmentMismatchError
from harness.records.provenance import COMMIT_VARIABLE, checkout_commit

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


def shipped(given: str | None, run_dir: Path) -> dict[str, str | list[str]]:
    """Return the part of a runtime environment that says what is shipped; patterns are those of `.gitignore`.

    Args:
        given: A folder, the address of an archive, `none`, or None for this harness's own checkout.
        run_dir: The results folder of the study, which stays behind.

    Raises:
        EnvironmentMismatchError: There is no such folder.
    """
    if given == NOTHING:
        return {}
    if given is None:
        checkout = _checkout()
        return {} if checkout is None else {"working_dir": str(checkout), "excludes": _CODE_ONLY}
    if "://" in given:
        return {"working_dir": given}
    folder = Path(given).expanduser().resolve()
    if not folder.is_dir():
        raise EnvironmentMismatchError(
            f"--working-dir {given}: {folder} is no folder. Remedy: a folder, `{NOTHING}` where the cluster "
            f"has the harness, or the address of a zip file."
        )
    own = [_pattern(run_dir.relative_to(folder))] if run_dir.is_relative_to(folder) else []
    return {"working_dir": str(folder), "excludes": [*_NO_DATA, *own]}


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
