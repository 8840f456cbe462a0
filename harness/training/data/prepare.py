"""Finding or fetching a data set, verifying it, and caching it: the one way to any data in the harness."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import partial
from pathlib import Path

from harness.errors import DataError
from harness.recipe.data import DatasetSpec
from harness.recipe.datasets import DATASETS
from harness.training.data.archives import VENDORED, missing_archives, read_archives
from harness.training.data.cache import (
    Arrays,
    cache_folder,
    cache_lock,
    is_ready,
    measured_spec,
    recorded_spec,
    write_cache,
)
from harness.training.data.download import (
    download_archives,
    download_through_torchvision,
    unpack_debian_package,
)
from harness.training.data.idx import find_folder, read_folder
from harness.training.data.imported import declared_spec
from harness.training.data.loaded import OwnData
from harness.training.data.own import own_data

PATH_VARIABLE = "HARNESS_DATA"
"""Environment variable that names the folder of a data set, or of several, one below the other's name."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PreparedDataset:
    """A verified data set in this machine's cache; small, so that it can be sent to other processes."""

    spec: DatasetSpec
    folder: Path
    """Holds the arrays of the description's parts, such as `train-images.npy`."""

    @property
    def name(self) -> str:
        """The name that recipes use."""
        return self.spec.name

    @property
    def sha256(self) -> dict[str, str]:
        """SHA-256 of every array as an IDX file, by that file's name."""
        return self.spec.sha256


def prepare_dataset(
    name: str, path: Path | None = None, progress: Callable[[str], None] | None = None
) -> PreparedDataset:
    """Find or fetch a data set, verify it and cache it; returns at once when the cache holds it.

    Looks at `path`, or else at `$HARNESS_DATA`: where one is given, it must hold the data set, and its files
    are verified even when the cache is ready. Without them: the user's cache, this package, the system's
    folder, a download, the Debian package. Any number of processes may do this at once.

    Args:
        name: A key of `DATASETS`, or a user's own data: `idx:`, `npz:` or `image_folder:` and a place.
        path: Folder with a published data set's files: four IDX files (plain or `.gz`) or its archives; or
            with `FashionMNIST/raw` or `fashion_mnist` below it.
        progress: Is told, in one line each, what is being tried.

    Raises:
        DataError: There is no such data set, its files are missing, damaged or altered, or the cache cannot
            be written.
    """
    own = own_data(name)
    if own is not None:
        return prepare_own(own, progress)
    if name not in DATASETS:
        nearest = get_close_matches(name, DATASETS, n=1, cutoff=0)
        raise DataError(
            f"no data set {name!r}: did you mean {nearest[0]!r}? There are: {', '.join(DATASETS)}"
        )
    return prepare_spec(DATASETS[name], path, progress)


def prepare_own(own: OwnData, progress: Callable[[str], None] | None = None) -> PreparedDataset:
    """Cache a user's own data, if they are not there yet.

    Raises:
        DataError: The cache cannot be written.
    """
    return _prepare(own.spec, lambda _: own.read(), progress or _say_nothing)


def known_spec(name: str) -> DatasetSpec | None:
    """Return a data set with the SHA-256 of its files, without preparing it.

    Args:
        name: A key of `DATASETS`, or a user's own data.

    Returns: None where nobody published them and this machine never prepared it.

    Raises:
        DataError: A user's own files are missing, unreadable, or contradict each other.
    """
    own = own_data(name)
    spec = DATASETS[name] if own is None else own.spec
    spec = recorded_spec(spec, cache_folder(spec))
    return spec if len(spec.sha256) == len(spec.parts) else None


def prepare_declared(name: str, declared: Mapping[str, str]) -> PreparedDataset:
    """Do `prepare_dataset`, and refuse data that a study did not declare.

    Args:
        name: A key of `DATASETS`, or a user's own data.
        declared: SHA-256 of every unpacked file by its name, as the study declares them.

    Raises:
        DataError: As `prepare_dataset`; or the files are others than those declared.
    """
    prepared = _declared_here(name, declared) or prepare_dataset(name)
    present = prepared.sha256
    changed = [file for file, digest in declared.items() if present.get(file) != digest]
    if changed:
        files = ", ".join(
            f"{file} is {_short(present.get(file))}, not {_short(declared[file])}" for file in changed
        )
        raise DataError(
            f"{name} is not the data that this study declared before its first run: {files} (SHA-256). "
            f"Runs on both cannot be compared. Remedy: bring the declared files back and keep them while a "
            f"study runs; for other data begin another study with --results DIR"
        )
    return prepared


def _declared_here(name: str, declared: Mapping[str, str]) -> PreparedDataset | None:
    """Return the declared data set of a user's code if this machine has it: no worker loads it again."""
    spec = declared_spec(name, declared)
    if spec is None or not is_ready(spec, cache_folder(spec)):
        return None
    return PreparedDataset(spec=spec, folder=cache_folder(spec))


