"""trackio: a project a study, in trackio's own local database. Nothing is sent.

Rows have ids of ours, which trackio takes once only. It is written through the class that trackio's own
importers use: its `init` would give runs random ids and take the time of the export.
"""

import os
import shlex
from datetime import datetime
from typing import Any

from analysis.exports.content import Outcome, Run, Scalar, Study
from analysis.exports.files import root_of

_STUDY = "study"
"""Name of the run that holds the study's own facts."""

_ATTEMPT = "harness.attempt"

_Row = tuple[int, datetime, dict[str, Any]]
"""Step, time, values."""


class TrackioWriter:
    """Write one project."""

    def __init__(self, uri: str | None, study: Study) -> None:
        root = root_of(study, uri, "trackio")
        os.environ |= {"TRACKIO_DIR": str(root), "HF_HUB_DISABLE_TELEMETRY": "1", "HF_HUB_OFFLINE": "1"}
        from trackio.sqlite_storage import SQLiteStorage

        root.mkdir(parents=True, exist_ok=True)
        self._storage = SQLiteStorage
        self._project, self._prefix = study.key, study.study_id[:8]
        self.place = f"{root}, project {study.key}"
        show = f"TRACKIO_DIR={shlex.quote(str(root))} trackio show --project {shlex.quote(study.key)}"
        self.hint: str | None = f"to see it: {show}"

    def write_study(self, study: Study) -> Outcome:
        """Write a run with what was asked and ruled as its configuration, rulings as text too."""
        text = {"_type": "trackio.markdown", "_value": study.rulings_in_markdown()}
        config = {**study.facts, "state": study.state, **study.rulings_by_name}
        return self._replace(_STUDY, config, [(0, study.last_at, {"rulings": text})], study.started_at)

    def write_run(self, study: Study, run: Run) -> Outcome:
        """Write a run, or what it has more than before."""
        status = run.end.status if run.end else study.state
        config = {**run.parameters, **run.facts, "harness.status": status, "_Group": run.arm}
        rows: list[_Row] = [(epoch.epoch, epoch.at, dict(epoch.values)) for epoch in run.epochs]
        if run.end is not None:
            last = {**run.results, "epochs_reached": len(run.epochs)}
            rows.append((len(run.epochs), run.end.at, last))
        before = self._config(run.run_id)
        if before is not None and before.get(_ATTEMPT) != run.attempt:
            return self._replace(run.run_id, config, rows, run.started_at)
        return self._add(run.run_id, config, rows, run.started_at)

    def close(self) -> None:
        """Do nothing: every row is in the database."""

    def _config(self, name: str) -> dict[str, Any] | None:
        found: dict[str, Any] | None = self._storage.get_run_config(
            self._project, name, run_id=self._id(name)
        )
        return found

    def _id(self, name: str) -> str:
        return f"{self._prefix}-{name}"

    def _replace(self, name: str, config: dict[str, Scalar], rows: list[_Row], begun: datetime) -> Outcome:
        """Have a run hold this and nothing else."""
        before, written = (
            self._config(name),
            self._storage.get_logs(self._project, name, run_id=self._id(name)),
        )
        kept = [
            {key: value for key, value in row.items() if key not in {"timestamp", "step"}} for row in written
        ]
        if before == {**config, "_Created": begun.isoformat()} and kept == [values for _, _, values in rows]:
            return "same"
        if before is not None:
            self._storage.delete_run(self._project, name, run_id=self._id(name))
        self._add(name, config, rows, begun)
        return "new" if before is None else "changed"

    def _add(self, name: str, config: dict[str, Scalar], rows: list[_Row], begun: datetime) -> Outcome:
        """Have a run hold this besides what it holds."""
        own, whole = self._id(name), {**config, "_Created": begun.isoformat()}
        before = self._config(name)
        if before == whole and self._storage.get_log_count(self._project, name, run_id=own) == len(rows):
            return "same"
        self._storage.bulk_log(
            self._project,
            name,
            [values for _, _, values in rows],
            steps=[step for step, _, _ in rows],
            timestamps=[at.isoformat() for _, at, _ in rows],
            config=whole,
            log_ids=[f"{own}-{config.get(_ATTEMPT, 1)}-{place}" for place in range(len(rows))],
            run_id=own,
        )
        return "new" if before is None else "changed"
