"""Export to MLflow, into a real database, read back by its own client."""

import hashlib
import logging
import os
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient

from analysis import export
from analysis.report import claims_json
from analysis.results import results
from harness.records.folder import ResultsFolder
from tests.analysis.exports.conftest import KINDS, LOST, another, contents, lost

pytestmark = pytest.mark.filterwarnings("ignore:The ``noload``:DeprecationWarning")
"""Of SQLAlchemy about MLflow."""

STATUSES = {"completed": "FINISHED", "stopped": "KILLED", "diverged": "FAILED", "failed": "FAILED"}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Return a folder for a database, which takes seconds to make; each test has its own study in it."""
    levels = {name: logging.getLogger(name).level for name in ("alembic", "mlflow")}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")  # set by the export too; undone at the end here
        yield tmp_path_factory.mktemp("my mlflow")
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)


def _export(folder: Path, place: Path) -> None:
    assert export.main([str(folder), "--to", "mlflow", "--uri", str(place)]) == 0


def _runs_of(folder: Path, place: Path) -> tuple[MlflowClient, Any, dict[str, Any]]:
    """Return a client, the study's parent run, and its children by run id."""
    client = MlflowClient(tracking_uri=f"sqlite:///{place / 'mlflow.db'}")
    experiment = client.get_experiment_by_name(results(folder).declaration.study)
    everything = list(client.search_runs([experiment.experiment_id], max_results=5000))
    study_id = hashlib.sha256(
        ResultsFolder(folder).journal.read_bytes().splitlines(keepends=True)[0]
    ).hexdigest()
    everything = [run for run in everything if run.data.tags["harness.study_id"] == study_id]
    (parent,) = [run for run in everything if "harness.run_id" not in run.data.tags]
    children = [run for run in everything if run.data.tags.get("mlflow.parentRunId") == parent.info.run_id]
    by_id = {run.data.tags["harness.run_id"]: run for run in children}
    assert len(by_id) == len(children)
    return client, parent, by_id


