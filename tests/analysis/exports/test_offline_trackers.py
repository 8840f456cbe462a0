"""Exports to W&B and trackio, in the environment of `make trackers`, read back by their own code."""

import json
import os
import subprocess
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from analysis.exports.content import Study
from analysis.exports.reading import JournalReader, study_now
from analysis.results import results
from harness.records.folder import ResultsFolder
from tests.analysis.exports.conftest import LOST, another, contents, lost

Run = Callable[..., str]
"""Runs a script of the trackers' environment; returns what it prints."""

READ_BACK = Path(__file__).parent / "trackers/read_back.py"


@pytest.fixture
def run(repository: Path, tmp_path: Path) -> Run:
    """Return what runs Python in the trackers' environment, at a home of its own."""
    python = repository / ".venv-trackers/bin/python"
    assert python.exists(), "the trackers are not set up. Remedy: make trackers"

    def of(*words: object) -> str:
        environment = os.environ | {"PYTHONPATH": str(repository), "HOME": str(tmp_path / "home")}
        command = [str(python), *map(str, words)]
        done = subprocess.run(
            command, capture_output=True, text=True, cwd=tmp_path, env=environment, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return of


def _study(folder: Path) -> Study:
    return study_now(ResultsFolder(folder), JournalReader(ResultsFolder(folder)))


@pytest.mark.full
@pytest.mark.parametrize("kind", ["ends", "program"])
@pytest.mark.parametrize("target", ["trackio", "wandb"])
def test_each_run_is_there_once_with_the_journals_numbers(
    target: str, kind: str, folders: dict[str, Path], tmp_path: Path, run: Run
) -> None:
    """Parameters, curves to the last bit, results, rulings; a second export changes nothing."""
    folder, place = folders[kind], tmp_path / "place"
    before, study = contents(folder), _study(folder)
    words = ("-m", "analysis.export", folder, "--to", target, "--uri", place)
    assert f"{len(study.runs)} new, 0 changed" in run(*words)
    project = study.key if target == "trackio" else study.name

    def read_back() -> dict[str, Any]:
        found: dict[str, Any] = json.loads(run(READ_BACK, target, place, project))
        return found

    there = read_back()
    own = there.pop("study" if target == "trackio" else study.name)
    rulings = own["config"] if target == "trackio" else own["summary"]
    assert [rulings[f"claim.{n}.ruling"] for n in range(1, 1 + len(results(folder).claims))] == [
        claim.ruling for claim in results(folder).claims
    ]
    assert there.keys() == study.runs.keys()
    for run_id, told in there.items():
        known = study.runs[run_id]
        assert known.end is not None
        config = told["config"]
        assert {name: config[name] for name in known.parameters} == known.parameters
        assert config["harness.status"] == known.end.status
        curve = [row for row in told["rows"] if "epochs_reached" not in row]
        for row, epoch in zip(curve, known.epochs, strict=True):
            assert {name: row[name] for name in epoch.values} == epoch.values
            assert row["step" if target == "trackio" else "_step"] == epoch.epoch
        last = told["summary"] if target == "wandb" else told["rows"][-1]
        assert {name: last[name] for name in known.results} == known.results

    assert f"0 new, 0 changed, {len(study.runs)} as they were" in run(*words)
    again = read_back()
    del again["study" if target == "trackio" else study.name]
    assert again == there
    assert contents(folder) == before


@pytest.mark.full
@pytest.mark.parametrize("target", ["trackio", "wandb"])
def test_a_run_that_was_lost_is_replaced(
    target: str, folders: dict[str, Path], tmp_path: Path, run: Run
) -> None:
    """Exported in the midst of a run, and after it was started again: one curve, from its first epoch."""
    place = tmp_path / "place"
    for is_resumed in (False, True):
        edit = partial(lost, n_epochs=2, is_resumed=is_resumed)
        folder = another(folders["ends"], tmp_path / "cut", "09", edit)
        run("-m", "analysis.export", folder, "--to", target, "--uri", place)
    study = _study(folder)
    assert study.runs[LOST].attempt == 2
    found = json.loads(run(READ_BACK, target, place, study.key if target == "trackio" else study.name))
    assert found.keys() - {"study", study.name} == study.runs.keys()
    rows = [row for row in found[LOST]["rows"] if "epochs_reached" not in row]
    assert [row["val_loss"] for row in rows] == [
        epoch.values["val_loss"] for epoch in study.runs[LOST].epochs
    ]
