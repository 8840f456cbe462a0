"""Weights & Biases: runs in its offline form, with ids of ours. Nothing is sent before `wandb sync`.

A run has a folder of its own, written whole once the run has ended. W&B would make a second one at a second
export, so a file in it says what it holds. Rows have the journal's times; when and how long a run ran is
W&B's own to say, and is that of the export.
"""

import hashlib
import json
import os
import shlex
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from analysis.exports.content import Outcome, Run, Scalar, Study
from analysis.exports.files import root_of
from harness.errors import ResultsError
from harness.records.whole_file import write_file

_SEAL = "recipe-harness.sha256"
"""The file that says what a run's folder holds; written last."""

_LONGEST = 128
"""Characters of a name or group that W&B takes."""


@dataclass(frozen=True, kw_only=True)
class _Entry:
    """What is written of one run."""

    name: str
    job_type: str
    group: str
    notes: str
    config: Mapping[str, Scalar]
    history: Sequence[tuple[int, float, Mapping[str, float]]] = ()
    """Step, seconds since 1970, values."""
    summary: Mapping[str, Scalar] = field(default_factory=dict)
    exit_code: int = 0

    @property
    def sha256(self) -> str:
        """Hash of all of it."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()


class WandbWriter:
    """Write a project named as the study."""

    def __init__(self, uri: str | None, study: Study) -> None:
        self._root = root_of(study, uri or "exports", "wandb")
        os.environ |= {"WANDB_MODE": "offline", "WANDB_ERROR_REPORTING": "false", "WANDB_SILENT": "true"}
        self._root.mkdir(parents=True, exist_ok=True)
        self._project, self._prefix = study.name, study.study_id[:8]
        self.place = str(self._root / "wandb")
        runs = f"{shlex.quote(self.place)}/offline-run-*-{self._prefix}-*"
        self.hint: str | None = f"nothing is sent; with an account of yours: wandb sync {runs}"

    def write_study(self, study: Study) -> Outcome:
        """Write a run with what was asked and ruled, of the type `study`."""
        entry = _Entry(
            name=study.name,
            job_type="study",
            group="study",
            notes=study.rulings_in_markdown(),
            config={**study.facts, "state": study.state},
            summary=study.rulings_by_name,
        )
        return self._write(entry, "study")

    def write_run(self, study: Study, run: Run) -> Outcome:  # noqa: ARG002 - each run is whole
        """Write a run that has ended; one that has not waits for that."""
        if run.end is None:
            return "same"
        entry = _Entry(
            name=run.run_id,
            job_type=run.phase,
            group=run.arm[:_LONGEST],
            notes=run.end.reason or "",
            config={**run.parameters, **run.facts, "harness.status": run.end.status},
            history=[(epoch.epoch, epoch.at.timestamp(), epoch.values) for epoch in run.epochs],
            summary=run.results,
            exit_code=0 if run.end.status in {"completed", "stopped"} else 1,
        )
        return self._write(entry, hashlib.sha256(run.run_id.encode()).hexdigest()[:12])

    def close(self) -> None:
        """End W&B's own process, which writes what it was given before."""
        import wandb

        wandb.teardown()

    def _write(self, entry: _Entry, own: str) -> Outcome:
        run_id = f"{self._prefix}-{own}"
        present = sorted(Path(self.place).glob(f"offline-run-*-{run_id}"))
        if [_sealed(folder) for folder in present] == [entry.sha256]:
            return "same"
        for folder in present:
            shutil.rmtree(folder)
        folder = self._log(entry, run_id)
        write_file(folder / _SEAL, entry.sha256)
        return "changed" if present else "new"

    def _log(self, entry: _Entry, run_id: str) -> Path:
        """Have W&B write a run; return its folder.

        Raises:
            ResultsError: W&B refuses.
        """
        import wandb

        try:
            run = wandb.init(
                project=self._project,
                id=run_id,
                name=entry.name[:_LONGEST],
                group=entry.group,
                job_type=entry.job_type,
                notes=entry.notes,
                config=dict(entry.config),
                dir=self._root,
                mode="offline",
                reinit="create_new",
                settings=_settings(),
            )
            folder = Path(run.dir).parent
            for step, at, values in entry.history:
                run.log({**values, "_timestamp": at}, step=step)
            run.summary.update(dict(entry.summary))
            run.finish(exit_code=entry.exit_code)
        except (wandb.Error, OSError) as error:
            raise ResultsError(
                f"{self.place}: W&B refuses to write run {entry.name} ({error}). "
                f"Remedy: see that the folder can be written."
            ) from error
        return folder


def _settings() -> Any:
    """Return settings by which W&B records what it is given, and nothing of this machine or its code."""
    import wandb

    return wandb.Settings(
        console="off",
        disable_code=True,
        disable_git=True,
        disable_job_creation=True,
        quiet=True,
        silent=True,
        x_disable_machine_info=True,
        x_disable_meta=True,
        x_disable_stats=True,
        x_save_requirements=False,
    )


def _sealed(folder: Path) -> str | None:
    try:
        return (folder / _SEAL).read_text(encoding="utf-8")
    except OSError:
        return None
