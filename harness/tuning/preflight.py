"""What is checked before anything is started; imports neither Ray nor torch, so it answers at once."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from harness.errors import EnvironmentMismatchError, ResultsError, StudyError, reason, unusable
from harness.programs.placeholders import placeholders
from harness.records.folder import STORED_IN, ResultsFolder
from harness.records.provenance import gpu_names, usable_cores
from harness.study.feasible import check_feasible
from harness.study.study import Study
from harness.training import bf16
from harness.training.data.own import facts_of
from harness.tuning.continuation import Begun


def check_before_start(study: Study, folder: ResultsFolder, address: str, *, resume: bool) -> None:
    """Refuse what cannot run.

    Args:
        study: The parsed study.
        folder: Where its results would go.
        address: `local`, or the address of a cluster, whose resources are checked once it is joined.
        resume: Whether the study is to be continued.

    Raises:
        StudyError: Some run could not train on the study's data set.
        DataError: The data set is a user's own and cannot be read.
        ResultsError: The folder already holds a study, or holds none that this version can continue, or
            cannot be written.
        EnvironmentMismatchError: A single run does not fit on this machine, or is not faster in the precision
            that it asks for, or the working directory is gone, or weights would not stay with the results.
    """
    _check_working_directory()
    check_weights_stay(study)
    if address == "local":
        check_run_fits(study, usable_cores(), len(gpu_names()), "this machine")
        check_precision(study)
    if not resume:  # what has begun is taken to its end
        check_program(study)
        for alone in study.by_dataset.values():
            check_feasible(alone, facts_of(alone.dataset))
    check_folder(folder, resume=resume)
    if resume:
        Begun.read(folder)


def check_weights_stay(study: Study) -> None:
    """Refuse to keep weights where results are mirrored into an object storage.

    Raises:
        EnvironmentMismatchError: They are to be kept.
    """
    if STORED_IN in os.environ and study.confirm.keep != "none":
        raise EnvironmentMismatchError(
            f"confirm.keep: {study.confirm.keep}: workers write weights into the results folder. With "
            f"results in an object storage other nodes do not see it, and files that are removed stay there. "
            f"Nothing was started. Remedy: confirm: {{keep: none}}, and python -m harness.winner afterwards, "
            f"which trains them again"
        )


def check_program(study: Study) -> None:
    """Refuse a program that is not there; a study of the built-in training passes.

    Raises:
        StudyError: The program, or a script that it is given, is missing.
    """
    problems = list(_missing_files(study))
    if problems:
        head = f"{study.path}: nothing was started"
        raise StudyError("\n".join([head, *(f"  {told}" for told in problems)]))


def _missing_files(study: Study) -> Iterator[str]:
    """Yield what a program lacks; words with a placeholder are known only once a run has values."""
    trial, folder = study.trial, study.folder
    if trial is None:
        return
    program, *arguments = trial.command
    if not placeholders([program]) and not _is_program(program, folder):
        yield f"trial.command: there is no program {program!r}. Remedy: a name that PATH finds, or its path"
    for word in arguments:
        is_script = word.endswith(".py") and not word.startswith("-") and not placeholders([word])
        if is_script and not (folder / word).is_file():
            yield f"trial.command: there is no {word} in {folder}, where the program is started"


def _is_program(word: str, folder: Path) -> bool:
    if word == "python":
        return True
    return shutil.which(folder / word if os.sep in word else word) is not None


def _check_working_directory() -> None:
    """Refuse to start in a folder that was deleted, in which Ray cannot start any process.

    Raises:
        EnvironmentMismatchError: It was.
    """
    try:
        Path.cwd()
    except OSError as error:
        raise EnvironmentMismatchError(
            f"the working directory is gone ({reason(error)}), and Ray starts its processes in it. "
            f"Remedy: cd to a folder that exists, and run the same command there."
        ) from error


def check_folder(folder: ResultsFolder, *, resume: bool) -> None:
    """Refuse to overwrite results, and to continue where there are none.

    Raises:
        ResultsError: Either is asked for, or the folder cannot be made.
    """
    try:
        is_begun = folder.manifest.exists()
    except OSError as error:
        raise ResultsError(unusable(folder.root, "read", error), place=folder.root) from error
    if is_begun and not resume:
        raise ResultsError(
            f"{folder.root}: already holds results of this study, which are never overwritten. "
            f"Remedy: --resume to finish it, --results DIR for another folder, or move this one away.",
            place=folder.root,
        )
    try:
        _check_parts_belong_together(folder, resume=resume)
    except OSError as error:
        raise ResultsError(unusable(folder.root, "read", error), place=folder.root) from error
    if resume and not is_begun:
        raise ResultsError(
            f"{folder.root}: holds no study to continue. Remedy: leave out --resume, or give the folder that "
            f"holds the study with --results DIR.",
            place=folder.root,
        )
    try:
        folder.root.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ResultsError(unusable(folder.root, "made", error), place=folder.root) from error


def _check_parts_belong_together(folder: ResultsFolder, *, resume: bool) -> None:
    """Refuse a folder in which events would be appended to a journal that is not this study's.

    Raises:
        ResultsError: A journal lies there without the manifest that says whose it is, or only as its
            compressed copy.
    """
    present = [path for path in (folder.journal, folder.compressed_journal) if path.exists()]
    tables = [path for path in (folder.runs, folder.epochs, folder.predictions) if path.exists()]
    written = [path for path in (*present, *tables) if path.stat().st_size]
    if written and not folder.manifest.exists():
        raise ResultsError(
            f"{written[0]}: holds the runs of a study, but {folder.manifest.name}, which says of which one, "
            f"is not beside it. Nothing was started or changed. Remedy: bring {folder.manifest.name} back "
            f"and give --resume, or give --results DIR with another folder, or move this one away.",
            place=written[0],
        )
    if resume and not present and (tables or folder.optuna_journal.exists()):
        raise ResultsError(
            f"{folder.root}: {folder.journal.name} is not there any more, and nothing else says what has "
            f"been run. Nothing was started. Remedy: bring it back, or begin anew with --results DIR.",
            place=folder.root,
        )
    if resume and present == [folder.compressed_journal]:
        raise ResultsError(
            f"{folder.compressed_journal}: is compressed, so it cannot be continued, and a second "
            f"journal beside it would begin the study again. Remedy: gunzip {folder.compressed_journal}",
            place=folder.compressed_journal,
        )


def check_precision(study: Study) -> None:
    """Refuse a study in bf16 on a machine that is not fast in it; measured, where nobody did, in a process.

    Raises:
        EnvironmentMismatchError: It is not.
    """
    arms = bf16.arms_of(study)
    if not arms:
        return
    device = bf16.device_of(study)
    speedup = bf16.known_speedup(device) or bf16.asked_speedup(device)
    if not speedup.is_enough:
        raise EnvironmentMismatchError(
            f"{study.path}: nothing was started\n"
            f"  arms.{', '.join(arms)}: precision: {bf16.in_words(device, speedup)}",
            place=study.path,
        )


def check_run_fits(study: Study, cpus: float, gpus: float, where: str) -> None:
    """Refuse a study whose single run asks for more than there is.

    Raises:
        EnvironmentMismatchError: It does.
    """
    for name, asked, there in (("cpu", study.resources.cpu, cpus), ("gpu", study.resources.gpu, gpus)):
        if asked > there:
            least = 1 if name == "cpu" else 0
            smaller = f"--set resources.{name}={int(there)}, or " if there >= least else ""
            raise EnvironmentMismatchError(
                f"resources.{name}: a run asks for {asked:g}, but {where} has {there:g}. "
                f"Remedy: {smaller}run the study on a machine that has {asked:g}"
            )
