"""Finding the four IDX files in a folder, and reading one only if it is exactly the published one."""

import gzip
import hashlib
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from harness.errors import DataError
from harness.recipe.data import ArrayPart, DatasetSpec


def find_folder(spec: DatasetSpec, place: Path) -> Path:
    """Find the folder that holds all four IDX files, plain or as `.gz`.

    Looks in `place` itself, in torchvision's layout below it (`FashionMNIST/raw`) and in a folder with the
    data set's name, so that one place can hold several data sets.

    Raises:
        DataError: No folder holds all four files, or they cannot be searched; the message says what was
            looked for, and where.
    """
    folders = _candidate_folders(spec, place)
    try:
        missing = {folder: _missing_files(spec, folder) for folder in folders}
    except OSError as error:
        raise DataError(f"{place} cannot be searched: {error.strerror}. Check its permissions") from error
    for folder in folders:
        if not missing[folder]:
            return folder
    nearest = min(folders, key=lambda folder: len(missing[folder]))
    if len(missing[nearest]) < len(spec.parts):
        raise DataError(f"{nearest} lacks {', '.join(missing[nearest])} (plain or with .gz)")
    files = ", ".join(part.file.name for part in spec.parts)
    looked_in = ", ".join(map(str, folders)) if place.is_dir() else f"{place}, which is not a folder"
    raise DataError(f"found no {spec.name}: looked for {files} (plain or with .gz) in {looked_in}")


def read_folder(spec: DatasetSpec, folder: Path) -> dict[str, NDArray[np.uint8]]:
    """Read and verify the four arrays of a folder that `find_folder` found, keyed by array name.

    Raises:
        DataError: A file cannot be read or is not the published one.
    """
    return {part.array: read_part(spec, part, _existing_file(part, folder)) for part in spec.parts}


def read_part(spec: DatasetSpec, part: ArrayPart, file: Path) -> NDArray[np.uint8]:
    """Read one IDX file, plain or `.gz`, into a read-only array of shape `part.shape`.

    Raises:
        DataError: The file cannot be read, or the SHA-256 of its unpacked bytes is not the published one; the
            message names the file and says what is wrong with it.
    """
    if part.file.sha256 is None:
        _check_compressed(spec, part, file)
    content = _unpacked_bytes(file, limit=part.n_bytes + 1)
    digest = hashlib.sha256(content).hexdigest()
    if part.file.sha256 is not None and digest != part.file.sha256:
        raise DataError(
            f"{file} is not {spec.name}'s {part.file.name}: {_diagnosis(spec, part, content, digest)} "
            f"(SHA-256 of the unpacked bytes: {digest}, expected {part.file.sha256}). "
            "Replace the file with the published one"
        )
    return np.frombuffer(content, dtype=np.uint8, offset=len(part.idx_header)).reshape(part.shape)


def _check_compressed(spec: DatasetSpec, part: ArrayPart, file: Path) -> None:
    """Verify a compressed file as it is, where only its own SHA-256 was published.

    Raises:
        DataError: It is not the published one, or not compressed.
    """
    remedy = f"Put {spec.name}'s published {part.file.name}.gz there"
    if file.suffix != ".gz":
        raise DataError(f"{file} cannot be verified: only the compressed file's SHA-256 is known. {remedy}")
    try:
        with file.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise DataError(f"{file} cannot be read: {error.strerror}. Check its permissions") from error
    if digest != part.file.gz_sha256:
        raise DataError(
            f"{file} is not {spec.name}'s {part.file.name}.gz (SHA-256: {digest}, expected "
            f"{part.file.gz_sha256}). {remedy}"
        )


def _candidate_folders(spec: DatasetSpec, place: Path) -> list[Path]:
    """Folders in which the files may lie when the user names `place`."""
    torchvision_layout = [] if spec.torchvision_class is None else [place / spec.torchvision_class / "raw"]
    return [place, *torchvision_layout, place / "raw", place / spec.name]


def _missing_files(spec: DatasetSpec, folder: Path) -> list[str]:
    return [part.file.name for part in spec.parts if not _existing_file(part, folder).is_file()]


def _existing_file(part: ArrayPart, folder: Path) -> Path:
    """The unpacked file if it is there, else the name of the compressed one; the one that can be verified."""
    plain, compressed = folder / part.file.name, folder / f"{part.file.name}.gz"
    if part.file.sha256 is None and compressed.is_file():
        return compressed
    return plain if plain.is_file() else compressed


def _unpacked_bytes(file: Path, limit: int) -> bytes:
    """Read a file, unpacking `.gz`, but never more than `limit` bytes: a wrong file may be huge.

    Raises:
        DataError: The file cannot be read or unpacked.
    """
    try:
        with gzip.open(file) if file.suffix == ".gz" else file.open("rb") as stream:
            return stream.read(limit)
    except EOFError:
        problem = "it is truncated: the compressed data end too early"
    except (gzip.BadGzipFile, zlib.error) as error:
        problem = f"it is damaged ({error})"
    except OSError as error:
        raise DataError(f"{file} cannot be read: {error.strerror}. Check its permissions") from error
    raise DataError(f"{file} cannot be unpacked: {problem}. Replace the file with the published one")


def _diagnosis(spec: DatasetSpec, part: ArrayPart, content: bytes, digest: str) -> str:
    """Say what is wrong with the unpacked bytes of a file whose SHA-256 is not the published one."""
    for other in spec.parts:
        if digest == other.file.sha256:
            return f"it holds the content of {other.file.name} (swapped files)"
    header = part.idx_header
    if content[:4] != header[:4]:
        start = content[:4].hex(" ") or "nothing"
        return f"it starts with {start} where an IDX file of this kind has {header[:4].hex(' ')}"
    if content[: len(header)] != header:
        return f"its header does not announce an array of shape {part.shape}"
    if len(content) < part.n_bytes:
        return f"it is truncated to {len(content)} of {part.n_bytes} bytes"
    if len(content) > part.n_bytes:
        return f"it is longer than {part.n_bytes} bytes"
    return "it has the right length, but its values were altered"
