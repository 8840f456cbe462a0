"""The kinds of clusters there are; to submit a study to one, to do it again, to see how far the study is."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from harness.cluster.exclusive import exclusive, in_place, texts_of, undisturbed
from harness.cluster.reserved import reserved
from harness.cluster.submit_folder import NothingSubmittedError, SubmitFolder, SubmitRecord, TargetName
from harness.cluster.target import Request, Target
from harness.errors import ResultsError
from harness.records.events import RunEnded
from harness.records.folder import ResultsFolder
from harness.records.journal import read_journal
from harness.study.submission import KubeRaySite, RaySite, SlurmSite

_RECORD_BYTES = 8192
"""Room that is kept for a record: more than one takes, the ids of the submissions before it aside."""


def _slurm(settings: Any = None) -> Target:
    from harness.cluster.slurm.job import SlurmTarget

    return SlurmTarget(settings)


def _ray(settings: Any = None) -> Target:
    from harness.cluster.ray_jobs.job import RayTarget

    return RayTarget(settings)


def _kuberay(settings: Any = None) -> Target:
    from harness.cluster.kuberay.job import KubeRayTarget

    return KubeRayTarget(settings)


@dataclass(frozen=True, kw_only=True)
class TargetSpec:
    """One kind of cluster."""

    summary: str
    settings: type[BaseModel]
    """What may be set for it; each field is a flag of the command."""
    make: Callable[..., Target]
    """With settings to submit, without to look after what was submitted. Imports what the target needs."""


TARGETS: Mapping[TargetName, TargetSpec] = {
    "slurm": TargetSpec(summary="a job of Slurm", settings=SlurmSite, make=_slurm),
    "ray": TargetSpec(summary="a job on a Ray cluster that exists", settings=RaySite, make=_ray),
    "kuberay": TargetSpec(
        summary="a Ray cluster of its own in Kubernetes", settings=KubeRaySite, make=_kuberay
    ),
}


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """What a submission would use; nothing of it is on disk yet."""

    texts: Mapping[str, str]
    """Name below `RUN_DIR/submit/` to text, the one to look at first."""
    study: str
    """The text of the study file."""
    answer: str | None
    """What the cluster said of them; None where it could not be asked."""


def prepare(target: Target, request: Request, *, fresh: bool) -> Prepared:
    """Render a submission and let the cluster look at it; what the folder holds stays as it is.

    Of an earlier submission nobody is asked: `hand_over` does that, once no other command can come between.

    Args:
        target: The cluster.
        request: What is to be submitted.
        fresh: Refuse to continue what the folder already holds.

    Raises:
        ResultsError: The folder holds results and `fresh` is asked for.
        HarnessError: The cluster would refuse.
    """
    texts = target.render(request)
    folder = request.folder
    if fresh and ResultsFolder(folder.run_dir).manifest.exists():
        raise ResultsError(
            f"{folder.run_dir}: already holds results, and --fresh asks for none. Remedy: leave out --fresh "
            f"to continue them, or give another folder with --run-dir DIR.",
            place=folder.run_dir,
        )
    return Prepared(texts=texts, study=request.study.text, answer=target.check(texts, folder))


def earlier_submission(folder: SubmitFolder) -> SubmitRecord | None:
    """Return what was submitted from a folder last; None if nothing was.

    Raises:
        ResultsError: Its record is damaged.
    """
    try:
        return SubmitRecord.read(folder.record)
    except NothingSubmittedError:
        return None


def _refuse_while_under_way(record: SubmitRecord | None, folder: SubmitFolder) -> None:
    """Refuse to submit a study that the cluster still has.

    Args:
        record: The submission before this one.
        folder: Where it was submitted from.

    Raises:
        ResultsError: It has.
    """
    if record is None:
        return
    state = TARGETS[record.target].make().state(record, folder)
    if not state.is_over:
        raise ResultsError(
            f"{folder.run_dir}: {record.target} job {record.id} is {state.phase}, and a second one would "
            f"wait for its results folder. Remedy: wait for it, or end it with "
            f"`python -m harness.submit cancel RUN_DIR`.",
            place=folder.run_dir,
        )


def hand_over(target: Target, folder: SubmitFolder, prepared: Prepared | None = None) -> SubmitRecord:
    """Submit, and note under which id: one command at a time, and no interruption between the two.

    Args:
        target: The cluster.
        folder: The folder of the submission.
        prepared: What takes the place of the folder's files; these themselves if None.

    Raises:
        ResultsError: Another submission from this folder is under way, or the folder cannot be written.
        NoAnswerError: The cluster did not answer in time, or the user gave up waiting: it may have the job.
        HarnessError: The cluster refuses or cannot be reached.
    """
    texts = {} if prepared is None else {**prepared.texts, folder.study_file.name: prepared.study}
    with exclusive(folder):
        earlier = earlier_submission(folder)
        _refuse_while_under_way(earlier, folder)
        before = [] if earlier is None else [*earlier.earlier, earlier.id]
        room = _RECORD_BYTES + sum(map(len, before))
        with _writing(folder), reserved(folder.record, room) as keep, undisturbed() as put_off:
            with in_place(folder, texts), put_off.waiting():
                record = target.submit(folder).model_copy(update={"earlier": before})
            try:
                keep(record.text)
            except OSError as error:
                raise _unrecorded(record, folder, error) from error
    return record


@contextmanager
def _writing(folder: SubmitFolder) -> Iterator[None]:
    """Say what is wrong with a folder that cannot be written.

    Raises:
        ResultsError: It cannot.
    """
    try:
        yield
    except OSError as error:
        raise ResultsError(
            f"{folder.root}: cannot be written ({error.strerror or error}). Nothing was submitted. Remedy: "
            f"free space there, or --run-dir DIR with a writable DIR.",
            place=folder.root,
        ) from error


def _unrecorded(record: SubmitRecord, folder: SubmitFolder, error: OSError) -> ResultsError:
    """Return what is told of a job whose record could not be written: all that the record would hold."""
    return ResultsError(
        f"{folder.record}: cannot be written ({error.strerror or error}), but the job was submitted: "
        f"{record.target} job {record.id}. Remedy: write this file with the lines below, and status, logs, "
        f"cancel and resume know the job.\n{record.text}",
        place=folder.record,
    )


def resubmit(folder: SubmitFolder) -> SubmitRecord:
    """Submit the same files again: the sweep goes on where its journal ends.

    Raises:
        ResultsError: Nothing was submitted from this folder, or it is still under way.
        HarnessError: The cluster refuses or cannot be reached.
    """
    record = SubmitRecord.read(folder.record)
    target = TARGETS[record.target].make()
    target.check(texts_of(folder), folder)
    return hand_over(target, folder)


def runs_by_status(folder: ResultsFolder) -> Counter[str]:
    """Return how many runs ended, by status; of a journal under way, up to the line being written."""
    counts: Counter[str] = Counter()
    # No journal yet, or half a line at its end: that is for a sweep to judge, not for a look at it.
    with suppress(ResultsError):
        for event in read_journal(folder):
            if isinstance(event, RunEnded):
                counts[event.status] += 1
    return counts
