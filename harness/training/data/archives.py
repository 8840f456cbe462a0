"""Published data sets in a layout of their own: never unpacked to disk, never read through pickles.

Each reader takes verified archives in the row's order, and returns the four arrays in the order of its parts.
"""

import gzip
import hashlib
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.errors import DataError
from harness.recipe.data import Archive, DatasetSpec, Format
from harness.training.data.cache import Arrays
from harness.training.data.npz import read_npz

_Found = Sequence[NDArray[Any]]

VENDORED = Path(__file__).parent / "vendored"
"""Data sets that come with this package."""

CIFAR_FILES = {
    "cifar10": (
        [f"cifar-10-batches-bin/data_batch_{n}.bin" for n in range(1, 6)],
        "cifar-10-batches-bin/test_batch.bin",
    ),
    "cifar100": (["cifar-100-binary/train.bin"], "cifar-100-binary/test.bin"),
}
"""Training files and test file. Source: the README of the binary version."""


def read_archives(spec: DatasetSpec, folder: Path) -> Arrays:
    """Read and verify a data set from the folder that holds its archives.

    Raises:
        DataError: An archive is missing, is not the published one, or does not hold what the row says.
    """
    files = [_verified(spec, archive, folder) for archive in spec.archives]
    try:
        found = _READERS[spec.format](spec, files)
    except (
        OSError,
        EOFError,
        KeyError,
        ValueError,
        tarfile.TarError,
        zipfile.BadZipFile,
        zlib.error,
    ) as error:
        names = ", ".join(str(file) for file in files) or str(VENDORED)
        raise DataError(f"{names} cannot be read as {spec.name} ({error}). Remedy: fetch it again") from error
    for part, values in zip(spec.parts, found, strict=True):
        if values.shape != part.shape or values.dtype != np.dtype(part.dtype):
            raise DataError(
                f"{spec.name}: {part.array} has shape {values.shape} of {values.dtype}, and the published "
                f"data set {part.shape} of {part.dtype}"
            )
    sizes = tuple(np.bincount(found[1], minlength=spec.n_classes).tolist())
    if sizes != spec.class_sizes:
        raise DataError(
            f"{spec.name}: the training classes have sizes {sizes}, published are {spec.class_sizes}"
        )
    return {part.array: values for part, values in zip(spec.parts, found, strict=True)}


def missing_archives(spec: DatasetSpec, folder: Path) -> list[str]:
    """Return the names of the archives that a folder lacks."""
    return [archive.name for archive in spec.archives if not (folder / archive.name).is_file()]


def check_archive(archive: Archive, file: Path) -> None:
    """Refuse a file that is not the published one.

    Raises:
        DataError: It is not, or cannot be read.
    """
    algorithm, expected = ("sha256", archive.sha256) if archive.sha256 else ("md5", archive.md5)
    try:
        with file.open("rb") as stream:
            digest = hashlib.file_digest(
                stream, lambda: hashlib.new(algorithm, usedforsecurity=False)
            ).hexdigest()
    except OSError as error:
        raise DataError(f"{file} cannot be read: {error.strerror}. Check its permissions") from error
    if digest != expected:
        raise DataError(
            f"{file} is not the published {archive.name} ({algorithm}: {digest}, expected {expected}). "
            f"Replace the file with the published one"
        )


def _verified(spec: DatasetSpec, archive: Archive, folder: Path) -> Path:
    file = folder / archive.name
    if not file.is_file():
        raise DataError(f"{folder} lacks {archive.name}, an archive of {spec.name}")
    check_archive(archive, file)
    return file


def _read_vendored(spec: DatasetSpec, _files: Sequence[Path]) -> _Found:
    arrays = read_npz(VENDORED / f"{spec.name}.npz")
    return [arrays[name] for name in ("x_train", "y_train", "x_test", "y_test")]


def _read_cifar(spec: DatasetSpec, files: Sequence[Path]) -> _Found:
    """Read records of one byte a label (CIFAR-100: coarse, then fine) and 3 x 32 x 32 pixels."""
    training, test = CIFAR_FILES[spec.name]
    n_labels = 1 if spec.name == "cifar10" else 2
    with tarfile.open(files[0], "r:gz") as archive:
        parts = [b"".join(_member(archive, name) for name in training), _member(archive, test)]
    found: list[NDArray[Any]] = []
    for content in parts:
        records = np.frombuffer(content, dtype=np.uint8).reshape(-1, n_labels + 3 * 32 * 32)
        found += [records[:, n_labels:].reshape(-1, 3, 32, 32), records[:, n_labels - 1]]
    return found


def _member(archive: tarfile.TarFile, name: str) -> bytes:
    stream = archive.extractfile(name)
    if stream is None:
        raise KeyError(f"{name} is no file")
    return stream.read()


def _read_svhn(_spec: DatasetSpec, files: Sequence[Path]) -> _Found:
    """Read MATLAB's X (32, 32, 3, n) and y (n, 1), in which 10 stands for the digit 0."""
    from scipy.io import loadmat

    found: list[NDArray[Any]] = []
    for file in files:
        arrays = loadmat(file, variable_names=["X", "y"])
        labels = arrays["y"].reshape(-1) % 10
        found += [np.ascontiguousarray(arrays["X"].transpose(3, 2, 0, 1)), labels.astype(np.uint8)]
    return found


def _read_emnist(spec: DatasetSpec, files: Sequence[Path]) -> _Found:
    """Read IDX files in a zip; images lie on their side, and letters are numbered from 1."""
    split = spec.name.removeprefix("emnist_")
    first = 1 if split == "letters" else 0
    found: list[NDArray[Any]] = []
    with zipfile.ZipFile(files[0]) as archive:
        for part in ("train", "test"):
            images = _zipped_idx(archive, f"gzip/emnist-{split}-{part}-images-idx3-ubyte.gz")
            labels = _zipped_idx(archive, f"gzip/emnist-{split}-{part}-labels-idx1-ubyte.gz")
            found += [np.ascontiguousarray(images.transpose(0, 2, 1)), labels - first]
    return found


def _zipped_idx(archive: zipfile.ZipFile, name: str) -> NDArray[np.uint8]:
    """Return the unsigned bytes of a compressed IDX file.

    Raises:
        ValueError: It is none.
    """
    content = gzip.decompress(archive.read(name))
    n_axes = content[3]
    if content[:3] != bytes([0, 0, 8]) or len(content) < 4 + 4 * n_axes:
        raise ValueError(f"{name} is no IDX file of unsigned bytes")
    shape = np.frombuffer(content, ">u4", count=n_axes, offset=4).tolist()
    return np.frombuffer(content, np.uint8, offset=4 + 4 * n_axes).reshape(shape)


_READERS: dict[Format, Callable[[DatasetSpec, Sequence[Path]], _Found]] = {
    "vendored": _read_vendored,
    "cifar": _read_cifar,
    "svhn": _read_svhn,
    "emnist": _read_emnist,
}
