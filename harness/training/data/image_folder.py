"""`image_folder:FOLDER`: a user's own images, train/CLASS/*.png and test/CLASS/*.png, perhaps val/."""

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.errors import DataError
from harness.recipe.data import DatasetSpec
from harness.training.data.cache import Arrays
from harness.training.data.loaded import Origin, OwnData, check_classes, content_name

SUFFIXES = (".png", ".jpg", ".jpeg")
_CHANNELS = {"L": 1, "RGB": 3}
"""By Pillow's name of a mode."""

_Listed = list[tuple[Path, int]]
"""Files of a part, each with its class: class after class, by name."""


def image_folder_data(folder: Path) -> OwnData:
    """Return the data set in a folder. Classes are the names of the folders in train/, in their order.

    Images are read when the cache does not hold them yet; what is known before follows from names, the bytes
    of the files, and the first image.

    Raises:
        DataError: A part or class is missing or empty, or holds files that are no .png or .jpg.
    """
    classes = _folders(folder / "train")
    names = [name for name in ("train", "val", "test") if name != "val" or (folder / "val").is_dir()]
    listed = {name: _listed(folder / name, classes) for name in names}
    labels = {name: np.array([label for _, label in files], dtype=np.int64) for name, files in listed.items()}
    others = {name: each for name, each in labels.items() if name != "train"}
    check_classes(str(folder), labels["train"], others)
    training = [*listed["train"], *listed.get("val", [])]
    first = _opened(training[0][0])
    spec = DatasetSpec(
        name=content_name(
            Origin(where=str(folder), stem=folder.name, format="image_folder"), _digests(folder, listed)
        ),
        shape=(1 if first.ndim == 2 else first.shape[0], *first.shape[-2:]),
        n_train=len(training),
        n_val=len(listed["val"]) if "val" in listed else None,
        n_test=len(listed["test"]),
        class_sizes=tuple(np.bincount([label for _, label in training]).tolist()),
        class_names=tuple(classes),
        format="image_folder",
        source=str(folder),
        licence="the user's own",
    )
    return OwnData(spec=spec, read=_reader(spec, training, listed["test"]))


def _reader(spec: DatasetSpec, training: _Listed, test: _Listed) -> Callable[[], Arrays]:
    def read() -> Arrays:
        found = []
        for files in (training, test):
            found += [_images(files, training[0][0]), np.array([label for _, label in files], dtype=np.uint8)]
        return {part.array: each.reshape(part.shape) for part, each in zip(spec.parts, found, strict=True)}

    return read


def _images(files: _Listed, first_file: Path) -> NDArray[np.uint8]:
    """Return the images of a part, `(n, H, W)` or `(n, 3, H, W)`.

    Raises:
        DataError: One cannot be read, or has another size or mode than the first training image.
    """
    first = _opened(first_file)
    images = np.empty((len(files), *first.shape), dtype=np.uint8)
    for place, (file, _) in enumerate(files):
        image = _opened(file)
        if image.shape != first.shape:
            raise DataError(
                f"{file} has shape {image.shape}, and {first_file} has {first.shape}: all images must have "
                f"one size, and be gray or RGB. Remedy: resize or convert them before"
            )
        images[place] = image
    return images


def _opened(file: Path) -> NDArray[np.uint8]:
    """Return an image, `(H, W)` if it is gray, else `(3, H, W)`.

    Raises:
        DataError: It cannot be read, or has another mode.
    """
    from PIL import Image

    try:
        with Image.open(file) as image:
            mode, pixels = image.mode, np.asarray(image)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise DataError(
            f"{file} cannot be read as an image ({error}). Remedy: replace or remove it"
        ) from error
    if mode not in _CHANNELS:
        raise DataError(
            f"{file} is of mode {mode}, and images must be gray (L) or RGB, 8 bits a channel. Remedy: "
            f"convert it"
        )
    return pixels if pixels.ndim == 2 else pixels.transpose(2, 0, 1)


def _folders(part: Path) -> list[str]:
    """Return the names of the folders in a part.

    Raises:
        DataError: There are none.
    """
    try:
        classes = sorted(path.name for path in part.iterdir() if path.is_dir() and not _is_hidden(path))
    except OSError as error:
        raise DataError(
            f"{part} cannot be listed: {error.strerror}. An image folder holds train/CLASS/*.png and "
            f"test/CLASS/*.png"
        ) from error
    if not classes:
        raise DataError(f"{part} must hold a folder for each class, and holds none")
    return classes


def _listed(part: Path, classes: Sequence[str]) -> _Listed:
    """Return the files of a part with their classes.

    Raises:
        DataError: The part has other classes than those of train/, or holds what is no image.
    """
    files: _Listed = []
    for class_ in _known_folders(part, classes):
        inside = sorted(path for path in (part / class_).iterdir() if not _is_hidden(path))
        strange = next((path for path in inside if path.suffix.lower() not in SUFFIXES), None)
        if strange is not None:
            raise DataError(f"{strange} is no image: classes hold {', '.join(SUFFIXES)} files only")
        if not inside:
            raise DataError(f"{part / class_} holds no images ({', '.join(SUFFIXES)})")
        files += [(path, classes.index(class_)) for path in inside]
    return files


def _known_folders(part: Path, classes: Sequence[str]) -> list[str]:
    own = _folders(part)
    unknown = sorted(set(own) - set(classes))
    if unknown:
        raise DataError(f"{part} holds {', '.join(unknown)}, and train/ has only {', '.join(classes)}")
    return own


def _digests(folder: Path, listed: dict[str, _Listed]) -> str:
    """Return one text that changes with any file's name or content.

    Raises:
        DataError: A file cannot be read.
    """
    lines: list[Any] = []
    for files in listed.values():
        for file, _ in files:
            try:
                with file.open("rb") as stream:
                    digest = hashlib.file_digest(stream, "sha256").hexdigest()
            except OSError as error:
                raise DataError(f"{file} cannot be read: {error.strerror}. Check its permissions") from error
            lines.append(f"{file.relative_to(folder)} {digest}\n")
    return "".join(lines)


def _is_hidden(path: Path) -> bool:
    return path.name.startswith(".")
