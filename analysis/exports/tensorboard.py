"""TensorBoard: a folder a run with scalars by epoch and hyperparameters, rulings as text above them.

Event files are written record by record with the journal's times, so the same journal gives the same bytes,
and a run that goes on is appended to. TensorBoard keeps 32-bit floats.
"""

import io
import shlex
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

from analysis.exports.content import End, Outcome, Run, Scalar, Study
from analysis.exports.files import file_name, folder_of, put

_FILE = "events.out.tfevents.recipe-harness"
"""TensorBoard takes every file whose name holds `tfevents`."""

_COLUMNS = ("Arm", "Phase", "Repeat")
"""What stands before the hyperparameters: capitals come first in TensorBoard, and no parameter has any."""


class TensorBoardWriter:
    """Write event files below a folder of the study's own."""

    def __init__(self, uri: str | None, study: Study) -> None:
        self._folder = folder_of(study, uri, "tensorboard")
        self.place = str(self._folder)
        self.hint: str | None = f"to see it: tensorboard --logdir {shlex.quote(self.place)}"

    def write_study(self, study: Study) -> Outcome:
        """Write which hyperparameters and metrics there are, and the rulings."""
        from tensorboard.plugins.hparams import summary_v2 as hp
        from tensorboard.plugins.text.summary_v2 import text_pb

        begun, now = study.started_at, study.last_at
        facts = {name: [_named(run)[name] for run in study.runs.values()] for name in _COLUMNS}
        values = {name: _distinct(own) for name, own in facts.items()} | study.varied
        hparams = [hp.HParam(name, _domain(own)) for name, own in values.items() if own]
        metrics = [hp.Metric(name) for name in study.metrics]
        config = hp.hparams_config_pb(hparams, metrics, time_created_secs=begun.timestamp())
        summaries = [(begun, 0, _settled(config)), (now, 0, text_pb("rulings", study.rulings_in_markdown()))]
        return put(self._folder / _FILE, _event_file(begun, summaries))

    def write_run(self, study: Study, run: Run) -> Outcome:  # noqa: ARG002 - each run is whole
        """Write a run's file, or what it has more than before."""
        return put(self._folder / file_name(run.run_id) / _FILE, _event_file(run.started_at, _summaries(run)))

    def close(self) -> None:
        """Do nothing: every file is whole."""


def _summaries(run: Run) -> Iterator[tuple[datetime, int, Any]]:
    """Yield time, step and summary of each record of a run; the step is the epoch."""
    from tensorboard.plugins.hparams.summary_v2 import hparams_pb

    begun = run.started_at
    yield begun, 0, _settled(hparams_pb({**run.parameters, **_named(run)}, run.run_id, begun.timestamp()))
    for epoch in run.epochs:
        for name, value in epoch.values.items():
            yield epoch.at, epoch.epoch, _scalar(name, value)
    if run.end is None:
        return
    for name, value in run.results.items():
        yield run.end.at, len(run.epochs), _scalar(name, value)
    yield run.end.at, len(run.epochs), _session_end(run.end)


def _named(run: Run) -> dict[str, Scalar]:
    """Return what says which run it is, by the heads of columns."""
    return {name.rpartition(".")[2].capitalize(): value for name, value in run.facts.items()}


def _session_end(end: End) -> Any:
    """Return a summary of how a run ended. Not the package's: of all its parts only that needs TensorFlow."""
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.plugins.hparams import api_pb2, metadata, plugin_data_pb2

    is_result = end.status in {"completed", "stopped"}
    info = plugin_data_pb2.SessionEndInfo(
        status=api_pb2.STATUS_SUCCESS if is_result else api_pb2.STATUS_FAILURE,
        end_time_secs=end.at.timestamp(),
    )
    about = metadata.create_summary_metadata(plugin_data_pb2.HParamsPluginData(session_end_info=info))
    tag = metadata.SESSION_END_INFO_TAG
    return Summary(value=[Summary.Value(tag=tag, metadata=about, tensor=metadata.NULL_TENSOR)])


def _settled(summary: Any) -> Any:
    """Return a summary of hyperparameters whose bytes do not depend on the process: maps have no order."""
    from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

    about = summary.value[0].metadata.plugin_data
    about.content = HParamsPluginData.FromString(about.content).SerializeToString(deterministic=True)
    return summary


def _scalar(name: str, value: float) -> Any:
    """Return a summary of one number, in the form that every reader of event files takes."""
    from tensorboard.compat.proto.summary_pb2 import Summary

    return Summary(value=[Summary.Value(tag=name, simple_value=value)])


def _event_file(begun: datetime, summaries: Iterable[tuple[datetime, int, Any]]) -> bytes:
    """Return the bytes of an event file."""
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.summary.writer.record_writer import RecordWriter

    file = io.BytesIO()
    writer = RecordWriter(file)
    writer.write(Event(wall_time=begun.timestamp(), file_version="brain.Event:2").SerializeToString())
    for at, step, summary in summaries:
        event = Event(wall_time=at.timestamp(), step=step, summary=summary)
        writer.write(event.SerializeToString(deterministic=True))
    return file.getvalue()


def _distinct(values: Sequence[Scalar]) -> list[Scalar]:
    return list(dict.fromkeys(values))


def _domain(values: Sequence[Scalar]) -> Any:
    """Return the domain of a hyperparameter, an interval of numbers or a set: it tells the type."""
    from tensorboard.plugins.hparams import summary_v2 as hp

    if all(isinstance(value, int | float) and not isinstance(value, bool) for value in values):
        return hp.RealInterval(float(min(values)), float(max(values)))
    if all(isinstance(value, bool) for value in values):
        return hp.Discrete(list(values))
    return hp.Discrete([str(value) for value in values], dtype=str)
