"""Run a whole study, or the rest of it: check, declare, train, record."""

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import optuna

from harness.code.sources import named_code
from harness.code.trust import check_trusted
from harness.declaration import Declaration
from harness.errors import HarnessError, ResultsError, StudyError, unusable
from harness.manifest import Manifest, Resumption, RunsBeside
from harness.recipe.data import DataFacts, DatasetSpec
from harness.records.events import Event, StudyDeclared
from harness.records.folder import ResultsFolder
from harness.records.journal import JournalWriter, write_journal
from harness.records.lock import FolderLock
from harness.records.provenance import DECIDING_VERSIONS, as_text, gpu_names, usable_cores, utc_now
from harness.records.recovery import recover_journal
from harness.records.whole_file import write_file
from harness.study.datasets import label_of
from harness.study.feasible import oddities
from harness.study.plan import Plan, plan_study
from harness.study.study import Study
from harness.training.beside import known_beside
from harness.training.data.prepare import PreparedDataset, prepare_dataset
from harness.tuning.cluster_slots import ClusterSlots, runs_that_fit
from harness.tuning.conductor import Conductor
from harness.tuning.continuation import Begun, accepted_changes, check_journal_belongs, check_sealed
from harness.tuning.declaration import COMMAND, declare, describe
from harness.tuning.given_labels import labels_to_give
from harness.tuning.interruption import Interruption
from harness.tuning.joined_ray import joined_ray
from harness.tuning.kept_weights import KeptWeights
from harness.tuning.lean_ray import in_waiting_workers
from harness.tuning.local_ray import is_connecting, local_ray
from harness.tuning.looks import Look, TakeLook
from harness.tuning.node_checks import check_cluster_fits, check_nodes
from harness.tuning.optuna_journal import written_storage
from harness.tuning.parent import Parent, named_again
from harness.tuning.preflight import check_folder
from harness.tuning.progress import Progress
from harness.tuning.record import Record
from harness.tuning.step_times import StepTimes
from harness.tuning.taking_over import Takeover, take_over
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
class _Session:
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


def run_study(
    study: Study,
    folder: ResultsFolder,
    address: str,
    say: Callable[[str], None],
    interruption: Interruption,
    *,
    take_look: TakeLook,
    resume: bool,
    trust: str | None = None,
) -> Outcome:
    """Run a study that passed `preflight`, from its start or from where its journal ends.

    Args:
        study: The parsed study.
        folder: Where its results go.
        address: `local`, `auto` or `HOST:PORT` of a Ray cluster.
        say: Takes short messages for the user.
        interruption: Hears the signals that ask the sweep to end.
        take_look: Rules the claims at the looks of a sequential plan, by what the folder holds.
        resume: Continue what the folder holds.
        trust: What came with `--trust`, where the study names code of its own.

    Raises:
        StudyError: The study names code that is not trusted.
        ResultsError: The results folder cannot be written, belongs to another sweep, holds another study, or
            is damaged beyond what is certain to be right.
        EnvironmentMismatchError: The cluster cannot run what the study asks for.
        DataError: The data set cannot be found or is damaged.
    """
    sources = check_trusted(study, trust)
    alone = list(study.by_dataset.values())
    prepared = [prepare_dataset(part.dataset, progress=say) for part in alone]
    specs = [data.spec for data in prepared]
    plan = plan_study(study)
    parent = None if resume else Parent.of(study)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    with FolderLock(folder.lock):
        check_folder(folder, resume=resume)
        begun = Begun.read(folder) if resume else None
        named = named_again(study, begun.declaration) if begun else parent.declared if parent else None
        declaration = declare(study, plan, *specs, sources=sources, parent=named)
        sha256, events = declaration.sha256, list[Event]()
        parts = zip(alone, specs, strict=True)
        facts = {part.dataset: spec.facts for part, spec in parts}
        beside = known_beside(study, facts) if address == "local" else None
        slots = _local_slots(study, beside) if address == "local" else 0
        manifest = describe(study, sha256, slots).model_copy(update={"beside": beside})
        if begun is not None:
            sha256, manifest, events = _continue(folder, study, specs, (begun, manifest), say)
            check_journal_belongs(declaration, events, folder.journal)
        if study.parent is not None and not events:
            parent = parent or _parent_again(study, declaration)
        taken = take_over(parent, study, plan, declaration) if parent else None
        if begun is None:
            _begin(folder, declaration, manifest, study)
            if study.trial is not None:
                for oddity in oddities(study, plan, None):
                    say(f"note: {oddity}")
            for part, spec in zip(alone, specs, strict=True):
                for oddity in oddities(part, plan_study(part), spec.facts):
                    say(f"note: {oddity}")
        if taken is not None:
            events = _take_over(folder, taken, sha256, say)
        session = _Session(
            study=study,
            plan=plan,
            folder=folder,
            address=address,
            say=say,
            interruption=interruption,
            prepared=prepared,
            sha256=sha256,
            manifest=manifest,
            events=events,
            take_look=take_look,
            sources=sources,
        )
        with _tidied_unless_begun(folder), JournalWriter(folder.journal) as journal:
            return _run_session(session, journal)


