"""MLflow: the study as a parent run, its runs as children, curves, parameters, rulings and report.

MLflow gives runs ids of its own, so what was exported is found by the tags `harness.study_id` and
`harness.run_id`. How far a run was written stands in its tags too, and is written after what it tells of.
"""

import hashlib
import logging
import os
import re
import shlex
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from functools import cached_property
from itertools import islice, zip_longest
from pathlib import Path
from types import MappingProxyType
from typing import Any

from analysis.exports.content import Outcome, Run, Study
from analysis.exports.files import root_of
from analysis.report import claims_json
from harness.errors import ResultsError, unusable

_STUDY, _RUN, _ATTEMPT = "harness.study_id", "harness.run_id", "harness.attempt"
_EPOCHS, _STATUS = "harness.epochs", "harness.status"
_PARENT, _NOTE = "mlflow.parentRunId", "mlflow.note.content"

_STATUSES = {"completed": "FINISHED", "stopped": "KILLED", "diverged": "FAILED", "failed": "FAILED"}
"""MLflow's word for how a run ended; ours is in a tag."""

_STATES = {"finished": "FINISHED", "running": "RUNNING", "unfinished": "KILLED"}

_MOST_METRICS, _MOST_OTHERS, _LONGEST = 800, 100, 5000
"""What a server surely takes: metrics a request, parameters or tags a request, characters of a value."""

_Point = tuple[str, float, datetime, int]
"""Name, value, time, step."""


