"""Where a number came from: code, packages, machine, time."""

import os
import platform
import socket
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

_PACKAGES = ("torch", "torchvision", "ray", "optuna", "numpy", "pandas", "scipy", "pyarrow", "pydantic")

DECIDING_VERSIONS = ("python", "torch", "numpy", "optuna", "ray")
"""Those that can change a number or a choice: a study keeps them from its first run to its last."""

COMMIT_VARIABLE = "HARNESS_COMMIT"
"""Names the commit of code that runs without its git history, as `checkout_commit` writes it."""

_CHANGED = "-dirty"

_OWN_CGROUPS = Path("/proc/self/cgroup")
_CGROUPS = Path("/sys/fs/cgroup")


class GitState(BaseModel):
    """The code that ran."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    commit: str | None = None
    """None where nobody knows."""
    dirty: bool | None = None
    """Whether a file was changed since."""


class Machine(BaseModel):
    """Where it ran, as far as that is known."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    host: str | None = None
    system: str | None = None
    cpu: str | None = None
    """The processor's name."""
    cores: int | None = None
    """CPU cores that the process might use."""
    memory_gib: float | None = None
    gpus: list[str] | None = None
    """Names of the GPUs that the process might use."""


def utc_now(precision: Literal["seconds", "microseconds"] = "seconds") -> str:
    """Return the time in UTC, as ISO 8601 writes it."""
    return datetime.now(UTC).isoformat(timespec=precision)


def git_state() -> GitState:
    """Return the commit of this code and whether it was changed since.

    Git is asked where it tracks this file. Elsewhere, in a container image or on a cluster that the code was
    shipped to, the variable HARNESS_COMMIT tells.
    """
    told = checkout_commit(Path(__file__).parents[2]) or os.environ.get(COMMIT_VARIABLE, "")
    commit = told.removesuffix(_CHANGED)
    return GitState(commit=commit, dirty=told != commit) if commit else GitState(commit=None, dirty=None)


def checkout_commit(folder: Path) -> str | None:
    """Return the commit of the harness in a folder, `-dirty` behind it if a file there was changed since.

    None where git does not track it, such as an installed package: the checkout around it is not its own.
    """
    git = ["git", "--no-optional-locks", "-C", str(folder)]  # ended early, it would leave one behind
    own = f"harness/records/{Path(__file__).name}"
    if _output([*git, "ls-files", "--error-unmatch", own]) is None:
        return None
    commit = _output([*git, "rev-parse", "HEAD"])
    is_changed = commit is not None and _output([*git, "status", "--porcelain"])
    return f"{commit}{_CHANGED}" if is_changed else commit


def as_text(words: Iterable[str]) -> list[str]:
    """Return words of a command line as text that every file takes: bytes that are none become escapes."""
    return [os.fsencode(word).decode(errors="backslashreplace") for word in words]


def versions() -> dict[str, str]:
    """Return the versions of Python and of every package that can change a number."""
    found = {"python": platform.python_version()}
    for name in _PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def machine() -> Machine:
    """Return what is known of this machine."""
    return Machine(
        host=socket.gethostname(),
        system=platform.platform(),
        cpu=cpu_name(),
        cores=usable_cores(),
        memory_gib=round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30, 1),
        gpus=gpu_names(),
    )


def usable_cores() -> int:
    """Return how many CPU cores this process may use: in a Slurm job those that the job was given.

    Not every site confines jobs to their cores; those of a node's other jobs are visible there, but taken. A
    container with a quota (`docker run --cpus=2`, a limit of Kubernetes) sees all, and has time for fewer.
    """
    visible = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    given = os.environ.get("SLURM_CPUS_ON_NODE", "")
    in_job = int(given) if given.isdecimal() and int(given) else visible
    return min(visible, in_job, *(max(1, int(quota)) for quota in _cpu_quotas()))


def _cpu_quotas() -> Iterator[float]:
    """Yield the CPU time that each control group around this process may use, in cores, where it is limited.

    Source: the Linux kernel's documentation, Control Group v2 (cpu.max), CFS Bandwidth Control (cpu.cfs_*).
    """
    own = _OWN_CGROUPS.read_text(encoding="utf-8") if _OWN_CGROUPS.exists() else ""
    for line in own.splitlines():
        _, controllers, path = line.split(":", 2)
        if not controllers:
            top, files = _CGROUPS, ["cpu.max"]
        elif "cpu" in controllers.split(","):
            top, files = _CGROUPS / "cpu", ["cpu.cfs_quota_us", "cpu.cfs_period_us"]
        else:
            continue
        group = top / path.lstrip("/")
        for folder in (group, *group.parents):
            if folder.is_relative_to(top):
                yield from _quota(folder, files)


def _quota(group: Path, files: Sequence[str]) -> Iterator[float]:
    """Yield the quota of one control group, if its files are there and name one in place of `max` or -1."""
    with suppress(OSError, ValueError):
        quota, period = " ".join((group / name).read_text(encoding="utf-8") for name in files).split()
        if quota.isdecimal():
            yield int(quota) / int(period)


def gpu_names() -> list[str]:
    """Return the names of the NVIDIA GPUs this process may use; none where there is no driver."""
    listing = _output(["nvidia-smi", "--query-gpu=uuid,name", "--format=csv,noheader"])
    there = [tuple(line.split(", ", 1)) for line in (listing or "").splitlines() if ", " in line]
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    return [name for _, name in there] if visible is None else _visible_gpus(there, visible)


def _visible_gpus(there: Sequence[tuple[str, ...]], visible: str) -> list[str]:
    """Return the names of the GPUs that `CUDA_VISIBLE_DEVICES` leaves, as CUDA reads it.

    The first entry that names no GPU, such as -1, hides itself and all behind it; one named twice hides all.
    A part of a GPU (MIG) counts as one.

    Args:
        there: (UUID, name) of each GPU of the machine, in their order.
        visible: The variable's value.

    Source: CUDA C++ Programming Guide, section CUDA Environment Variables.
    """
    entries = [entry.strip() for entry in visible.split(",")]
    names: dict[str, str] = {}
    for entry in entries:
        name = _named_gpu(there, entry)
        if name is None:
            break
        if entry in names:
            return []
        names[entry] = name
    return list(names.values())


def _named_gpu(there: Sequence[tuple[str, ...]], entry: str) -> str | None:
    """Return the name of the GPU that an entry means by its position, its UUID or the start of that."""
    if entry.isdecimal():
        return there[int(entry)][1] if int(entry) < len(there) else None
    if entry.startswith("MIG-"):
        return f"{there[0][1]} (MIG)" if there else None
    return next((name for uuid, name in there if len(entry) > 4 and uuid.startswith(entry)), None)


def cpu_name() -> str:
    """Return the processor's name, as far as the system tells it."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8", errors="replace").splitlines() if info.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def _output(command: list[str]) -> str | None:
    """Return a command's output, or None where it is not installed or fails."""
    try:
        done = subprocess.run(command, capture_output=True, check=True, timeout=10)  # noqa: S603
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.decode(errors="replace").strip()  # whatever this process's own encoding is
