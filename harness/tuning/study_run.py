"""Run a whole study, or the rest of it: check what there is, declare or continue, then a session trains."""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress

import optuna

from harness.code.trust import check_trusted
from harness.declaration import Declaration
from harness.errors import ResultsError, StudyError
from harness.manifest import Manifest, Resumption
from harness.recipe.data import DatasetSpec
from harness.records.events import Event, StudyDeclared
from harness.records.folder import ResultsFolder
from harness.records.journal import JournalWriter, write_journal
from harness.records.lock import FolderLock
from harness.records.provenance import as_text, gpu_names, usable_cores, utc_now
from harness.records.recovery import keep_damaged, mend_journal, recover_journal
from harness.records.whole_file import write_file
from harness.study.feasible import oddities
from harness.study.plan import Plan, plan_study
from harness.study.study import Study
from harness.training.beside import known_beside
from harness.training.data.prepare import prepare_dataset
from harness.tuning.belonging import check_journal_belongs
from harness.tuning.cluster_slots import runs_that_fit
from harness.tuning.continuation import Begun, accepted_changes, check_sealed
from harness.tuning.declaration import COMMAND, declare, describe
from harness.tuning.interruption import Interruption
from harness.tuning.looks import TakeLook
from harness.tuning.parent import Parent, named_again
from harness.tuning.preflight import check_folder
from harness.tuning.session import Outcome, Session, run_session
from harness.tuning.taking_over import Takeover, take_over


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
    prepared = [prepare_dataset(part.dataset, progress=say) for part in study.by_dataset.values()]
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
        manifest = _described_here(study, sha256, specs, address)
        if begun is not None:
            sha256, manifest, events = _continue(folder, study, specs, (begun, manifest), say)
            check_journal_belongs(declaration, events, folder.journal)
        if study.parent is not None and not events:
            parent = parent or _parent_again(study, declaration)
        taken = take_over(parent, study, plan, declaration) if parent else None
        if begun is None:
            _begin(folder, declaration, manifest, study)
            _say_oddities(study, plan, specs, say)
        else:
            _mend(folder, manifest, say)
        if taken is not None:
            events = _take_over(folder, taken, sha256, say)
        session = Session(
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
            return run_session(session, journal)


def _described_here(study: Study, sha256: str, specs: Sequence[DatasetSpec], address: str) -> Manifest:
    """Return where a study runs, in a private Ray with how many runs will train beside each other."""
    if address != "local":
        return describe(study, sha256, 0)
    parts = zip(study.by_dataset.values(), specs, strict=True)
    beside = known_beside(study, {part.dataset: spec.facts for part, spec in parts})
    fitting = runs_that_fit(study.resources, usable_cores(), len(gpu_names()))
    slots = min(fitting, study.resources.concurrency or (beside.number if beside else fitting))
    return describe(study, sha256, slots).model_copy(update={"beside": beside})


def _say_oddities(study: Study, plan: Plan, specs: Sequence[DatasetSpec], say: Callable[[str], None]) -> None:
    """Say what is odd about a study and its data sets, though it can run."""
    odd = list(oddities(study, plan, None)) if study.trial is not None else []
    for part, spec in zip(study.by_dataset.values(), specs, strict=True):
        odd += oddities(part, plan_study(part), spec.facts)
    for oddity in odd:
        say(f"note: {oddity}")


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
    """Read what happened, and check that what is asked for now continues it; nothing is changed."""
    begun, manifest = before_and_now
    recovery = recover_journal(folder)
    check_sealed(folder, begun, recovery.events)
    changes = accepted_changes(begun, study, specs, manifest)
    for change in changes:
        say(change.in_words())
    command = [*COMMAND, *as_text(sys.argv[1:])]
    step = Resumption(at=utc_now(), command=command, changes=changes, loss=recovery.loss)
    before = begun.manifest
    asked = {"resources": manifest.resources, "slots": manifest.slots, "beside": manifest.beside}
    continued = before.model_copy(update={**asked, "resumed": [*before.resumed, step]})
    return begun.sha256, continued, list(recovery.events)


def _mend(folder: ResultsFolder, manifest: Manifest, say: Callable[[str], None]) -> None:
    """Mend the journal where this session found it damaged; where there is no room for that, change nothing.

    The manifest tells of it first: a crash in between makes it told twice, and never not at all.
    """
    loss = manifest.resumed[-1].loss
    if loss is None:
        return
    before = folder.manifest.read_bytes()
    keep_damaged(folder, loss)
    try:
        manifest.write(folder.manifest)
        mend_journal(folder)
    except ResultsError:
        with suppress(ResultsError):  # no room even for this: then it was not written anew either
            write_file(folder.manifest, before)
        with suppress(OSError):
            (folder.root / loss.kept_as).unlink()
        raise
    say(loss.in_words())


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
