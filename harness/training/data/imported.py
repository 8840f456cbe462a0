"""A data set that the user's code loads: `{import: "package.module:name", setting: value}`.

The code is called in a process of its own, once for each part, and what it returns goes into the cache like
any other data: workers map the arrays of the declared hashes, and the test part stays sealed there.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict
from functools import lru_cache, partial
from typing import Any

import numpy as np

from harness.code.process import ask
from harness.code.resolve import CodeError, Trusted, trusted
from harness.code.settings import call_with
from harness.errors import DataError
from harness.recipe.data import ARRAY_FILES, GROUPS_FILE, ArrayFile, DatasetSpec
from harness.recipe.imported import Imported, imported_data
from harness.records.whole_file import write_file
from harness.training.data.cache import Arrays, array_file, cache_folder, user_cache
from harness.training.data.loaded import Origin, OwnData, Part, content_name, data_of_parts


def data_by_import(name: str) -> OwnData:
    """Return the data set that a user's code loads, loaded once a process.

    Raises:
        CodeError: The code is not trusted here, fails, or returns no inputs and targets.
        DataError: What it returns makes no data set, or cannot be cached.
    """
    return _loaded(name, trusted())


@lru_cache(maxsize=8)
def _loaded(name: str, code: Trusted | None) -> OwnData:
    if code is None or _origin(name).where not in code.code.references:
        raise CodeError(f"{name}: is loaded by code of your own, which is not trusted. Remedy: --trust")
    told = ask(code.code, dict(code.sources), "harness.training.data.imported:load", name)
    spec = _spec_of(told)
    return OwnData(spec=spec, read=partial(_cached_arrays, spec))


def load(name: str) -> dict[str, Any]:
    """Load a data set, write it to the cache, and return its description; where the code may be imported."""
    from harness.training.data.prepare import prepare_own

    imported = _imported(name)
    own = data_of_parts(_origin(name), _part(imported, "train"), _part(imported, "test"))
    spec = prepare_own(own).spec
    described = asdict(spec)
    write_file(user_cache() / f"{spec.name}.json", json.dumps(described))
    return described


def declared_spec(name: str, declared: Mapping[str, str]) -> DatasetSpec | None:
    """Return what this machine's cache knows of a data set with the declared hashes; None for nothing.

    Args:
        name: As recipes have it; None is returned for one that no code loads, too.
        declared: SHA-256 of every array.
    """
    if imported_data(name) is None:
        return None
    digests = [declared[file.name] for file in (*ARRAY_FILES, GROUPS_FILE) if file.name in declared]
    try:
        text = (user_cache() / f"{content_name(_origin(name), ''.join(digests))}.json").read_text("utf-8")
        return _spec_of(json.loads(text))
    except (OSError, ValueError, TypeError, KeyError):  # not there, or not what we wrote: to be loaded here
        return None


def _imported(name: str) -> Imported:
    imported = imported_data(name)
    if imported is None:
        raise AssertionError(f"{name} is not loaded by code")
    return imported


def _origin(name: str) -> Origin:
    reference = _imported(name).reference
    return Origin(where=reference, stem=reference, format="import")


def _part(imported: Imported, part: str) -> Part:
    """Return what the user's code gives of one part.

    Raises:
        CodeError: It raises, or returns something else.
    """
    given = call_with(imported, part=part)
    if not isinstance(given, tuple | list) or len(given) not in {2, 3}:
        shape = f"{len(given)} values" if isinstance(given, tuple | list) else type(given).__name__
        raise CodeError(
            f"{imported.reference}: returned {shape} for part={part!r}, and must return (inputs, targets), "
            f"or (inputs, targets, groups) of the training part"
        )
    inputs, targets, *groups = given
    return Part(
        name=part, inputs=inputs, targets=targets, groups=groups[0] if groups and part == "train" else None
    )


def _cached_arrays(spec: DatasetSpec) -> Arrays:
    """Return the arrays that the loading process has cached.

    Raises:
        DataError: They are not there any more.
    """
    folder = cache_folder(spec)
    try:
        return {part.array: np.load(array_file(folder, part.array), mmap_mode="r") for part in spec.parts}
    except (OSError, ValueError) as error:
        raise DataError(f"{folder}: was written and is gone ({error}). Remedy: run it again") from error


def _spec_of(described: Mapping[str, Any]) -> DatasetSpec:
    """Return the description that `asdict` made JSON of."""
    lists = {name: tuple(value) for name, value in described.items() if isinstance(value, list)}
    files = tuple(ArrayFile(**file) for file in described["files"])
    return DatasetSpec(**{**described, **lists, "files": files})
