"""A winner made from a recipe and data, trained by the harness and by its script."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import torch

from harness.recipe.configuration import Configuration
from harness.recipe.data import DatasetSpec
from harness.recipe.metrics import Goal
from harness.training.arithmetic import denormals_flushed
from harness.training.data.arrays import Samples
from harness.training.data.own import own_data
from harness.training.evaluation import evaluate
from harness.training.loop import train
from harness.training.metrics import measures_of
from harness.training.weights import digest
from harness.winning.script import script_of
from harness.winning.winner import Winner

SEED = 3


@dataclass(frozen=True, kw_only=True)
class Data:
    """A data set on disk, and as the harness holds it."""

    name: str
    spec: DatasetSpec
    train: Samples
    test: Samples

    @classmethod
    def of(cls, name: str) -> "Data":
        """Return a user's own data set."""
        own = own_data(name)
        assert own is not None
        spec, arrays = own.spec, own.read()
        found = [np.array(arrays[part.array]) for part in spec.parts]
        inputs = [torch.from_numpy(each.reshape(len(each), *spec.shape)) for each in found[:3:2]]
        kind = np.int64 if spec.n_classes else np.float32
        targets = [torch.from_numpy(each.astype(kind)) for each in found[1:4:2]]
        groups = torch.from_numpy(found[4]) if spec.is_grouped else None
        given: dict[str, Any] = {"kind": spec.kind, "greatest": spec.greatest}
        return cls(
            name=name,
            spec=spec,
            train=Samples(inputs=inputs[0], targets=targets[0], groups=groups, n_val=spec.n_val, **given),
            test=Samples(inputs=inputs[1], targets=targets[1], **given),
        )

    @property
    def given(self) -> list[Path]:
        """What the script is given: the place of a user's own data."""
        place = self.name.partition(":")[2]
        return [Path(place)] if place else []


def by_harness(
    recipe: Configuration, data: Data, best_by: Goal | None, metrics: Mapping[str, str | None]
) -> dict[str, Any]:
    """Return what a confirm run of the harness records of the epoch that stands for it."""
    records: list[Any] = []
    measures = measures_of(metrics)
    result = train(recipe, SEED, data.train, records.append, best_by=best_by, measures=measures)
    record = records[-1]
    if best_by:
        sign = -1 if best_by.better == "higher" else 1
        record = min(records, key=lambda each: sign * each.value(best_by.metric))
    tested = evaluate(result.predictor, data.test, measures=measures)
    values = {
        "epoch": record.epoch,
        "train_loss": record.train_loss,
        "train_accuracy": record.train_accuracy,
        "val_loss": record.val_loss,
        "val_accuracy": record.val_accuracy,
        **record.metrics,
        "test_loss": tested.loss,
        "test_accuracy": tested.accuracy,
        **{f"test_{name}": value for name, value in tested.metrics.items()},
        "weights": digest(result.predictor.model.state_dict()),
    }
    return {name: value for name, value in values.items() if value is not None}


def script_for(
    recipe: Configuration,
    data: Data,
    best_by: Goal | None = None,
    metrics: Mapping[str, str | None] = MappingProxyType({}),
    **given: Any,
) -> str:
    """Return the script of a winner with a recipe."""
    facts: dict[str, Any] = {
        "runs": (),
        "threads": 1,
        "device": "cpu",
        "processor": None,
        "versions": {},
    } | given
    winner = Winner(
        study="a",
        arm="b",
        repeat=0,
        among=1,
        configuration=recipe.model_dump(mode="json"),
        metrics=metrics,
        goal=best_by or Goal("val_loss", "lower"),
        best_by=best_by,
        data_sha256=data.spec.sha256,
        declaration_sha256="",
        **facts,
    )
    return script_of(winner, data.spec)


def executed(text: str) -> dict[str, Any]:
    """Return what a script defines."""
    names: dict[str, Any] = {"__name__": "reproduce"}
    exec(compile(text, "reproduce.py", "exec"), names)  # noqa: S102 - what is tested
    return names


def by_script(text: str, data: Data) -> dict[str, Any]:
    """Return what a script gets, run in this process."""
    names = executed(text)
    training, test = names["read_data"](*data.given)
    with denormals_flushed():
        model, numbers, got = names["train"](SEED, training)
        tested = names["evaluate"](model, test, torch.arange(len(test["targets"])), numbers)
    return (
        got
        | {f"test_{name}": value for name, value in tested.items()}
        | {"weights": names["digest"](model.state_dict())}
    )