def _short(digest: str | None) -> str:
    """Return as much of a SHA-256 as tells two apart."""
    return "not there" if digest is None else digest[:12]


def prepare_spec(
    spec: DatasetSpec, path: Path | None = None, progress: Callable[[str], None] | None = None
) -> PreparedDataset:
    """Do `prepare_dataset` for a published data set that need not be in the registry."""
    say = progress or _say_nothing
    given = _given_arrays(spec, path)
    if given is not None:
        return _prepare(spec, lambda _: given, say)
    return _prepare(spec, lambda scratch: _found_or_fetched_arrays(spec, scratch, say), say)


def _prepare(
    spec: DatasetSpec, read: Callable[[Path], Arrays], say: Callable[[str], None]
) -> PreparedDataset:
    """Return the data set in the cache, read and written there if it is not there yet.

    Args:
        spec: What it must contain.
        read: Returns its verified arrays; may use the scratch folder that it is given.
        say: Is told what is done.
    """
    folder = cache_folder(spec)
    known = recorded_spec(spec, folder)
    if is_ready(known, folder):
        return PreparedDataset(spec=known, folder=folder)
    with cache_lock(folder, say) as scratch:
        known = recorded_spec(spec, folder)
        if not is_ready(known, folder):
            arrays = read(scratch)
            known = measured_spec(spec, arrays)
            say(f"caching {spec.name} in {folder}")
            write_cache(known, arrays, folder, scratch)
    return PreparedDataset(spec=known, folder=folder)


def _given_arrays(spec: DatasetSpec, path: Path | None) -> Arrays | None:
    """Read the place that the user gave; None where none was given, or this package holds the data.

    Raises:
        DataError: A place was given, but the data set is not there or is not the published one.
    """
    variable = os.environ.get(PATH_VARIABLE)
    if spec.format == "vendored":
        return None
    if path is not None:
        place, given_by = path, "the given data path"
    elif variable:
        place, given_by = Path(variable), f"${PATH_VARIABLE}"
    else:
        return None
    try:
        return _arrays_at(spec, place.expanduser())
    except DataError as error:
        raise DataError(
            f"{given_by} ({place}): {error}. Or leave {given_by} out: "
            f"the harness then finds or fetches {spec.name} itself"
        ) from error


def _arrays_at(spec: DatasetSpec, place: Path) -> Arrays:
    """Read and verify the data set's files at a place.

    Raises:
        DataError: They are not there, or are not the published ones.
    """
    if spec.format == "idx":
        return read_folder(spec, find_folder(spec, place))
    below = place / spec.name
    return read_archives(
        spec, place if not missing_archives(spec, place) else below if below.is_dir() else place
    )


def _found_or_fetched_arrays(spec: DatasetSpec, scratch: Path, say: Callable[[str], None]) -> Arrays:
    """Read the data set from the first source that delivers it intact.

    Raises:
        DataError: None does; the message says what happened at each, and what to do.
    """
    problems = []
    for source, deliver in _sources(spec, scratch, say):
        say(f"looking for {spec.name}: {source}")
        try:
            return _arrays_at(spec, deliver())
        except DataError as error:
            problems.append(f"  - {source}: {error}\n")
            say(f"{source}: {error}")
    files = ", ".join(archive.name for archive in spec.archives)
    names = files or f"{', '.join(part.file.name for part in spec.parts)} (plain or with .gz)"
    install = f", or install the Debian package {spec.debian_package}" if spec.debian_package else ""
    raise DataError(
        f"{spec.name} was not found and could not be fetched:\n"
        f"  - the cache {cache_folder(spec)}: not prepared yet\n"
        f"{''.join(problems)}"
        f"Copy {names} into a folder and set {PATH_VARIABLE} to it{install}."
    )


def _sources(
    spec: DatasetSpec, scratch: Path, say: Callable[[str], None]
) -> list[tuple[str, Callable[[], Path]]]:
    """List the sources in the order in which they are tried: what each is, and how to get its folder."""
    if spec.format == "vendored":
        return [("this package", lambda: VENDORED)]
    if spec.archives:
        hosts = ", ".join(dict.fromkeys(archive.url.split("/")[2] for archive in spec.archives))
        return [(f"download from {hosts}", partial(download_archives, spec, scratch / "download", say))]
    return [
        *((f"the system's folder {folder}", partial(Path, folder)) for folder in spec.system_folders),
        (
            "download through torchvision",
            partial(download_through_torchvision, spec, scratch / "torchvision"),
        ),
        ("the Debian package", partial(unpack_debian_package, spec, scratch / "debian", say)),
    ]


def _say_nothing(_: str) -> None:
    """Report no progress."""