def _begin(folder: ResultsFolder, declared: Declaration, manifest: Manifest, study: Study) -> None:
    """Write down what the study is before its first run; last the manifest, which makes it a study's."""
    try:
        write_file(folder.study_file, study.text)
        declared.write(folder)
        manifest.write(folder.manifest)
    except ResultsError:
        for path in (folder.declaration, folder.study_file):
            with suppress(OSError):
                path.unlink(missing_ok=True)
        raise


def _parent_again(study: Study, declaration: Declaration) -> Parent | None:
    """Return the parent of a study that was declared and took nothing over before it was interrupted.

    Raises:
        StudyError: It cannot be read, or is not any more what was declared.
    """
    parent = Parent.of(study)
    if parent is not None and parent.declared != declaration.parent:
        raise StudyError(
            f"{study.path}: parent: {study.parent}: not the study that was declared when this one began. "
            f"Nothing was started. Remedy: bring back the parent's folder as it was, or begin anew with "
            f"--results DIR.",
            place=study.path,
        )
    return parent


def _take_over(
    folder: ResultsFolder, taken: Takeover, sha256: str, say: Callable[[str], None]
) -> list[Event]:
    """Begin the journal with the runs that are taken over: all of them, or after a crash none."""
    begins = StudyDeclared(time=utc_now("microseconds"), sha256=sha256)
    events = [begins, *taken.events()]
    taken.copy_weights(folder)
    write_journal(folder.journal, events)
    say(f"taken over from {taken.parent.folder.root}: {len(taken.runs)} runs, which are not trained again")
    return events


def _continue(
    folder: ResultsFolder,
    study: Study,
    specs: Sequence[DatasetSpec],
    before_and_now: tuple[Begun, Manifest],
    say: Callable[[str], None],
) -> tuple[str, Manifest, list[Event]]:
    """Read what happened, and check that what is asked for now continues it."""
    begun, manifest = before_and_now
    recovery = recover_journal(folder)
    check_sealed(folder, begun, recovery.events)
    changes = accepted_changes(begun, study, specs, manifest)
    if recovery.loss is not None:
        say(recovery.loss.in_words())
    for change in changes:
        say(change.in_words())
    command = [*COMMAND, *as_text(sys.argv[1:])]
    step = Resumption(at=utc_now(), command=command, changes=changes, loss=recovery.loss)
    before = begun.manifest
    asked = {"resources": manifest.resources, "slots": manifest.slots, "beside": manifest.beside}
    continued = before.model_copy(update={**asked, "resumed": [*before.resumed, step]})
    return begun.sha256, continued, list(recovery.events)


@contextmanager
def _tidied_unless_begun(folder: ResultsFolder) -> Iterator[None]:
    """Leave no results folder behind when starting failed before the first event."""
    try:
        yield
    except BaseException:
        if folder.journal.exists() and folder.journal.stat().st_size == 0:
            made = (folder.journal, folder.manifest, folder.declaration, folder.study_file)
            for path in (*made, folder.optuna_journal):
                with suppress(OSError):  # why starting failed is what is to be told
                    path.unlink(missing_ok=True)
        raise


def _run_session(session: _Session, journal: JournalWriter) -> Outcome:
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


def _run_in_ray(session: _Session, conductor: Conductor, progress: Progress) -> bool:
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


def _kept_weights(session: _Session) -> Iterator[Callable[[Event], None]]:
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


def _pinned(session: _Session) -> dict[str, Any]:
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


def _ray(session: _Session) -> AbstractContextManager[Path]:
    if session.is_joined:
        return joined_ray(session.address)
    imports = _TRAINERS_IMPORTS if session.study.trial is None else _WORKERS_IMPORTS
    gpus = len(gpu_names()) if session.study.resources.gpu else 0
    return local_ray(usable_cores(), gpus, session.manifest.slots, imports)


def _local_slots(study: Study, beside: RunsBeside | None) -> int:
    """Return how many runs will train beside each other in a private Ray."""
    fitting = runs_that_fit(study.resources, usable_cores(), len(gpu_names()))
    return min(fitting, study.resources.concurrency or (beside.number if beside else fitting))
