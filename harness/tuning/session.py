"""A session of a study: start or join a Ray, train in it what is left, record."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from harness.code.named import named_code
from harness.errors import HarnessError, ResultsError, unusable
from harness.manifest import Manifest
from harness.recipe.data import DataFacts
from harness.records.events import Event
from harness.records.folder import ResultsFolder
from harness.records.journal import JournalWriter
from harness.records.provenance import DECIDING_VERSIONS, gpu_names, usable_cores
from harness.study.datasets import label_of
from harness.study.plan import Plan
from harness.study.study import Study
from harness.training.data.prepare import PreparedDataset
from harness.tuning.cluster_slots import ClusterSlots
from harness.tuning.conductor import Conductor
from harness.tuning.given_labels import labels_to_give
from harness.tuning.interruption import Interruption
from harness.tuning.joined_ray import joined_ray
from harness.tuning.kept_weights import KeptWeights
from harness.tuning.lean_ray import in_waiting_workers
from harness.tuning.local_ray import is_connecting, local_ray
from harness.tuning.looks import Look, TakeLook
from harness.tuning.node_checks import check_cluster_fits, check_nodes
from harness.tuning.optuna_journal import written_storage
from harness.tuning.progress import Progress
from harness.tuning.record import Record
from harness.tuning.step_times import StepTimes
from harness.tuning.time_limit import ends_after
from harness.tuning.watchdog import watched_raylet

_WORKERS_IMPORTS = ("ray.tune", "pydantic")
_TRAINERS_IMPORTS = (*_WORKERS_IMPORTS, "torch")
"""What a worker imports that runs a program, or trains itself."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How a session ended."""

    failed_runs: int
    is_interrupted: bool
    had_nothing_to_do: bool = False
    """The study was finished before."""
    trained: tuple[float, float] | None = None
    """When the first epoch began and the last run ended, by `time.monotonic`; None where nothing trained."""


@dataclass(frozen=True, kw_only=True)
class Session:
    """What a session starts from."""

    study: Study
    plan: Plan
    folder: ResultsFolder
    address: str
    say: Callable[[str], None]
    interruption: Interruption
    prepared: Sequence[PreparedDataset]
    """The study's data sets, in its order."""
    sha256: str
    """Of the declaration that lies in the folder."""
    manifest: Manifest
    events: Sequence[Event]
    take_look: TakeLook
    sources: Mapping[str, str]
    """Of the code that the study names: what a worker hashes again before it imports."""

    @property
    def is_joined(self) -> bool:
        """Whether it runs on a cluster that was there before."""
        return self.address != "local"

    @property
    def facts(self) -> dict[str, DataFacts]:
        """What is known of each data set, by what a configuration calls it."""
        parts = zip(self.study.by_dataset.values(), self.prepared, strict=False)
        return {part.dataset: prepared.spec.facts for part, prepared in parts}

    def look(self, n: int) -> Look:
        """Take a look, and say what it found."""
        seen = self.take_look(n)
        self.say(f"look at {n} replicates: {seen.why}")
        return seen

    def write_slots(self, slots: int) -> None:
        """Write the manifest with the number of runs that could train at the same time."""
        self.manifest.model_copy(update={"slots": slots}).write(self.folder.manifest)


