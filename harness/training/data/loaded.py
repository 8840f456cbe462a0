"""A user's own arrays, wherever they come from: what they must be, and what data set they make.

Whole-number targets are classes, others are numbers to predict. Nobody published what they must hold: they
are checked for being consistent, and known by their SHA-256.
"""

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.errors import DataError
from harness.recipe.data import ARRAY_FILES, BYTE_GREATEST, GROUPS_FILE, DatasetSpec, Format, Kind
from harness.records.class_codes import MOST_CLASSES
from harness.training.data.cache import Arrays, measured_spec

_CHANNELS = (1, 3, 4)


@dataclass(frozen=True, kw_only=True, eq=False)
class Part:
    """The arrays of one part as a user gives them."""

    name: str
    """`train`, `val` or `test`, for messages."""
    inputs: Any
    """`(n, ...)`, numbers."""
    targets: Any
    """`(n,)` whole numbers: classes; `(n,)` or `(n, k)` others: numbers to predict."""
    groups: Any = None
    """`(n,)`, numbers or words: samples of equal group stay in one part of a split."""


@dataclass(frozen=True, kw_only=True, eq=False)
class OwnData:
    """A user's own data set: what it is, and its arrays, read when they are needed."""

    spec: DatasetSpec
    read: Callable[[], Arrays]
    """Return every array of the description, by its name in the cache.

    Raises `DataError` where the files are not what they were."""


@dataclass(frozen=True, kw_only=True)
class Origin:
    """Where a user's own data come from."""

    where: str
    """For messages: what the user named."""
    stem: str
    """Becomes part of the name in the cache."""
    format: Format


def data_of_parts(origin: Origin, train: Part, test: Part, val: Part | None = None) -> OwnData:
    """Return the data set that arrays make.

    Args:
        origin: Where they come from.
        train: Training samples; with groups, if a split is to keep some together.
        test: Test samples.
        val: The validation part, where the user has one.

    Raises:
        DataError: The arrays are no numbers, not finite, empty, of other lengths or shapes than each other,
            or their classes have gaps.
    """
    where = origin.where
    parts = [part for part in (train, val, test) if part is not None]
    inputs = {part.name: _checked_inputs(where, part) for part in parts}
    targets = {part.name: _checked_targets(where, part, len(inputs[part.name])) for part in parts}
    _check_alike(where, "x", {name: (each.shape[1:], str(each.dtype)) for name, each in inputs.items()})
    _check_alike(where, "y", {name: (each.shape[1:], each.dtype.kind) for name, each in targets.items()})
    kind, shape = _kind_of(where, inputs["train"])
    is_classified = targets["train"].dtype.kind != "f"
    if is_classified:
        others = {name: each for name, each in targets.items() if name != "train"}
        check_classes(where, targets["train"], others)
    in_training = [part.name for part in parts if part.name != "test"]
    training_inputs = np.concatenate([inputs[name] for name in in_training])
    training_targets = np.concatenate([targets[name] for name in in_training])
    groups = _checked_groups(where, train, val)
    is_bytes = training_inputs.dtype == np.uint8
    spec = DatasetSpec(
        name="",
        kind=kind,
        shape=shape,
        dtype="uint8" if is_bytes else "float32",
        greatest=BYTE_GREATEST if is_bytes else None,
        n_train=len(training_targets),
        n_val=len(targets["val"]) if val is not None else None,
        n_test=len(targets["test"]),
        class_sizes=tuple(np.bincount(training_targets).tolist()) if is_classified else (),
        target_shape=training_targets.shape[1:],
        format=origin.format,
        files=ARRAY_FILES if groups is None else (*ARRAY_FILES, GROUPS_FILE),
        source=where,
        licence="the user's own",
    )
    found = [training_inputs, training_targets, inputs["test"], targets["test"]]
    found += [] if groups is None else [groups]
    arrays = {
        part.array: each.astype(part.dtype, copy=False).reshape(part.shape)
        for part, each in zip(spec.parts, found, strict=True)
    }
    known = measured_spec(spec, arrays)
    return OwnData(
        spec=replace(known, name=content_name(origin, "".join(known.sha256.values()))), read=lambda: arrays
    )


def content_name(origin: Origin, digests: str) -> str:
    """Return a name for the cache that follows from the content."""
    digest = hashlib.sha256(digests.encode()).hexdigest()
    return f"{origin.format}-{re.sub(r'[^A-Za-z0-9_-]', '_', origin.stem)}-{digest[:12]}"


def check_classes(where: str, train: NDArray[Any], others: dict[str, NDArray[Any]]) -> int:
    """Return the number of classes, once training classes have no gaps and other parts have no more.

    Raises:
        DataError: They do.
    """
    classes = set(np.unique(train).tolist())
    n_classes = int(max(classes)) + 1
    missing = sorted(set(range(min(n_classes, MOST_CLASSES + 1))) - classes)
    strange = {
        name: extra for name, each in others.items() if (extra := sorted(set(each.tolist()) - classes))
    }
    if n_classes > MOST_CLASSES:
        raise DataError(
            f"{where}: classes are whole numbers from 0 to {MOST_CLASSES - 1}, and the training part has "
            f"{n_classes - 1}. Remedy: number the classes from 0; for numbers to predict (regression) give "
            f"targets of a float type"
        )
    if n_classes < 2 or missing or strange or min(classes) < 0:
        only = "; ".join(f"only in the {name} part: {extra}" for name, extra in strange.items())
        raise DataError(
            f"{where}: training classes must be 0, 1, ... without gaps and those of other parts among them; "
            f"missing in training: {missing or 'none'}; {only or 'none elsewhere only'}. Remedy: number the "
            f"classes from 0; for numbers to predict (regression) give targets of a float type"
        )
    return n_classes


