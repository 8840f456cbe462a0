"""Ray Tune's Searcher, TrialScheduler, Callback and Stopper as thin doors to the conductor."""

from collections.abc import Callable
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from ray.tune import Callback, Stopper
from ray.tune.experiment import Trial
from ray.tune.schedulers import FIFOScheduler, TrialScheduler
from ray.tune.search import Searcher

from harness.training.epoch import EpochRecord
from harness.tuning.conductor import Conductor
from harness.tuning.runs import RunEnd, Worker


class _Door:
    """Lead to the conductor; when Ray Tune pickles its set-up, which nothing here restores, lead nowhere."""

    _conductor: Conductor

    def __getstate__(self) -> dict[str, Any]:
        return {}


class ConductorSearcher(_Door, Searcher):
    """Hand the conductor's runs to Ray Tune."""

    def __init__(
        self, conductor: Conductor, has_room: Callable[[Conductor], bool], settings: dict[str, Any]
    ) -> None:
        """Connect to a conductor.

        Args:
            conductor: Decides which run is next.
            has_room: Decides whether a run may be handed out now.
            settings: What every run shares: `threads`, `device`, `stall_seconds`, `best_by`, `sha256`,
                `versions` and `program`.
        """
        super().__init__()
        self._conductor = conductor
        self._has_room = has_room
        self._settings = settings
        self._run_ids: dict[str, str] = {}

    def suggest(self, trial_id: str) -> Any:
        """Return the next run as a trial's config; None to ask again later; FINISHED when all is done."""
        conductor = self._conductor
        if conductor.is_over or conductor.is_interrupted:
            return str(Searcher.FINISHED)
        run = conductor.next_run() if self._has_room(conductor) else None
        if run is None:
            return None
        self._run_ids[trial_id] = run.run_id
        return asdict(run) | self._settings

    def on_trial_complete(
        self,
        trial_id: str,
        result: dict[str, Any] | None = None,
        error: bool = False,  # noqa: FBT001, FBT002 - Ray's signature
    ) -> None:
        """Note the end of a run that did not report its own end: it was stopped."""
        del error  # the scheduler has noted the failure, with its reason
        epoch = (result or {}).get("epoch", 0)
        end = RunEnd(status="stopped", reason=f"stopped by ASHA after epoch {epoch}")
        self._conductor.ended(self._run_ids[trial_id], end)

    def save(self, checkpoint_path: str) -> None:
        """Save nothing: a study is continued from its journal, never from a pickle."""


class ConductorScheduler(_Door, FIFOScheduler):
    """Let the conductor decide after every report whether a run goes on."""

    def __init__(self, conductor: Conductor) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._conductor = conductor

    def on_trial_result(self, tune_controller: Any, trial: Trial, result: dict[str, Any]) -> str:
        """Record an epoch or an end; stop what is to be stopped, and what has ended."""
        del tune_controller
        run_id = trial.config["run_id"]
        if result.get("kind") == "end":
            self._conductor.ended(run_id, RunEnd(**_select(RunEnd, result)))
            return str(TrialScheduler.STOP)
        record = EpochRecord(**_select(EpochRecord, result))
        stop = self._conductor.epoch(run_id, record, Worker(**_select(Worker, result)))
        return str(TrialScheduler.STOP if stop else TrialScheduler.CONTINUE)

    def on_trial_error(self, tune_controller: Any, trial: Trial) -> None:
        """Note a run whose worker was lost; one that failed by itself has told so before."""
        del tune_controller
        run_id, failure = trial.config["run_id"], _failure(trial)
        if "OutOfMemory" in failure or "out of memory" in failure:
            self._conductor.ended(run_id, RunEnd(status="failed", reason=failure))
        else:
            self._conductor.lost(run_id, failure)


def _select(kind: type[Any], result: dict[str, Any]) -> dict[str, Any]:
    """Return the parts of a report that a dataclass has; Ray adds many of its own, and flattens mappings."""
    names = {field.name for field in fields(kind)}
    parts = {name: value for name, value in result.items() if name in names}
    for name, value in result.items():
        outer, is_inner, inner = name.partition("/")
        if is_inner and outer in names:
            parts[outer] = {**parts.get(outer, {}), inner: value}
    return parts


def _failure(trial: Trial) -> str:
    """Return what Ray knows of a trial's failure: the line that names the error."""
    path = Path(trial.error_file) if trial.error_file else None
    text = path.read_text(encoding="utf-8") if path and path.exists() else ""
    lines = [line.strip() for line in text.splitlines() if "Error" in line]
    return lines[-1][:300] if lines else "the worker process was lost"


class StartCallback(_Door, Callback):
    """Tell the conductor when a run really begins."""

    def __init__(self, conductor: Conductor) -> None:
        self._conductor = conductor

    def on_trial_start(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:
        """Record the start."""
        del iteration, trials, info
        self._conductor.started(trial.config["run_id"])


class InterruptStopper(_Door, Stopper):
    """End the experiment once the conductor is interrupted."""

    def __init__(self, conductor: Conductor) -> None:
        self._conductor = conductor

    def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:
        """Stop no single run: that is the scheduler's part."""
        del trial_id, result
        return False

    def stop_all(self) -> bool:
        """Return whether everything is to stop; Tune asks at every turn of its loop."""
        self._conductor.keep_in_time()
        return self._conductor.is_interrupted
