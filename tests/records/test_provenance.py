"""What is recorded of code and machine, and what may be used of it."""

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from harness.records import provenance
from harness.records.provenance import (
    COMMIT_VARIABLE,
    GitState,
    as_text,
    checkout_commit,
    git_state,
    gpu_names,
    usable_cores,
)


@pytest.mark.parametrize(
    ("given", "usable"),
    [("1", 1), ("100000", None), ("0", None), ("", None), ("4(x2)", None)],
    ids=["fewer", "more than there are", "none", "empty", "not a number"],
)
def test_in_a_slurm_job_only_its_own_cores_are_used(
    given: str, usable: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Slurm's number lowers what the system shows; it never raises it, and nonsense changes nothing."""
    monkeypatch.delenv("SLURM_CPUS_ON_NODE", raising=False)
    visible = usable_cores()
    assert 1 <= visible <= (os.cpu_count() or 1)
    monkeypatch.setenv("SLURM_CPUS_ON_NODE", given)
    assert usable_cores() == (usable or visible)


@pytest.mark.parametrize(
    ("own", "files", "usable"),
    [
        ("0::/\n", {"cpu.max": "200000 100000\n"}, 2),
        ("0::/\n", {"cpu.max": "max 100000\n"}, 64),
        ("0::/\n", {"cpu.max": "50000 100000\n"}, 1),
        ("0::/a.slice/b\n", {"a.slice/cpu.max": "350000 100000\n", "a.slice/b/cpu.max": "max 100000\n"}, 3),
        ("0::/gone\n", {}, 64),
        ("3:cpuset:/x\n2:cpu,cpuacct:/x\n0::/\n", {"cpu/cpu.cfs_quota_us": "400000\n"}, 4),
        ("1:cpu:/\n0::/\n", {"cpu/cpu.cfs_quota_us": "-1\n"}, 64),
        (None, {}, 64),
    ],
    ids=["container", "no limit", "half a core", "of a parent", "no files", "v1", "v1, none", "not Linux"],
)
def test_a_quota_of_cpu_time_limits_the_cores(
    own: str | None, files: dict[str, str], usable: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A container of a machine with 64 cores sees them all; files as the kernel has them stand in for it."""
    files |= {"cpu/cpu.cfs_period_us": "100000\n"}
    files |= {"proc": own} if own is not None else {}
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(provenance, "_OWN_CGROUPS", tmp_path / "proc")
    monkeypatch.setattr(provenance, "_CGROUPS", tmp_path)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(64)))
    monkeypatch.delenv("SLURM_CPUS_ON_NODE", raising=False)
    assert usable_cores() == usable


def git(folder: Path, *arguments: str) -> str:
    """Run git in a folder as a user with a name; return what it prints."""
    command = ["git", "-C", str(folder), "-c", "user.name=A", "-c", "user.email=a@example.org", *arguments]
    return subprocess.check_output(command, text=True).strip()


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Return a repository with one commit, which has the one file that git is asked for."""
    module = tmp_path / "checkout" / "harness" / "records" / "provenance.py"
    module.parent.mkdir(parents=True)
    module.touch()
    folder = tmp_path / "checkout"
    git(folder, "init", "--quiet")
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "--message", "All")
    return folder


def test_a_checkout_is_named_by_its_commit(checkout: Path) -> None:
    """Whether it was changed since stands behind it: a changed file, or a new one."""
    commit = git(checkout, "rev-parse", "HEAD")
    assert checkout_commit(checkout) == commit
    (checkout / "new.py").touch()
    assert checkout_commit(checkout) == f"{commit}-dirty"


def test_a_package_installed_inside_a_checkout_has_not_its_commit(checkout: Path) -> None:
    """A project's virtual environment lies in the project's own repository, which says nothing of ours."""
    installed = checkout / ".venv" / "lib"
    (installed / "harness" / "records").mkdir(parents=True)
    (installed / "harness" / "records" / "provenance.py").touch()
    assert checkout_commit(installed) is None


@pytest.mark.parametrize(
    ("told", "state"),
    [
        ("4be1", {"commit": "4be1", "dirty": False}),
        ("4be1-dirty", {"commit": "4be1", "dirty": True}),
        ("", {"commit": None, "dirty": None}),
    ],
    ids=["as committed", "changed", "unknown"],
)
def test_code_without_git_is_named_by_the_environment(
    told: str, state: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An image, or whoever shipped the code, says which commit it is."""
    monkeypatch.setenv(COMMIT_VARIABLE, told)
    monkeypatch.setattr(provenance, "__file__", str(tmp_path / "harness" / "records" / "provenance.py"))
    assert git_state() == GitState(**state)


def test_in_a_checkout_git_is_believed(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable left over from elsewhere changes nothing."""
    monkeypatch.setenv(COMMIT_VARIABLE, "4be1")
    monkeypatch.setattr(provenance, "__file__", str(checkout / "harness" / "records" / "provenance.py"))
    assert git_state() == GitState(commit=git(checkout, "rev-parse", "HEAD"), dirty=False)


@pytest.mark.parametrize(
    ("visible", "names"),
    [
        (None, ["H100", "L4"]),
        ("", []),
        ("-1", []),
        ("NoDevFiles", []),
        ("0", ["H100"]),
        ("1", ["L4"]),
        ("1,0", ["L4", "H100"]),
        (" 1 , 0 ", ["L4", "H100"]),
        ("0,-1,1", ["H100"]),
        ("0,7", ["H100"]),
        ("0,0", []),
        ("GPU-bb", ["L4"]),
        ("GPU-", []),
        ("MIG-cc", ["H100 (MIG)"]),
    ],
)
def test_gpus_are_those_that_cuda_shows(
    visible: str | None, names: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A driver with two GPUs stands in; `-1`, the usual way to hide all, was counted as one."""
    tool = tmp_path / "nvidia-smi"
    tool.write_text("#!/bin/sh\necho 'GPU-aa11, H100'\necho 'GPU-bb22, L4'\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert gpu_names() == names


def test_words_of_a_command_are_text_whatever_their_bytes() -> None:
    """A path may have a name of another encoding; a manifest is UTF-8."""
    assert as_text(["a b", "é", os.fsdecode(b"r\xe9s")]) == ["a b", "é", r"r\xe9s"]
