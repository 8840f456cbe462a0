"""A user's own data set, by the prefix that says how its files are laid out."""

from collections.abc import Callable
from pathlib import Path

from harness.recipe.data import DataFacts
from harness.recipe.datasets import DATASETS, own_place
from harness.recipe.imported import DATA_PREFIX
from harness.training.data.image_folder import image_folder_data
from harness.training.data.imported import data_by_import
from harness.training.data.loaded import OwnData
from harness.training.data.npz import npz_data
from harness.training.data.own_idx import idx_data, idx_facts

_READERS: dict[str, Callable[[Path], OwnData]] = {
    "idx:": idx_data,
    "npz:": npz_data,
    "image_folder:": image_folder_data,
}


def own_data(name: str) -> OwnData | None:
    """Return a user's own data set; None for the name of a published one.

    Raises:
        DataError: A file is missing, unreadable, or contradicts another.
    """
    return None if own_place(name) is None else data_at(name)


def data_at(name: str) -> OwnData:
    """Return a user's own data set; see `own_data`."""
    prefix, place = own_place(name) or ("", "")
    if prefix == DATA_PREFIX:
        return data_by_import(name)
    return _READERS[prefix](Path(place))


def facts_of(name: str) -> DataFacts:
    """Return what a study's checks need to know of a data set, reading as little of it as they need.

    Raises:
        DataError: It is a user's own, and a file is missing, unreadable, or contradicts another.
    """
    if name in DATASETS:
        return DATASETS[name].facts
    if name.startswith("idx:"):
        return idx_facts(Path(name.removeprefix("idx:")))
    return data_at(name).spec.facts