class MlflowWriter:
    """Write one experiment, named as the study, in a local database or on a server."""

    def __init__(self, uri: str | None, study: Study) -> None:
        tracking, artifacts = _places(uri, study)
        self.place = _without_password(tracking)
        is_server = tracking.startswith("http")
        self.hint = (
            None if is_server else f"to see it: mlflow ui --backend-store-uri {shlex.quote(self.place)}"
        )
        _quieten()
        with _told(self.place):
            self._client = _client(tracking)
            found = self._client.get_experiment_by_name(study.name)
            self._experiment: str = (
                found.experiment_id
                if found
                else self._client.create_experiment(study.name, artifact_location=artifacts)
            )
            self._study_id = study.study_id
            self._parent: Any = self._runs.get("")

    @cached_property
    def _runs(self) -> dict[str, Any]:
        """What is there of the study: MLflow's runs by ours, the parent under an empty name."""
        own, token = f"tags.`{_STUDY}` = '{self._study_id}'", None
        found: dict[str, Any] = {}
        while True:
            page = self._client.search_runs([self._experiment], filter_string=own, page_token=token)
            found |= {run.data.tags.get(_RUN, ""): run for run in page}
            if not (token := page.token):
                return found

    def write_study(self, study: Study) -> Outcome:
        """Write the parent run: what was asked as parameters, rulings as tags and as its description."""
        with _told(self.place):
            outcome: Outcome = "same"
            if self._parent is None:
                outcome = "new"
                self._parent = self._created(study.name, study.started_at, {})
                self._log(self._parent, params=study.facts)
            if self._tag(self._parent, _tags_of(study)) and outcome == "same":
                outcome = "changed"
            if self._upload(study) and outcome == "same":
                outcome = "changed"
            self._end(self._parent, _STATES[study.state], study.last_at)
            return outcome

    def write_run(self, study: Study, run: Run) -> Outcome:
        """Write a child run, or what it has more than before."""
        with _told(self.place):
            return self._write_run(study, run)

    def _write_run(self, study: Study, run: Run) -> Outcome:
        outcome: Outcome = "changed"
        own = self._runs.get(run.run_id)
        if own is not None and own.data.tags.get(_ATTEMPT) != str(run.attempt):
            self._client.delete_run(own.info.run_id)  # lost and started again: its curve begins anew
            own = None
        elif own is None:
            outcome = "new"
        status = run.end.status if run.end else study.state
        if own is None:
            about = {_RUN: run.run_id, _PARENT: self._parent.info.run_id, **run.facts}
            own = self._runs[run.run_id] = self._created(run.run_id, run.started_at, about)
        n_written = int(own.data.tags.get(_EPOCHS, -1))
        if n_written == len(run.epochs) and own.data.tags.get(_STATUS) == status:
            return "same"
        metrics = [
            (name, value, epoch.at, epoch.epoch)
            for epoch in run.epochs[max(0, n_written) :]
            for name, value in epoch.values.items()
        ]
        tags = {_EPOCHS: str(len(run.epochs)), _STATUS: status}
        if run.end is not None:
            metrics += [(name, value, run.end.at, len(run.epochs)) for name, value in run.results.items()]
            tags |= {"harness.reason": run.end.reason} if run.end.reason else {}
        last = run.end.at if run.end else study.last_at
        self._end(own, _STATUSES[run.end.status] if run.end else _STATES[study.state], last)
        self._log(own, params=run.parameters if n_written < 0 else {}, metrics=metrics, tags=tags)
        return outcome

    def close(self) -> None:
        """Do nothing: every call has been answered."""

    def _created(self, name: str, at: datetime, tags: Mapping[str, Any]) -> Any:
        about = {_STUDY: self._study_id} | {key: _cut(value) for key, value in tags.items()}
        return self._client.create_run(self._experiment, start_time=_ms(at), tags=about, run_name=name)

    def _log(
        self,
        run: Any,
        params: Mapping[str, Any],
        metrics: Iterable[_Point] = (),
        tags: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        """Log in as few requests as a server takes; tags, which tell of the rest, with the last."""
        from mlflow.entities import Metric, Param, RunTag

        named = [Param(name, _cut(value)) for name, value in params.items()]
        points = [Metric(name, value, _ms(at), step) for name, value, at, step in metrics]
        requests: list[tuple[list[Any], list[Any]]] = [
            *zip_longest(_batches(named, _MOST_OTHERS), _batches(points, _MOST_METRICS), fillvalue=[])
        ]
        for own, curve in requests[:-1]:
            self._client.log_batch(run.info.run_id, params=own, metrics=curve)
        own, curve = requests[-1] if requests else ([], [])
        about = [RunTag(key, _cut(value)) for key, value in tags.items()]
        self._client.log_batch(run.info.run_id, params=own, metrics=curve, tags=about)
        run.data.tags.update({tag.key: tag.value for tag in about})

    def _tag(self, run: Any, tags: Mapping[str, str]) -> bool:
        """Have a run carry these tags, and of rulings no others; return whether any changed."""
        from mlflow.entities import RunTag

        present = run.data.tags
        new = {key: _cut(value) for key, value in tags.items() if present.get(key) != _cut(value)}
        for some in _batches((RunTag(key, value) for key, value in new.items()), _MOST_OTHERS):
            self._client.log_batch(run.info.run_id, tags=some)
        gone = [key for key in present if key.startswith("harness.claim.") and key not in tags]
        for key in gone:
            self._client.delete_tag(run.info.run_id, key)
            del present[key]
        present |= new
        return bool(new or gone)

    def _end(self, run: Any, status: str, at: datetime) -> None:
        if status == "RUNNING":
            if run.info.status != status:
                self._client.update_run(run.info.run_id, status=status)
        elif (run.info.status, run.info.end_time) != (status, _ms(at)):
            self._client.set_terminated(run.info.run_id, status=status, end_time=_ms(at))

    def _upload(self, study: Study) -> bool:
        """Have the parent hold rulings and, where one is written, report; return whether any changed."""
        page, root = study.results.facts.records.folder.report / "index.html", study.results.folder
        files = {"claims.json": claims_json(study.results.facts).encode()}
        if page.is_file() and page.resolve().is_relative_to(root):
            try:
                files["index.html"] = page.read_bytes()
            except OSError as error:
                raise ResultsError(unusable(page, "read", error)) from error
        hashes = {f"harness.artifact.{name}": hashlib.sha256(own).hexdigest() for name, own in files.items()}
        changed = False
        for (name, content), (key, sha256) in zip(files.items(), hashes.items(), strict=True):
            if self._parent.data.tags.get(key) != sha256:
                self._client.log_text(self._parent.info.run_id, content.decode(), name)
                changed = self._tag(self._parent, {**self._parent.data.tags, key: sha256}) or changed
        return changed


def _places(uri: str | None, study: Study) -> tuple[str, str | None]:
    """Return where MLflow writes to, and where to it puts files, if that is not the server's to say."""
    if uri is None or "://" not in uri:
        root = root_of(study, uri, "mlflow")
        return f"sqlite:///{root / 'mlflow.db'}", (root / "artifacts").as_uri()
    if uri.startswith("sqlite:///"):
        database = Path(uri.removeprefix("sqlite:///"))
        root = root_of(study, str(database.parent), "mlflow")
        return f"sqlite:///{root / database.name}", (root / "artifacts").as_uri()
    return uri, None


def _quieten() -> None:
    """Have MLflow tell nobody that it is used, not wait for minutes, and say what matters only."""
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "3")
    import mlflow  # noqa: F401 - sets its loggers up, which are quieted then

    for name in ("alembic", "mlflow"):
        logging.getLogger(name).setLevel(logging.WARNING)


def _client(tracking: str) -> Any:
    from mlflow import MlflowClient

    if tracking.startswith("sqlite:///"):
        Path(tracking.removeprefix("sqlite:///")).parent.mkdir(parents=True, exist_ok=True)
    return MlflowClient(tracking_uri=tracking)


@contextmanager
def _told(place: str) -> Iterator[None]:
    """Say of what MLflow refuses where that was."""
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except (MlflowException, SQLAlchemyError) as error:
        first = _without_password(str(error).strip().splitlines()[0])
        raise ResultsError(
            f"{place}: MLflow refuses ({first}). Remedy: see that --uri names a database or server that can "
            f"be reached and written."
        ) from error


def _tags_of(study: Study) -> dict[str, str]:
    rulings = {f"harness.{name}": str(value) for name, value in study.rulings_by_name.items()}
    return {"harness.state": study.state, _NOTE: study.rulings_in_markdown(), **rulings}


def _batches(items: Iterable[Any], size: int) -> Iterator[list[Any]]:
    remaining = iter(items)
    while batch := list(islice(remaining, size)):
        yield batch


def _without_password(text: str) -> str:
    return re.sub(r"//[^@/\s]*@", "//***@", text)


def _cut(value: object) -> str:
    text = str(value)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 6]} (cut)"


def _ms(at: datetime) -> int:
    return round(at.timestamp() * 1000)
