"""What is checked before anything is started; imports neither Ray nor torch, so it answers at once."""

from harness.errors import EnvironmentMismatchError, ResultsError
from harness.records.folder import ResultsFolder
from harness.records.provenance import gpu_names, usable_cores
from harness.study.study import Study


def check_before_start(study: Study, folder: ResultsFolder, address: str) -> None:
    """Refuse what cannot run.

    Args:
        study: The parsed study.
        folder: Where its results would go.
        address: `local`, or the address of a cluster, whose resources are checked once it is joined.

    Raises:
        ResultsError: The folder already holds a study, or cannot be written.
        EnvironmentMismatchError: A single run does not fit on this machine.
    """
    dataset_of(study)
    if address == "local":
        check_run_fits(study, usable_cores(), len(gpu_names()), "this machine")
    _check_folder_is_free(folder)


def _check_folder_is_free(folder: ResultsFolder) -> None:
    if folder.journal.exists() or folder.manifest.exists():
        raise ResultsError(
            f"{folder.root}: already holds results of this study, which are never overwritten. "
            f"Remedy: --results DIR for another folder, or move this one away."
        )
    try:
        folder.root.mkdir(parents=True, exist_ok=True)
        folder.journal.touch()
        folder.journal.unlink()
    except OSError as error:
        raise ResultsError(
            f"{folder.root}: cannot be written ({error.strerror}). Remedy: --results DIR with a writable DIR."
        ) from error


def check_run_fits(study: Study, cpus: float, gpus: float, where: str) -> None:
    """Refuse a study whose single run asks for more than there is.

    Raises:
        EnvironmentMismatchError: It does.
    """
    for name, asked, there in (("cpu", study.resources.cpu, cpus), ("gpu", study.resources.gpu, gpus)):
        if asked > there:
            raise EnvironmentMismatchError(
                f"resources.{name}: a run asks for {asked:g}, but {where} has {there:g}. "
                f"Remedy: --set resources.{name}={int(there)}"
            )


def dataset_of(study: Study) -> str:
    """Return the study's data set.

    Raises:
        EnvironmentMismatchError: Its arms use several.
    """
    names = {arm.fixed.get("dataset", "fashion_mnist") for arm in study.arms}
    if len(names) > 1 or any("dataset" in arm.space for arm in study.arms):
        raise EnvironmentMismatchError(
            f"a study runs on one data set, but its arms use several: {', '.join(sorted(names))}. "
            f"Remedy: one study file a data set."
        )
    return str(names.pop())