def run_session(session: Session, journal: JournalWriter) -> Outcome:
    """Run what is left of a study."""
    storage, optuna_journal = written_storage(session.folder.optuna_journal)
    progress = Progress(session.study, session.plan)
    for event in session.events:
        progress.recall(event)
    step_times = StepTimes({} if session.is_joined else session.facts, session.study.resources)
    record = Record(
        journal,
        optuna_journal,
        sha256=session.sha256,
        has_begun=bool(session.events),
        labels=labels_to_give(session.study, session.prepared, session.events),
        watchers=[progress.take, step_times.take, *_kept_weights(session)],
    )
    conductor = Conductor(session.study, session.plan, storage, record.write, session.look, record.sync)
    conductor.replay(session.events)
    conductor.look()
    conductor.keep()
    if conductor.fault is not None:
        raise conductor.fault
    if conductor.is_over:
        return Outcome(failed_runs=progress.count("failed"), is_interrupted=False, had_nothing_to_do=True)
    optuna_journal.release()
    session.say(f"joining Ray at {session.address}" if session.is_joined else "starting Ray")
    with ends_after(session.study.search.max_hours, conductor.interrupt, session.say):
        while not _run_in_ray(session, conductor, progress):
            conductor.out_of_memory()
            session.say("memory ran out and Ray killed a worker; going on")
    if conductor.fault is not None:
        raise conductor.fault
    try:
        step_times.keep()
    except HarnessError as error:
        session.say(f"note: how long a step takes here could not be kept for later estimates ({error})")
    return Outcome(
        failed_runs=progress.count("failed"),
        is_interrupted=not conductor.is_over,
        trained=progress.trained,
    )


def _run_in_ray(session: Session, conductor: Conductor, progress: Progress) -> bool:
    """Start or join a Ray and run in it what is left; return False if that ended for lack of memory."""
    study, say = session.study, session.say
    with ExitStack() as to_leave:
        with session.interruption.put_off(is_connecting):
            temporary = to_leave.enter_context(_ray(session))
        from harness.tuning.experiment import run_in_tune  # takes seconds, in which workers begin

        if not session.is_joined:
            to_leave.enter_context(in_waiting_workers())
        asked = study.resources
        if beside := session.manifest.beside:
            say(f"runs: {beside.in_words()}; resources.concurrency decides otherwise")
            asked = asked.model_copy(update={"concurrency": beside.number})
        slots = ClusterSlots(asked, say, is_joined=session.is_joined)
        check_cluster_fits(study, say, may_grow=slots.may_grow)
        if session.is_joined:
            check_nodes(study, session.folder, session.prepared, say)
        session.write_slots(slots.now)
        ends = session.interruption.ends_by(conductor.interrupt)
        with progress.shown(slots.now), ends, watched_raylet():
            has_memory = run_in_tune(conductor, study, _pinned(session), slots, temporary)
            conductor.keep()
        session.write_slots(slots.most)
    return has_memory


def _kept_weights(session: Session) -> Iterator[Callable[[Event], None]]:
    """Make the folder of weights, if some are kept, and yield what removes those that are not the best.

    Raises:
        ResultsError: It cannot be made.
    """
    study, folder = session.study, session.folder.weights
    if study.confirm.keep == "none":
        return
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise ResultsError(unusable(folder, "made", error)) from error
    if study.confirm.keep == "best":
        searched = {arm.name for arm in study.arms if arm.space}
        kept = KeptWeights(folder, study.goal, searched, session.say)
        for event in session.events:
            kept.take(event)
        yield kept.take


def _pinned(session: Session) -> dict[str, Any]:
    """Return with what alone a worker trains; see `run_in_tune`."""
    from harness.tuning.program_trial import ProgramSpec

    study = session.study
    parts = zip(study.by_dataset.values(), session.prepared, strict=True)
    program = ProgramSpec.of(study, session.folder)
    return {
        "sha256": {label_of(part.dataset): prepared.sha256 for part, prepared in parts},
        "versions": {name: session.manifest.versions.get(name) for name in DECIDING_VERSIONS},
        "program": asdict(program) if program else None,
        "code": named_code(study).as_plain(),
        "weights": None if study.confirm.keep == "none" else str(session.folder.weights),
        "sources": dict(session.sources),
    }


def _ray(session: Session) -> AbstractContextManager[Path]:
    if session.is_joined:
        return joined_ray(session.address)
    imports = _TRAINERS_IMPORTS if session.study.trial is None else _WORKERS_IMPORTS
    gpus = len(gpu_names()) if session.study.resources.gpu else 0
    return local_ray(usable_cores(), gpus, session.manifest.slots, imports)
