"""The cache: the verified arrays of a data set, written once per machine and mapped by every process.

Writers hold a file lock and put a complete folder in place with one rename, so readers need no lock. Nothing
here knows where the arrays come from.
"""

import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.errors import DataError
from harness.recipe.data import ArrayPart, DatasetSpec

RECORD_NAME = "prepared.json"
"""What was written: each array's SHA-256 (as an IDX file), size and time of writing."""

Arrays = Mapping[str, NDArray[Any]]
"""By name of the array in the cache."""


def cache_folder(spec: DatasetSpec) -> Path:
    """Name the data set's folder in the user's cache.

    Raises:
        DataError: The user has no home directory.
    """
    return user_cache() / spec.name


def user_cache() -> Path:
    """Name this package's folder in the user's cache: in `$XDG_CACHE_HOME` if absolute, else in `~/.cache`.

    Raises:
        DataError: The user has no home directory.

    Source: XDG Base Directory Specification 0.8 (relative paths are to be ignored).
    """
    configured = Path(os.environ.get("XDG_CACHE_HOME", ""))
    try:
        root = configured if configured.is_absolute() else Path.home() / ".cache"
    except RuntimeError as error:
        raise DataError("this user has no home directory: set XDG_CACHE_HOME to a writable folder") from error
    return root / "recipe-harness"


def array_file(folder: Path, array: str) -> Path:
    """Name the file of one array in a data set's cache folder."""
    return folder / f"{array}.npy"


def recorded_spec(spec: DatasetSpec, folder: Path) -> DatasetSpec:
    """Return the data set with the SHA-256 that the cache noted where nobody published one.

    Where the cache notes none, the data set is returned as it is, and is not ready.
    """
    try:
        noted = json.loads((folder / RECORD_NAME).read_text(encoding="utf-8"))["arrays"]
        return spec.with_sha256(
            {p.file.name: p.file.sha256 or str(noted[p.array]["idx_sha256"]) for p in spec.parts}
        )
    except (OSError, ValueError, KeyError, TypeError):  # not there, or not what we wrote
        return spec


def measured_spec(spec: DatasetSpec, arrays: Arrays) -> DatasetSpec:
    """Return the data set with the SHA-256 of verified arrays where nobody published one."""
    return spec.with_sha256(
        {part.file.name: part.file.sha256 or idx_sha256(part, arrays[part.array]) for part in spec.parts}
    )


def is_ready(spec: DatasetSpec, folder: Path) -> bool:
    """Tell whether the cache holds the verified arrays.

    Takes microseconds while sizes and times of writing are those recorded; otherwise (a copied or touched
    cache) the arrays are hashed again, and a damaged one counts as not there.
    """
    try:
        recorded = json.loads((folder / RECORD_NAME).read_text(encoding="utf-8"))
        if recorded == _record(spec, folder):
            return True
        return all(_has_published_content(part, folder) for part in spec.parts)
    except (OSError, EOFError, ValueError):  # not there, or not what we wrote: to be prepared again
        return False


@contextmanager
def cache_lock(folder: Path, say: Callable[[str], None]) -> Iterator[Path]:
    """Hold the only right to write `folder`, and yield an empty scratch folder on the same file system.

    Scratch folders that killed processes left behind are removed.

    Raises:
        DataError: The cache cannot be written (permissions, full disk).
    """
    prefix = f".{folder.name}-"
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with (folder.parent / f"{folder.name}.lock").open("w", encoding="utf-8") as lock:
            _acquire(lock.fileno(), folder, say)
            for abandoned in folder.parent.glob(f"{prefix}*"):
                shutil.rmtree(abandoned)
            with TemporaryDirectory(prefix=prefix, dir=folder.parent) as scratch:
                yield Path(scratch)
    except OSError as error:
        raise DataError(
            f"cannot write the data set cache {folder}: {error.strerror or error}. "
            "Free disk space, mend its permissions, or set XDG_CACHE_HOME to another folder"
        ) from error


def write_cache(spec: DatasetSpec, arrays: Arrays, folder: Path, scratch: Path) -> None:
    """Write the arrays below `scratch` and rename them to `folder`, replacing a damaged one.

    The caller holds `cache_lock`, which gave it `scratch`.
    """
    complete = scratch / "complete"
    complete.mkdir()
    for part in spec.parts:
        with array_file(complete, part.array).open("wb") as stream:
            np.save(stream, arrays[part.array])
            stream.flush()
            os.fsync(stream.fileno())
    (complete / RECORD_NAME).write_text(json.dumps(_record(spec, complete), indent=2), encoding="utf-8")
    if folder.exists():
        folder.rename(scratch / "damaged")
    complete.rename(folder)


def _record(spec: DatasetSpec, folder: Path) -> dict[str, Any]:
    """Describe the arrays that lie in a folder now."""
    files = {part.array: (part, array_file(folder, part.array).stat()) for part in spec.parts}
    return {
        "dataset": spec.name,
        "arrays": {
            array: {"idx_sha256": part.file.sha256, "bytes": stat.st_size, "written_ns": stat.st_mtime_ns}
            for array, (part, stat) in files.items()
        },
    }


def _has_published_content(part: ArrayPart, folder: Path) -> bool:
    """Tell whether a cached array is the one that is known.

    Raises:
        OSError, EOFError, ValueError: There is no array in the file.
    """
    values = np.load(array_file(folder, part.array), mmap_mode="r", allow_pickle=False)
    same_kind = values.dtype == np.dtype(part.dtype) and values.shape == part.shape
    return bool(same_kind and idx_sha256(part, values) == part.file.sha256)


def idx_sha256(part: ArrayPart, values: NDArray[Any]) -> str:
    """Hash an array as the IDX file it came from or would make: of several bytes the high one first."""
    digest = hashlib.sha256(part.idx_header)
    digest.update(np.ascontiguousarray(values, dtype=values.dtype.newbyteorder(">")).data)
    return digest.hexdigest()


def _acquire(descriptor: int, folder: Path, say: Callable[[str], None]) -> None:
    """Take the lock, saying so when another process holds it."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        say(f"waiting for another process that prepares {folder}")
        fcntl.flock(descriptor, fcntl.LOCK_EX)
