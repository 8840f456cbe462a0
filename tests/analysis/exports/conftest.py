"""Results folders of every sort that is exported, and what an export must leave as it is."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import optuna
import pytest

from harness.records.events import Event
from harness.records.folder import ResultsFolder
from harness.records.journal import read_journal
from tests.analysis.conftest import write_journal
from tests.analysis.several import write_folders, write_study
from tests.analysis.test_declared_metrics import run_study
from tests.analysis.test_report_datasets import _TEXT, _accuracy

if TYPE_CHECKING:
    from tests.analysis.conftest import Study

KINDS = ("ends", "datasets", "program", "older")


def contents(folder: Path) -> dict[str, bytes]:
    """Return every file below a folder with what it holds."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def cut(folder: Path, root: Path, n_lines: int) -> Path:
    """Return a copy of a results folder whose journal ends after so many lines, in the midst of the next."""
    copy = root / folder.name
    copy.mkdir(parents=True, exist_ok=True)
    for name, content in contents(folder).items():
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        (copy / name).write_bytes(content)
    journal = ResultsFolder(copy).journal
    lines = journal.read_bytes().splitlines(keepends=True)
    rest = lines[n_lines][:20] if n_lines < len(lines) else b""
    journal.write_bytes(b"".join(lines[:n_lines]) + rest)
    return copy


def all_ends(new_study: "type[Study]") -> "Study":
    """Return a study with runs of every status, values that are not finite, and hostile names of arms."""
    study = new_study(arms={"50 % of it": {"lr": {"low": 1e-4, "high": 1.0, "log": True}}, "=a/../b": {}})
    study.search("50 % of it", [1e-3, 1e-2], best=1e-2)
    for status in ("diverged", "failed", "stopped"):
        study.add("50 % of it", "search", lr=0.5, status=status, epochs=2)
    study.add("50 % of it", "search", lr=None, status="failed", epochs=0)
    study.confirm("50 % of it", [0.91, 0.92, 0.93, 0.94, 0.95], lr=1e-2)
    study.confirm("=a/../b", [0.81, 0.82, 0.83, 0.84, 0.85])
    study.claims = [
        {
            "says": "Half is more than | all.",
            "better": {"arm": "50 % of it", "than": "=a/../b", "metric": "test_accuracy"},
        }
    ]
    return study


@pytest.fixture(scope="session")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return a results folder of each kind; tests only read them."""
    from tests.analysis.conftest import Study, _three_arms

    root = tmp_path_factory.mktemp("exported")
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(root / "cache"))
        several = write_study(root, _TEXT.format(*write_folders(root)), _accuracy)
    made = {
        "ends": all_ends(Study).write(root / "ends"),
        "datasets": several,
        "program": run_study(root / "forecasts"),
        "older": _three_arms().write_older(root / "older"),
    }
    optuna.logging.set_verbosity(before)
    return made


LOST = "50 % of it-confirm-002"
"""The run that `lost` cuts."""


def lost(events: list[Event], n_epochs: int, *, is_resumed: bool = False) -> list[Event]:
    """Return a journal of `all_ends` whose sweep was killed in a run after so many epochs.

    Resumed, it has started that run again and gone on to the end.
    """
    start = next(
        place for place, event in enumerate(events) if event.event == "run_started" and event.run_id == LOST
    )
    return [*events[: start + 1 + n_epochs], *(events[start:] if is_resumed else [])]


def another(folder: Path, copy: Path, second: str, edit: Callable[[list[Event]], list[Event]]) -> Path:
    """Return a copy of a results folder that is another study by its first event, with other later ones."""
    if not copy.exists():
        shutil.copytree(folder, copy)
    first, *rest = read_journal(ResultsFolder(folder))
    write_journal(
        ResultsFolder(copy),
        [first.model_copy(update={"time": f"2026-01-01T00:00:{second}.000000+00:00"}), *edit(rest)],
    )
    return copy
