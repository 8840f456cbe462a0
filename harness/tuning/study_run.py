"""Run a whole study, or the rest of it: check, declare, train, record."""

import logging
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import optuna

from harness.errors import ResultsError
from harness.records.events import Event
from harness.records.folder import ResultsFolder
from harness.records.journal import JournalWriter
from harness.records.lock import FolderLock
from harness.records.manifest import Manifest, Resumption
from harness.records.provenance import gpu_names, usable_cores
from harness.records.recovery import recover_journal
from harness.study.plan import Plan, plan_study
from harness.study.study import Study
from harness.training.data.prepare import prepare_dataset
from harness.tuning.conductor import Conductor
from harness.tuning.continuation import accepted_changes
from harness.tuning.declaration import COMMAND, declare
from harness.tuning.interruption import on_interrupt
from harness.tuning.local_ray import joined_ray, local_ray
from harness.tuning.optuna_journal import written_storage
from harness.tuning.preflight import check_folder, check_run_fits, dataset_of
from harness.tuning.progress import Progress
from harness.tuning.watchdog import watched_raylet


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How a session ended."""

    failed_runs: int
    is_interrupted: bool
    had_nothing_to_do: bool = False
    """The study was finished before."""


@dataclass(frozen=True, kw_only=True)
class _Session:
    """What a session starts from."""

    manifest: Manifest
    events: Sequence[Event]


def run_study(
    study: Study, folder: ResultsFolder, address: str, say: Callable[[str], None], *, resume: bool
) -> Outcome:
    """Run a study that passed `preflight`, from its start or from where its journal ends.

    Args:
        study: The parsed study.
        folder: Where its results go.
        address: `local`, `auto` or `HOST:PORT` of a Ray cluster.
        say: Takes short messages for the user.
        resume: Continue what the folder holds.

    Raises:
        ResultsError: The results folder cannot be written, belongs to another sweep, holds another study, or
            is damaged beyond what is certain to be right.
        EnvironmentMismatchError: The cluster cannot run what the study asks for.
        DataError: The data set cannot be found or is damaged.
    """
    prepared = prepare_dataset(dataset_of(study), progress=say)
    plan = plan_study(study)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    with FolderLock(folder.lock):
        check_folder(folder, resume=resume)
        declared = declare(study, plan, prepared, _local_slots(study) if address == "local" else 0)
        session = _continue(folder, declared, say) if resume else _begin(folder, declared, study)
        with _tidied_unless_begun(folder), JournalWriter(folder.journal) as journal:
            return _run_session(study, plan, session, folder, journal, address=address, say=say)


def _begin(folder: ResultsFolder, declared: Manifest, study: Study) -> _Session:
    """Write down what the study is before its first run."""
    try:
        folder.study_file.write_text(study.text, encoding="utf-8")
        declared.write(folder.manifest)
    except OSError as error:
        raise ResultsError(f"{folder.root}: cannot be written ({error.strerror})") from error
    return _Session(manifest=declared, events=[])


def _continue(folder: ResultsFolder, declared: Manifest, say: Callable[[str], None]) -> _Session:
    """Read what happened, and check that what is asked for now continues it."""
    before = Manifest.read(folder.manifest)
    recovery = recover_journal(folder)
    changes = accepted_changes(before, declared, recovery.events)
    for line in filter(None, [recovery.loss, *changes]):
        say(line)
    now = datetime.now(UTC).isoformat(timespec="seconds")
    command = [*COMMAND, *sys.argv[1:]]
    step = Resumption(at=now, command=command, changes=changes, loss=recovery.loss)
    budgets = ("question", "arms", "search", "confirm", "confirm_seeds", "resources", "slots")
    grown = {name: getattr(declared, name) for name in budgets}
    return _Session(
        manifest=before.model_copy(update={**grown, "resumed": [*before.resumed, step]}),
        events=recovery.events,
    )


@contextmanager
def _tidied_unless_begun(folder: ResultsFolder) -> Iterator[None]:
    """Leave no results folder behind when starting failed before the first event."""
    try:
        yield
    except BaseException:
        if folder.journal.exists() and folder.journal.stat().st_size == 0:
            for path in (folder.journal, folder.manifest, folder.study_file, folder.optuna_journal):
                path.unlink(missing_ok=True)
        raise


def _run_session(
    study: Study,
    plan: Plan,
    session: _Session,
    folder: ResultsFolder,
    journal: JournalWriter,
    *,
    address: str,
    say: Callable[[str], None],
) -> Outcome:
    """Run what is left of a study."""
    storage, optuna_journal = written_storage(folder.optuna_journal)
    progress = Progress(study, plan)
    for event in session.events:
        progress.recall(event)

    def write(event: Event) -> None:
        journal.append(event)
        progress.take(event)

    conductor = Conductor(study, plan, storage, write)
    conductor.replay(session.events)
    if conductor.is_over:
        return Outcome(failed_runs=progress.count("failed"), is_interrupted=False, had_nothing_to_do=True)
    optuna_journal.release()
    say("starting Ray" if address == "local" else f"joining Ray at {address}")
    while True:
        with _ray(study, address) as temporary:
            slots = _cluster_slots(study)
            session.manifest.model_copy(update={"slots": slots}).write(folder.manifest)
            with progress.shown(slots), on_interrupt(conductor.interrupt), watched_raylet():
                has_memory = _run_in_tune(conductor, study, slots, temporary)
        if has_memory:
            break
        conductor.out_of_memory()
        say("memory ran out and Ray killed a worker; going on")
    if conductor.fault is not None:
        raise conductor.fault
    return Outcome(failed_runs=progress.count("failed"), is_interrupted=not conductor.is_over)


def _ray(study: Study, address: str) -> AbstractContextManager[Path]:
    if address != "local":
        return joined_ray(address)
    return local_ray(usable_cores(), len(gpu_names()) if study.resources.gpu else 0)


def _local_slots(study: Study) -> int:
    return _slots(study, usable_cores(), len(gpu_names()))


def _cluster_slots(study: Study) -> int:
    """Return how many runs fit into the Ray that was started or joined.

    Raises:
        EnvironmentMismatchError: Not even one does.
    """
    import ray

    there: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]
    cpus, gpus = there.get("CPU", 0), there.get("GPU", 0)
    check_run_fits(study, cpus, gpus, "the cluster")
    return _slots(study, cpus, gpus)


def _slots(study: Study, cpus: float, gpus: float) -> int:
    """Return how many runs may train beside each other."""
    asked = study.resources
    slots = int(cpus // asked.cpu)
    if asked.gpu:
        slots = min(slots, int(gpus / asked.gpu))
    return min(slots, asked.concurrency or slots)


def _run_in_tune(conductor: Conductor, study: Study, slots: int, temporary: Path) -> bool:
    """Run everything the conductor hands out as one Tune experiment.

    Returns: False if the experiment ended because memory ran out. Ray's monitor then kills a worker with an
        error that Tune does not count among those of workers, and gives up.
    """
    from ray import tune
    from ray.exceptions import OutOfMemoryError
    from ray.tune.logger import JsonLoggerCallback

    from harness.tuning.ray_adapters import (
        ConductorScheduler,
        ConductorSearcher,
        InterruptStopper,
        StartCallback,
        run_in_worker,
    )

    logging.getLogger("ray.tune").setLevel(logging.CRITICAL)  # failures are in the journal and on the screen
    resources = study.resources
    settings = {
        "threads": resources.cpu,
        "device": "cuda" if resources.gpu else "cpu",
        "best_by": study.search.metric if study.search.winner == "best" else None,
        "stall_seconds": 60 * resources.stall_minutes if resources.stall_minutes else None,
    }
    tuner = tune.Tuner(
        tune.with_resources(run_in_worker, {"cpu": resources.cpu, "gpu": resources.gpu}),
        tune_config=tune.TuneConfig(
            search_alg=ConductorSearcher(conductor, settings),
            scheduler=ConductorScheduler(conductor),
            num_samples=-1,
            max_concurrent_trials=slots,
            reuse_actors=not resources.own_process,
            trial_dirname_creator=lambda trial: str(trial.config["run_id"]),
        ),
        run_config=tune.RunConfig(
            name="tune",
            storage_path=str(temporary / "storage"),
            verbose=0,
            stop=InterruptStopper(conductor),
            # Without JsonLogger Tune cannot build its result grid; its files go with the temporary folder.
            callbacks=[StartCallback(conductor), JsonLoggerCallback()],  # type: ignore[no-untyped-call]
        ),
    )
    try:
        tuner.fit()
    except RuntimeError as error:
        if isinstance(error.__cause__, OutOfMemoryError):
            return False
        raise
    return True