def _history(client: MlflowClient, run: Any, name: str) -> list[tuple[int, int, float]]:
    return [(m.step, m.timestamp, m.value) for m in client.get_metric_history(run.info.run_id, name)]


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "older"])
def test_each_run_is_a_child_with_its_parameters_curve_and_status(
    kind: str, folders: dict[str, Path], place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Numbers are the journal's to the last bit; a second export changes nothing, and none the study."""
    folder = folders[kind]
    before, found = contents(folder), results(folder)
    _export(folder, place)
    client, parent, children = _runs_of(folder, place)
    runs = found.runs.set_index("run_id")
    assert children.keys() == {*runs.index}
    assert parent.info.status == "FINISHED"
    assert parent.data.params["question"] == found.declaration.question
    effects = [parent.data.tags.get(f"harness.claim.{n}.effect") for n in range(1, 1 + len(found.claims))]
    measured = [claim.as_row()["effect"] for claim in found.claims]
    assert effects == [None if effect is None else str(effect) for effect in measured]
    for run_id, child in children.items():
        run = runs.loc[run_id]
        assert child.info.status == STATUSES[run["status"]]
        assert child.data.tags["harness.status"] == run["status"]
        assert child.data.tags["harness.arm"] == run["arm"]
        configured = {name: run[f"config.{name}"] for name in child.data.params}
        assert child.data.params == {name: str(value) for name, value in configured.items()}
        tested = [f"test_{name}" for name in found.declaration.metrics]
        expected = {name: run[name] for name in tested if run[name] == run[name]}
        assert {name: value for name, value in child.data.metrics.items() if name in tested} == expected
    _, *_, last = runs.index[runs["epochs"] > 0]
    epochs = found.epochs[found.epochs["run_id"] == last]
    name = f"val_{next(iter(found.declaration.metrics))}"
    curve = _history(client, children[last], name)
    assert [(step, value) for step, _, value in curve] == list(
        zip(epochs["epoch"], epochs[name], strict=True)
    )
    times = [at for _, at, _ in curve]
    assert times == sorted(times)
    assert children[last].info.start_time <= times[0] <= times[-1] <= children[last].info.end_time

    capsys.readouterr()
    _export(folder, place)
    assert f"0 new, 0 changed, {len(runs)} as they were" in capsys.readouterr().out
    _, again, same = _runs_of(folder, place)
    assert again.to_dictionary() == parent.to_dictionary()
    assert {key: run.to_dictionary() for key, run in same.items()} == {
        key: run.to_dictionary() for key, run in children.items()
    }
    assert _history(client, children[last], name) == curve
    assert contents(folder) == before


def test_rulings_are_tags_and_the_report_an_artifact(
    folders: dict[str, Path], place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Facts a claim, so that studies can be searched by rulings; a newer report replaces the old one."""
    folder = another(folders["ends"], tmp_path / "ruled", "01", lambda events: events)
    _export(folder, place)
    (hint,) = (line for line in capsys.readouterr().out.splitlines() if "to see it: " in line)
    assert shlex.split(hint)[-1] == f"sqlite:///{place / 'mlflow.db'}"
    client, parent, _ = _runs_of(folder, place)
    found = results(folder)
    for number, claim in enumerate(found.claims, start=1):
        assert parent.data.tags[f"harness.claim.{number}.ruling"] == claim.ruling
        assert parent.data.tags[f"harness.claim.{number}.n"] == str(claim.n)
    assert found.claims[0].said() in parent.data.tags["mlflow.note.content"]
    files = {item.path for item in client.list_artifacts(parent.info.run_id)}
    assert files == {"claims.json"}
    (folder / "report").mkdir()
    for page in ("first", "second"):
        (folder / "report/index.html").write_text(page)
        _export(folder, place)
        assert Path(client.download_artifacts(parent.info.run_id, "index.html")).read_text() == page
    claims = Path(client.download_artifacts(parent.info.run_id, "claims.json")).read_text()
    assert claims == claims_json(found.facts)


def test_a_report_that_is_a_link_to_elsewhere_is_no_artifact(
    folders: dict[str, Path], place: Path, tmp_path: Path
) -> None:
    """Only what lies in the study's folder is handed on."""
    folder = another(folders["ends"], tmp_path / "linked", "02", lambda events: events)
    (tmp_path / "secret.html").write_text("secret")
    (folder / "report").mkdir()
    (folder / "report/index.html").symlink_to(tmp_path / "secret.html")
    _export(folder, place)
    client, parent, _ = _runs_of(folder, place)
    assert [item.path for item in client.list_artifacts(parent.info.run_id)] == ["claims.json"]


def test_a_run_that_goes_on_is_added_to_and_one_that_was_lost_is_replaced(
    folders: dict[str, Path], place: Path, tmp_path: Path
) -> None:
    """Killed after an epoch, after two, then resumed to the end: no curve is doubled, no run stands twice."""
    journals = {
        1: lambda events: lost(events, 1),
        2: lambda events: lost(events, 2),
        3: lambda events: lost(events, 2, is_resumed=True),
    }
    statuses, loaded = [], []
    for n_epochs, edit in journals.items():
        folder = another(folders["ends"], tmp_path / "cut", "03", edit)
        _export(folder, place)
        client, parent, children = _runs_of(folder, place)
        epochs = [step for step, *_ in _history(client, children[LOST], "val_loss")]
        assert epochs == [*range(1, n_epochs + 1)]
        statuses.append((parent.info.status, children[LOST].info.status))
        loaded.append(children[LOST].data.tags["harness.attempt"])
    assert statuses == [("KILLED", "KILLED"), ("KILLED", "KILLED"), ("FINISHED", "FINISHED")]
    assert loaded == ["1", "1", "2"]


@pytest.mark.parametrize(
    ("uri", "said"),
    [
        ("file:///tmp/x", "MLflow refuses"),
        ("http://me:secret@127.0.0.1:9", "//***@127.0.0.1:9: MLflow refuses"),
    ],
)
def test_what_mlflow_refuses_is_told(
    uri: str,
    said: str,
    folders: dict[str, Path],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """In one sentence, without a password."""
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    assert export.main([str(folders["ends"]), "--to", "mlflow", "--uri", uri]) == 2
    told = capsys.readouterr()
    assert said in told.err
    assert "secret" not in told.err + told.out
    assert "Traceback" not in told.err
    assert os.environ["MLFLOW_DISABLE_TELEMETRY"] == "true"
