"""`npz:FILE`: a user's own arrays in one .npz file, as `numpy.savez` writes it."""

import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.errors import DataError
from harness.training.data.loaded import Origin, OwnData, Part, data_of_parts

_REQUIRED = ("x_train", "y_train", "x_test", "y_test")
_OPTIONAL = ("x_val", "y_val", "groups_train")


def npz_data(file: Path) -> OwnData:
    """Return the data set in a file.

    Raises:
        DataError: It cannot be read, lacks an array, holds others, or its arrays do not fit together.
    """
    arrays = read_npz(file)
    names = set(arrays)
    missing = [name for name in _REQUIRED if name not in names]
    if ("x_val" in names) != ("y_val" in names):
        missing += [name for name in ("x_val", "y_val") if name not in names]
    strange = sorted(names - {*_REQUIRED, *_OPTIONAL})
    if missing or strange:
        problems = [f"lacks {', '.join(missing)}"] if missing else []
        problems += [f"holds {', '.join(strange)}, which nothing reads"] if strange else []
        raise DataError(
            f"{file} {' and '.join(problems)}: it must hold {', '.join(_REQUIRED)}, and may hold "
            f"{', '.join(_OPTIONAL)}"
        )
    train, test = (
        Part(name=part, inputs=arrays[f"x_{part}"], targets=arrays[f"y_{part}"], groups=groups)
        for part, groups in (("train", arrays.get("groups_train")), ("test", None))
    )
    val = Part(name="val", inputs=arrays["x_val"], targets=arrays["y_val"]) if "x_val" in names else None
    return data_of_parts(Origin(where=str(file), stem=file.stem, format="npz"), train, test, val)


def read_npz(file: Path) -> dict[str, NDArray[Any]]:
    """Return the arrays of a file by name; objects are refused, since reading them could run anything.

    Raises:
        DataError: The file is not there, is no .npz, or is damaged.
    """
    try:
        with file.open("rb") as stream:
            archive = np.load(stream, allow_pickle=False)
            if not isinstance(archive, np.lib.npyio.NpzFile):
                raise DataError(f"{file} holds a single array. Remedy: numpy.savez(FILE, x_train=..., ...)")
            return {name: archive[name] for name in archive.files}
    except OSError as error:
        raise DataError(f"{file} cannot be read: {error.strerror or error}") from error
    except (ValueError, EOFError, KeyError, zipfile.BadZipFile, zlib.error) as error:
        raise DataError(
            f"{file} is no .npz file of numbers, or is damaged ({error}). Remedy: numpy.savez(FILE, "
            f"x_train=..., y_train=..., x_test=..., y_test=...), without arrays of objects"
        ) from error
