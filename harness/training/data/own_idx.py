"""`idx:FOLDER`: a user's own images, in four IDX files named as MNIST's, plain or as `.gz`."""

import gzip
import hashlib
import zlib
from collections.abc import Mapping
from math import prod
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from harness.errors import DataError
from harness.recipe.data import ArrayFile, DataFacts, DatasetSpec
from harness.training.data.loaded import Origin, OwnData, check_classes, content_name

_NAMES = {
    "train_images": "train-images-idx3-ubyte",
    "train_labels": "train-labels-idx1-ubyte",
    "test_images": "t10k-images-idx3-ubyte",
    "test_labels": "t10k-labels-idx1-ubyte",
}
_MAX_BYTES = 8 * 2**30
"""A file that announces more is taken for damaged: it would not fit into memory."""


def idx_facts(folder: Path) -> DataFacts:
    """Return what is known of a folder's training images; labels are read, and no image.

    Raises:
        DataError: A file is missing, unreadable, or contradicts another by its labels or by what its header
            announces.
    """
    shapes, labels = {}, {}
    for part, file_name in _NAMES.items():
        file = _file(folder, file_name)
        if part.endswith("labels"):
            content, shapes[part] = _content(file, n_axes=1)
            labels[part] = _values(content, shapes[part])
        else:
            with _opened(file) as stream:
                shapes[part] = _shape(stream, file, n_axes=3)
    n_classes = _checked_classes(folder, shapes, labels["train_labels"], labels["test_labels"])
    n_train, height, width = shapes["train_images"]
    return DataFacts(
        n_train=n_train,
        shape=(1, height, width),
        class_sizes=_class_sizes(labels["train_labels"]),
        n_outputs=n_classes,
    )


def _values(content: bytes, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """Return the array behind an IDX file's header."""
    return np.frombuffer(content, np.uint8, offset=4 + 4 * len(shape)).reshape(shape)


def _class_sizes(labels: NDArray[np.uint8]) -> tuple[int, ...]:
    """Return how many labels there are of each class, from class 0 on."""
    return tuple(np.bincount(labels).tolist())


def idx_data(folder: Path) -> OwnData:
    """Return the data set in a folder, with the SHA-256 of the unpacked files.

    The class numbers are those of the training labels, 0 to the greatest.

    Raises:
        DataError: A file is missing, unreadable, no IDX file of unsigned bytes, or contradicts another.
    """
    files, arrays = {}, {}
    for part, name in _NAMES.items():
        file = _file(folder, name)
        content, shape = _content(file, n_axes=3 if part.endswith("images") else 1)
        files[part] = ArrayFile(name=name, sha256=hashlib.sha256(content).hexdigest())
        arrays[part] = _values(content, shape)
    shapes = {part: array.shape for part, array in arrays.items()}
    _checked_classes(folder, shapes, arrays["train_labels"], arrays["test_labels"])
    origin = Origin(where=str(folder), stem=folder.name, format="idx")
    spec = DatasetSpec(
        name=content_name(origin, "".join(str(file.sha256) for file in files.values())),
        files=tuple(files.values()),
        n_train=len(arrays["train_labels"]),
        n_test=len(arrays["test_labels"]),
        shape=(1, *arrays["train_images"].shape[1:]),
        class_sizes=_class_sizes(arrays["train_labels"]),
        source=str(folder),
        licence="the user's own",
    )
    by_array = dict(zip((part.array for part in spec.parts), arrays.values(), strict=True))
    return OwnData(spec=spec, read=lambda: by_array)


def _file(folder: Path, name: str) -> Path:
    """Return the plain file, or else the compressed one.

    Raises:
        DataError: Neither is there, or the folder cannot be searched.
    """
    for file in (folder / name, folder / f"{name}.gz"):
        try:
            if file.is_file():
                return file
        except OSError as error:
            raise DataError(
                f"{folder} cannot be searched: {error.strerror}. Check its permissions"
            ) from error
    raise DataError(f"{folder} lacks {name} (plain or with .gz), one of {', '.join(_NAMES.values())}")


def _opened(file: Path) -> BinaryIO:
    """Open a file for reading, unpacking `.gz`.

    Raises:
        DataError: It cannot be opened.
    """
    try:
        return gzip.open(file) if file.suffix == ".gz" else file.open("rb")  # type: ignore[return-value]
    except OSError as error:
        raise DataError(f"{file} cannot be read: {error.strerror}. Check its permissions") from error


def _content(file: Path, n_axes: int) -> tuple[bytes, tuple[int, ...]]:
    """Return an IDX file's unpacked bytes and its array's shape.

    Raises:
        DataError: It is damaged, or another kind of file.
    """
    with _opened(file) as stream:
        shape = _shape(stream, file, n_axes)
        header = bytes([0, 0, 8, n_axes]) + b"".join(length.to_bytes(4, "big") for length in shape)
        values = _read(stream, file, prod(shape) + 1)
    if len(values) != prod(shape):
        held = f"only {len(values)}" if len(values) < prod(shape) else "more"
        raise DataError(f"{file} announces {prod(shape)} bytes of values, but holds {held}")
    return header + values, shape


def _shape(stream: BinaryIO, file: Path, n_axes: int) -> tuple[int, ...]:
    """Read an IDX file's header.

    Raises:
        DataError: It announces no array of unsigned bytes with so many axes, or one that is empty or huge.
    """
    header = _read(stream, file, 4 + 4 * n_axes)
    expected = bytes([0, 0, 8, n_axes])
    if header[:4] != expected or len(header) < 4 + 4 * n_axes:
        start = header[:4].hex(" ") or "nothing"
        raise DataError(f"{file} starts with {start} where an IDX file of this kind has {expected.hex(' ')}")
    shape = tuple(int.from_bytes(header[i : i + 4], "big") for i in range(4, len(header), 4))
    if not 0 < prod(shape) <= _MAX_BYTES:
        raise DataError(
            f"{file} announces an array of shape {shape}, which is empty or above {_MAX_BYTES} bytes"
        )
    return shape


def _read(stream: BinaryIO, file: Path, n_bytes: int) -> bytes:
    """Read so many bytes, or what there is.

    Raises:
        DataError: The file is damaged or cannot be read.
    """
    try:
        return stream.read(n_bytes)
    except (EOFError, zlib.error, OSError) as error:
        raise DataError(f"{file} cannot be unpacked: it is damaged or truncated ({error})") from error


def _checked_classes(
    folder: Path,
    shapes: Mapping[str, tuple[int, ...]],
    train_labels: NDArray[np.uint8],
    test_labels: NDArray[np.uint8],
) -> int:
    """Return the number of classes, once images and labels were found to fit together.

    Raises:
        DataError: They do not.
    """
    for part in ("train", "test"):
        images, labels = shapes[f"{part}_images"][0], shapes[f"{part}_labels"][0]
        if images != labels:
            raise DataError(f"{folder} holds {images} {part} images, but {labels} labels for them")
    train, test = (shapes[f"{part}_images"][1:] for part in ("train", "test"))
    if train != test:
        raise DataError(f"{folder} holds training images of {train} pixels, but test images of {test}")
    return check_classes(str(folder), train_labels, {"test": test_labels})
