"""Places that a sweep cannot use, or only in another way: full disks, deleted folders, long paths."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from harness.arguments import path_argument, resolved
from harness.errors import EnvironmentMismatchError, ResultsError
from harness.training.data.prepare import prepare_dataset
from harness.tuning import local_ray
from harness.tuning.optuna_journal import WrittenJournalBackend


def bash(line: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    """Run a line of shell with this interpreter as `$PYTHON`."""
    given = os.environ | {"PYTHON": sys.executable} | environment
    return subprocess.run(["bash", "-c", line], env=given, capture_output=True, text=True, check=False)


def test_a_full_disk_under_the_declaration_is_a_sentence(
    drill_study: Path, images: Path, tmp_path: Path, repository: Path
) -> None:
    """A limit on the size of files stands for a disk with some room left; nothing stays behind."""
    prepare_dataset(f"idx:{images}")  # what the limit would keep out of the cache
    sweep = f"$PYTHON -m harness.sweep {drill_study} --results {tmp_path}"
    done = bash(f"cd {repository} && ulimit -f 1 && {sweep}")
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    assert "declaration.json: cannot be written (File too large). Remedy: raise the limit" in done.stderr
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_a_deleted_working_directory_is_told(drill_study: Path, tmp_path: Path, repository: Path) -> None:
    """Ray would start its processes there."""
    gone = tmp_path / "gone"
    gone.mkdir()
    sweep = f"$PYTHON -m harness.sweep {drill_study} --results"
    start = f"cd {gone} && rmdir {gone} && export PYTHONPATH={repository} &&"
    for results in ("results", tmp_path / "results"):
        done = bash(f"{start} {sweep} {results}")
        assert done.returncode == 2, done.stderr
        assert "the working directory is gone" in done.stderr
        assert "Remedy: cd to a folder that exists" in done.stderr
        gone.mkdir()


def test_the_home_folder_is_known_where_the_shell_leaves_it_to_us(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A shell expands `--results ~/x`, and not `--results=~/x`."""
    monkeypatch.setenv("HOME", str(tmp_path))
    assert path_argument("~/x") == tmp_path / "x"


def test_an_unknown_user_is_told(repository: Path) -> None:
    """As a bad argument."""
    done = bash(f"cd {repository} && $PYTHON -m analysis.report '~nobody-of-this-name/x'")
    assert done.returncode == 2
    assert "no home folder is known for it" in done.stderr


def test_links_that_go_round_are_told(tmp_path: Path) -> None:
    """Not as an error of Python's."""
    (tmp_path / "a").symlink_to("a")
    with pytest.raises(ResultsError, match=r"go round in a circle\. Remedy: "):
        resolved(tmp_path / "a")


def test_a_path_with_a_nul_character_is_told() -> None:
    """Such as a parent that a program names; the character itself is not printed."""
    with pytest.raises(ResultsError, match=r"'a.x00b' holds a NUL character, which no path can\. Remedy: "):
        resolved(Path("a\0b"))


@pytest.mark.parametrize(("folder", "others"), [("/short", 0), ("/" + "l" * 30, 1), ("/" + "ü" * 12, 1)])
def test_rays_sockets_have_room_in_bytes(folder: str, others: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Letters beyond ASCII take two and more."""
    monkeypatch.setattr(tempfile, "tempdir", folder)
    assert int(local_ray._short_temporary_folder() != folder) == others


def test_without_a_temporary_folder_there_is_no_ray(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is told names the variable."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nowhere"))
    with (
        pytest.raises(EnvironmentMismatchError, match=r"no temporary folder .* Remedy: TMPDIR=DIR"),
        local_ray.private_folder(short=False),
    ):
        pass


@pytest.mark.parametrize(
    ("told", "remedy"),
    [
        ("AF_UNIX path length cannot exceed 107 bytes: /tmp/x", "TMPDIR=/tmp"),
        ("[Errno 24] Too many open files", "ulimit -n"),
        ("[Errno 28] No space left on device", "make room in /place"),
        ("[Errno 11] Resource temporarily unavailable", "ulimit -u"),
        ("The current node timed out during startup.", "memory is left and /place has room"),
    ],
)
def test_a_remedy_fits_what_ray_says(told: str, remedy: str) -> None:
    """Each cause has its own, and what is not known the one that helps most often."""
    assert remedy in local_ray._remedy(told, Path("/place/harness-x"))


def test_a_lock_that_a_killed_sweep_left_to_optuna_costs_nothing(tmp_path: Path) -> None:
    """Optuna's own is a link that stays; nobody else writes a folder that is held."""
    path = tmp_path / "optuna.journal"
    left = tmp_path / "optuna.journal.lock"
    left.symlink_to(path)
    backend = WrittenJournalBackend(path)
    backend.append_logs([{"op_code": 0}])
    backend.release()
    backend.append_logs([{"op_code": 1}])
    backend.write_out()
    assert path.read_text().count("op_code") == 2
    assert not left.is_symlink()
