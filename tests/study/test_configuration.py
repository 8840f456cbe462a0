import pytest
from pydantic import ValidationError

from harness.study.configuration import resolve
from harness.study.optimizers import OPTIMIZERS

RECIPE = {"model": {"name": "fcn"}, "batch_size": 512, "epochs": 1}


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_defaults_of_the_optimizer_are_filled_in_and_others_stay_null(optimizer: str) -> None:
    """The record holds the values really used, and null where there is no such hyperparameter."""
    configuration = resolve({**RECIPE, "optimizer": optimizer})
    for name in ("lr", "momentum", "nesterov", "alpha", "beta1", "beta2", "eps", "weight_decay"):
        assert getattr(configuration, name) == OPTIMIZERS[optimizer].hyperparameters.get(name)


def test_a_hyperparameter_the_optimizer_lacks_is_refused() -> None:
    """It is never dropped silently."""
    with pytest.raises(ValidationError, match="adam has no momentum"):
        resolve({**RECIPE, "optimizer": "adam", "momentum": 0.9})


def test_a_given_value_wins_over_the_default() -> None:
    """Whatever the recipe says is what runs."""
    assert resolve({**RECIPE, "optimizer": "adam", "beta2": 0.95}).beta2 == 0.95
