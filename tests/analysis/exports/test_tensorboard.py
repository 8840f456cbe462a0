"""Export to TensorBoard, read back by its own readers."""

from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tensorboard import context
from tensorboard.backend.event_processing.data_provider import MultiplexerDataProvider
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.backend.event_processing.plugin_event_multiplexer import EventMultiplexer
from tensorboard.plugins.base_plugin import TBContext
from tensorboard.plugins.hparams import api_pb2, backend_context, get_experiment, list_session_groups

from analysis import export
from analysis.exports.files import file_name
from analysis.results import results
from harness.records.folder import ResultsFolder
from harness.records.journal import read_journal
from tests.analysis.exports.conftest import KINDS, contents, cut

STATUSES = {
    "completed": api_pb2.STATUS_SUCCESS,
    "stopped": api_pb2.STATUS_SUCCESS,
    "diverged": api_pb2.STATUS_FAILURE,
    "failed": api_pb2.STATUS_FAILURE,
}


def _export(folder: Path, place: Path) -> None:
    assert export.main([str(folder), "--to", "tensorboard", "--uri", str(place)]) == 0


def _scalars(folder: Path) -> dict[str, list[Any]]:
    reader = EventAccumulator(str(folder), size_guidance={"scalars": 0}).Reload()
    return {tag: reader.Scalars(tag) for tag in reader.Tags()["scalars"]}


def _hparams(place: Path) -> tuple[Any, list[Any]]:
    """Return the experiment and the sessions as the HParams dashboard gets them."""
    multiplexer = EventMultiplexer().AddRunsFromDirectory(str(place)).Reload()
    provider = MultiplexerDataProvider(multiplexer, str(place))
    asked, backend = context.RequestContext(), backend_context.Context(TBContext(data_provider=provider))
    experiment = get_experiment.Handler(asked, backend, "", api_pb2.GetExperimentRequest()).run()
    everything = api_pb2.ListSessionGroupsRequest(
        start_index=0, slice_size=1000, allowed_statuses=[0, *STATUSES.values(), api_pb2.STATUS_RUNNING]
    )
    listed = list_session_groups.Handler(asked, backend, "", everything).run()
    return experiment, list(listed.session_groups)


@pytest.mark.parametrize("kind", KINDS)
def test_scalars_are_the_journals(kind: str, folders: dict[str, Path], tmp_path: Path) -> None:
    """Each measured number once, to 32 bits, at its epoch and time; tests at the end of the run."""
    folder = folders[kind]
    _export(folder, tmp_path)
    (place,) = tmp_path.iterdir()
    curves: dict[str, dict[str, list[Any]]] = {}
    for event in read_journal(ResultsFolder(folder)):
        if event.event == "run_started":
            curves[event.run_id] = {}
        values: dict[str, float | None] = {}
        if event.event == "epoch":
            own = ("train_loss", "train_accuracy", "val_loss", "val_accuracy", "lr", "seconds")
            values = {name: getattr(event, name) for name in own} | event.metrics
            step = event.epoch
        if event.event == "run_ended":
            values = {"test_loss": event.test_loss, "test_accuracy": event.test_accuracy} | event.metrics
            step = event.epochs
        for name, value in values.items():
            if value is not None:
                at = datetime.fromisoformat(event.time).timestamp()
                curves[event.run_id].setdefault(name, []).append((at, step, np.float32(value)))
    for run_id, curve in curves.items():
        found = _scalars(place / file_name(run_id))
        told = {
            tag: [(p.wall_time, p.step, np.float32(p.value)) for p in points] for tag, points in found.items()
        }
        assert {tag: points for tag, points in told.items() if not tag.startswith("selected_")} == curve


@pytest.mark.parametrize("kind", KINDS)
def test_the_hparams_dashboard_has_every_run(kind: str, folders: dict[str, Path], tmp_path: Path) -> None:
    """With its parameters and how it ended; columns are what runs differ in, and the metrics."""
    folder = folders[kind]
    found = results(folder)
    _export(folder, tmp_path)
    (place,) = tmp_path.iterdir()
    experiment, sessions = _hparams(place)
    columns = {info.name for info in experiment.hparam_infos}
    assert {"Arm", "Phase", "rate" if kind == "program" else "lr"} <= columns
    assert "epochs" not in columns  # all runs have the same
    named = {info.name.tag for info in experiment.metric_infos}
    assert {f"val_{name}" for name in found.declaration.metrics} <= named
    runs = found.runs.set_index("run_id")
    assert {session.name for session in sessions} == {*runs.index}
    for session in sessions:
        run = runs.loc[session.name]
        assert session.hparams["Arm"].string_value == run["arm"]
        assert session.hparams["Seed"].number_value == run["seed"]
        assert [own.status for own in session.sessions] == [STATUSES[run["status"]]]


def test_rulings_are_text_of_the_study(folders: dict[str, Path], tmp_path: Path) -> None:
    """Which the text dashboard shows above all runs."""
    _export(folders["program"], tmp_path)
    (place,) = tmp_path.iterdir()
    reader = EventAccumulator(str(place)).Reload()
    (text,) = reader.Tensors("rulings")
    told = text.tensor_proto.string_val[0].decode()
    assert "1. **supported for the configurations that one search chose**: a (" in told
    assert "2. **contradicted for the configurations that one search chose**: b (" in told


@pytest.mark.parametrize("kind", KINDS)
def test_a_study_that_goes_on_is_added_to(kind: str, folders: dict[str, Path], tmp_path: Path) -> None:
    """Exported after some events and again after all, it is what a first export of all writes."""
    folder, place = folders[kind], tmp_path / "board"
    n_lines = len(ResultsFolder(folder).journal.read_bytes().splitlines())
    before: dict[str, bytes] = {}
    for n in (3, n_lines // 2, n_lines):
        _export(cut(folder, tmp_path / "copy", n), place)
        now = contents(place)
        runs = [name for name in before if name.count("/") == 2]
        assert all(now[name].startswith(before[name]) for name in runs)  # what a reader had, stays
        before = now
    _export(folder, tmp_path / "fresh")
    assert contents(place) == contents(tmp_path / "fresh")
    _export(folder, place)
    assert contents(place) == before