def _checked_inputs(where: str, part: Part) -> NDArray[Any]:
    """Return inputs as bytes, or as finite float32.

    Raises:
        DataError: They are neither, or have no axis beside that of the samples.
    """
    values = _numbers(where, f"x_{part.name}", part.inputs)
    if values.ndim < 2 or 0 in values.shape:
        raise DataError(
            f"{where}: x_{part.name} has shape {values.shape}, and must be (n, features), (n, C, H, W), or "
            f"any (n, ...) that is not empty"
        )
    return values


def _checked_targets(where: str, part: Part, n_samples: int) -> NDArray[Any]:
    """Return targets as int64 classes or finite float32 numbers.

    Raises:
        DataError: They are neither, or not one for each sample.
    """
    name = f"y_{part.name}"
    given = np.asarray(part.targets)
    is_classes = given.dtype.kind in "iub"
    values = given.astype(np.int64) if is_classes else _numbers(where, name, given)
    if len(values.shape) != 1 and (is_classes or len(values.shape) != 2):
        rule = "(n,), one class a sample" if is_classes else "(n,) or (n, k)"
        raise DataError(f"{where}: {name} has shape {values.shape}, and must be {rule}")
    if len(values) != n_samples:
        raise DataError(f"{where}: x_{part.name} has {n_samples} samples, but {name} has {len(values)}")
    return values


def _numbers(where: str, name: str, given: Any) -> NDArray[Any]:
    """Return an array as bytes where it is one of bytes, else as finite float32.

    Raises:
        DataError: It holds no numbers, or some that are not finite.
    """
    values = np.asarray(given)
    if values.dtype == np.uint8:
        return values
    if values.dtype.kind not in "iubf":
        raise DataError(f"{where}: {name} is of type {values.dtype}, and must hold numbers")
    with np.errstate(over="ignore"):
        as_floats = values.astype(np.float32)
    n_bad = int(np.count_nonzero(~np.isfinite(as_floats)))
    if n_bad:
        raise DataError(
            f"{where}: {n_bad} of {as_floats.size} values of {name} are not finite (nan, infinite, or too "
            f"large for float32). Remedy: fill or drop them before"
        )
    return as_floats


def _checked_groups(where: str, train: Part, val: Part | None) -> NDArray[np.int32] | None:
    """Return the number of each training sample's group, from 0 on; None without groups.

    Raises:
        DataError: There are none to tell apart, not one for each sample, or beside a given validation part.
    """
    if train.groups is None:
        return None
    values = np.asarray(train.groups)
    n_samples = len(np.asarray(train.targets))
    if values.shape != (n_samples,) or values.dtype.kind not in "iubSU":
        raise DataError(
            f"{where}: groups_train has shape {values.shape} and type {values.dtype}, and must hold a whole "
            f"number or a word for each of {n_samples} training samples"
        )
    if val is not None:
        raise DataError(f"{where}: groups_train is not read beside x_val and y_val. Remedy: leave one out")
    names, numbers = np.unique(values, return_inverse=True)
    if len(names) < 2:
        raise DataError(f"{where}: groups_train names one group only, of which no part can be held out")
    return numbers.astype(np.int32)


def _check_alike(where: str, letter: str, of_parts: dict[str, tuple[tuple[int, ...], str]]) -> None:
    """Refuse parts whose samples are not of one shape and type.

    Raises:
        DataError: They are not.
    """
    if len(set(of_parts.values())) > 1:
        kinds = {"i": "whole numbers", "f": "float32"}
        told = ", ".join(
            f"{letter}_{name} {shape or 'one number'} of {kinds.get(kind, kind)}"
            for name, (shape, kind) in of_parts.items()
        )
        raise DataError(f"{where}: the parts hold samples of different shape or type: {told}")


def _kind_of(where: str, inputs: NDArray[Any]) -> tuple[Kind, tuple[int, ...]]:
    """Return what samples are, and their shape; bytes of two axes are gray images.

    Raises:
        DataError: They look like images whose channels come last.
    """
    shape = inputs.shape[1:]
    if len(shape) == 1:
        return "table", shape
    if len(shape) == 2:
        return ("image", (1, *shape)) if inputs.dtype == np.uint8 else ("tensor", shape)
    if len(shape) == 3 and shape[0] not in _CHANNELS and shape[2] in _CHANNELS:
        raise DataError(
            f"{where}: samples of shape {shape} look like images with the channels last. Remedy: "
            f"x.transpose(0, 3, 1, 2), as images are (n, C, H, W)"
        )
    return ("image" if len(shape) == 3 else "tensor"), shape
