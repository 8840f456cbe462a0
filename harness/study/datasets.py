"""Several data sets in one study: what they are called, and the arms that stand on each."""

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import PurePath
from typing import Any

from harness.recipe.datasets import own_place
from harness.recipe.imported import DATA_PREFIX
from harness.study.study import Arm


def label_of(dataset: Any) -> str:
    """Return what arms, claims and reports call a data set: fit for the name of a file.

    Args:
        dataset: As a recipe names it. Of a user's own data the name of the folder or file, of a mapping what
            it imports.
    """
    name = str(next(iter(dataset.values())) if isinstance(dataset, dict) else dataset)
    own = own_place(name)
    if own is not None:
        prefix, place = own
        if prefix == DATA_PREFIX:
            name = place.partition("{")[0]
        else:
            name = PurePath(place).stem if prefix == "npz:" else PurePath(place).name
    return re.sub(r"[^A-Za-z0-9_.-]", "_", name) or "data"


def name_on(arm: str, dataset: str) -> str:
    """Return what an arm is called on one of several data sets."""
    return f"{arm}@{dataset}"


def on_each(arms: Sequence[Arm], datasets: Sequence[Any]) -> list[Arm]:
    """Return every arm on each of several data sets, one data set after the other, as `arm@dataset`."""
    return [_on(arm, dataset) for dataset in datasets for arm in arms]


def _on(arm: Arm, dataset: Any) -> Arm:
    label = label_of(dataset)
    return replace(
        arm,
        name=name_on(arm.name, label),
        alone=arm.name,
        dataset=label,
        fixed={"dataset": dataset, **arm.fixed},
    )
