"""What the objects of a program must be."""

import json
from typing import Any

import pytest

from harness.programs.contract import Contract, Printed
from harness.programs.lines import BadLineError


def _printed(phase: str = "search", *objects: str) -> Printed:
    contract = Contract(
        metrics=("accuracy", "loss"),
        objective="val_accuracy",
        epochs=3,
        phase=phase,
        tested=("test_accuracy",),
    )
    printed = Printed(contract=contract)
    for text in objects:
        printed.take(json.loads(text))
    return printed


def test_an_epoch_has_the_declared_metrics_by_their_names_in_records() -> None:
    """Whatever else the program prints is its own affair."""
    epoch = _printed().take({"epoch": 1, "val_accuracy": 1, "train_loss": 0.5, "lr": 0.1, "val_speed": "x"})
    assert epoch is not None
    assert (epoch.epoch, epoch.metrics, epoch.diverged) == (1, {"val_accuracy": 1.0, "train_loss": 0.5}, None)


def test_an_object_about_nothing_declared_is_no_epoch() -> None:
    """Such as the settings that many programs print first."""
    assert _printed().take({"lr": 0.1, "hidden": [1]}) is None


@pytest.mark.parametrize("value", ["NaN", "Infinity", "1e999", "-1.1e150", "null", "1" + "0" * 400])
def test_an_objective_that_is_not_finite_is_a_divergence(value: str) -> None:
    """JSON's own writing of it, one that becomes infinite when read, and one whose square would."""
    epoch = _printed().take(json.loads(f'{{"epoch": 1, "val_accuracy": {value}, "val_loss": 1}}'))
    assert epoch is not None
    assert epoch.metrics == {"val_accuracy": None, "val_loss": 1.0}
    assert epoch.diverged is not None
    assert epoch.diverged.startswith("val_accuracy is ")


@pytest.mark.parametrize(
    ("earlier", "printed", "wrong"),
    [
        ([], {"epoch": 0, "val_accuracy": 0.1}, "printed epoch 0 where 1 was next"),
        ([1, 2], {"epoch": 1, "val_accuracy": 0.1}, "printed epoch 1 where 3 was next"),
        ([1], {"epoch": 1, "val_accuracy": 0.1}, "printed epoch 1 where 2 was next"),
        ([1], {"epoch": 3, "val_accuracy": 0.1}, "printed epoch 3 where 2 was next"),
        ([1, 2, 3], {"epoch": 4, "val_accuracy": 0.1}, "above the 3 of trial.epochs"),
        ([], {"epoch": True, "val_accuracy": 0.1}, "printed epoch True"),
        ([], {"epoch": "1", "val_accuracy": 0.1}, "printed epoch '1'"),
        ([], {"epoch": 1}, "printed no val_accuracy in epoch 1"),
        ([], {"epoch": 1, "val_accuracy": True}, "val_accuracy = True, which is no number"),
        ([], {"epoch": 1, "val_accuracy": "0.5"}, "val_accuracy = '0.5', which is no number"),
        ([], {"epoch": 1, "val_accuracy": [0.5]}, "which is no number"),
        ([], {"val_accuracy": 0.5}, "printed val_accuracy without its epoch"),
        (
            [],
            {"epoch": 1, "val_accuracy": 0.5, "test_accuracy": 0.5},
            "printed test_accuracy in a search run",
        ),
        ([], {"test_other": 0.5}, "printed test_other in a search run"),
    ],
)
def test_an_object_that_breaks_the_contract_says_how(
    earlier: list[int], printed: dict[str, Any], wrong: str
) -> None:
    """Value, rule and what was expected."""
    state = _printed("search", *(f'{{"epoch": {n}, "val_accuracy": 0.5}}' for n in earlier))
    with pytest.raises(BadLineError) as error:
        state.take(printed)
    assert wrong in str(error.value)


def test_of_test_values_the_last_counts() -> None:
    """They may come with an epoch or alone."""
    printed = _printed(
        "confirm", '{"epoch": 1, "val_accuracy": 0.5, "test_accuracy": 0.4}', '{"test_accuracy": 0.45}'
    )
    assert printed.tested == {"test_accuracy": 0.45}
