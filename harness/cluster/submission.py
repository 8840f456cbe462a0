"""The kinds of clusters there are; to submit a study to one, to do it again, to see how far the study is."""

from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from harness.cluster.submit_folder import SubmitFolder, SubmitRecord, TargetName
from harness.cluster.target import Request, Target
from harness.errors import ResultsError
from harness.records.events import RunEnded
from harness.records.folder import ResultsFolder
from harness.records.journal import read_journal
from harness.study.submission import KubeRaySite, RaySite, SlurmSite


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
    """What a submission would use, on disk."""

    files: Mapping[Path, str]
    """Path to text, the one to look at first."""
    answer: str | None
    """What the cluster said of them; None where it could not be asked."""


def prepare(target: Target, request: Request, *, fresh: bool) -> Prepared:
    """Write the files of a submission and let the cluster look at them.

    Args:
        target: The cluster.
        request: What is to be submitted.
        fresh: Refuse to continue what the folder already holds.

    Raises:
        ResultsError: The folder holds results and `fresh` is asked for, an earlier submission is not over, or
            the folder cannot be written.
        HarnessError: The cluster would refuse.
    """
    texts = target.render(request)
    folder = request.folder
    if fresh and ResultsFolder(folder.run_dir).manifest.exists():
        raise ResultsError(
            f"{folder.run_dir}: already holds results, and --fresh asks for none. Remedy: leave out --fresh "
            f"to continue them, or give another folder with --run-dir DIR."
        )
    refuse_while_under_way(folder)
    files = {folder.root / name: text for name, text in texts.items()}
    try:
        folder.run_dir.mkdir(parents=True, exist_ok=True)
        folder.root.mkdir(mode=0o700, exist_ok=True)  # values of --env may be secret
        folder.study_file.write_text(request.study.text, encoding="utf-8")
        for path, text in files.items():
            path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ResultsError(
            f"{folder.root}: cannot be written ({error.strerror}). Remedy: --run-dir DIR with a writable DIR."
        ) from error
    return Prepared(files=files, answer=target.check(folder))


def refuse_while_under_way(folder: SubmitFolder) -> None:
    """Refuse to submit a study that the cluster still has.

    Raises:
        ResultsError: It has.
    """
    if not folder.record.exists():
        return
    record = SubmitRecord.read(folder.record)
    state = TARGETS[record.target].make().state(record, folder)
    if not state.is_over:
        raise ResultsError(
            f"{folder.run_dir}: {record.target} job {record.id} is {state.phase}, and a second one would "
            f"wait for its results folder. Remedy: wait for it, or end it with "
            f"`python -m harness.submit cancel RUN_DIR`."
        )


def hand_over(target: Target, folder: SubmitFolder) -> SubmitRecord:
    """Submit the written files, and note under which id.

    Raises:
        HarnessError: The cluster refuses or cannot be reached.
    """
    earlier = SubmitRecord.read(folder.record) if folder.record.exists() else None
    record = target.submit(folder)
    if earlier is not None:
        record = record.model_copy(update={"earlier": [*earlier.earlier, earlier.id]})
    record.write(folder.record)
    return record


def resubmit(folder: SubmitFolder) -> SubmitRecord:
    """Submit the same files again: the sweep goes on where its journal ends.

    Raises:
        ResultsError: Nothing was submitted from this folder, or it is still under way.
        HarnessError: The cluster refuses or cannot be reached.
    """
    record = SubmitRecord.read(folder.record)
    refuse_while_under_way(folder)
    target = TARGETS[record.target].make()
    target.check(folder)
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
