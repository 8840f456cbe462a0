from typing import Annotated, Any

import pytest
from pydantic import ConfigDict, TypeAdapter, ValidationError

from harness.recipe.configuration import Configuration, resolve
from harness.recipe.dependents import DEFAULT_CHOICES, DEPENDENTS, READERS
from harness.recipe.optimizers import OPTIMIZERS

RECIPE = {"model": {"name": "fcn"}, "batch_size": 512, "epochs": 10, "optimizer": "sgd"}
CHOICES = [(field, choice) for field, choices in READERS.items() for choice in choices]
GIVEN = {"lr_step_epochs": 2, "lr_gamma": 0.5, "lr": 0.1}
"""Fields that have no default."""


def as_written(field: str, choice: str) -> Any:
    """Return a choice among the readers of a field as a recipe has it."""
    if choice == "import":
        return {"import": "a_package.module:name"}
    return {"name": choice} if field == "model" else choice


def problem(**changes: Any) -> str:
    """Return why a recipe is refused."""
    with pytest.raises(ValidationError) as caught:
        resolve(RECIPE | changes)
    return str(caught.value)


@pytest.mark.parametrize(("field", "choice"), CHOICES)
def test_defaults_of_what_a_choice_reads_are_filled_in_and_the_rest_stays_null(
    field: str, choice: str
) -> None:
    """The record holds the values really used, and null where nothing reads a field."""
    given = {name: GIVEN[name] for name, default in READERS[field][choice].items() if default is None}
    configuration = resolve(RECIPE | {field: as_written(field, choice)} | given)
    choices = DEFAULT_CHOICES | {"model": "fcn", "optimizer": "sgd", field: choice}
    expected: dict[str, Any] = {}
    for reader, chosen in choices.items():
        expected |= READERS[reader].get(chosen, {})
    given |= {field: choice} if field in DEPENDENTS else {}
    for name in DEPENDENTS:
        assert getattr(configuration, name) == given.get(name, expected.get(name)), name


def takes(name: str, value: Any) -> bool:
    """Whether a value keeps a field's own rule."""
    field = Configuration.model_fields[name]
    rule = Annotated[field.annotation, *field.metadata] if field.metadata else field.annotation
    try:
        TypeAdapter(rule, config=ConfigDict(strict=True)).validate_python(value)
    except ValidationError:
        return False
    return True


@pytest.mark.parametrize("name", DEPENDENTS)
def test_a_field_that_nothing_reads_is_refused(name: str) -> None:
    """It is never dropped silently: each is refused by some choice, which is named."""
    value: Any = next((v for v in (0.5, 1, 1.0, True) if takes(name, v)), None)
    without = [o for o, spec in OPTIMIZERS.items() if name not in spec.hyperparameters]
    changes: dict[str, Any] = {"lr_schedule": "one_cycle"} if name == "warmup_epochs" else {}
    if "optimizer" in DEPENDENTS[name] and not without:
        assert name in {"lr", "weight_decay"}, "what every optimizer has"
        return
    if name == "label_smoothing":
        changes["loss"] = "mse"
    if "model" in DEPENDENTS[name]:
        value = {"activation": "tanh", "init": "default", "bias_init": "zeros", "batch_norm": "hidden"}.get(
            name, 0.5
        )
        changes["model"] = as_written("model", "import")
    if "optimizer" in DEPENDENTS[name]:
        changes["optimizer"] = without[0]
    assert f"no {name}. " in problem(**changes, **{name: value})


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"optimizer": "adam", "momentum": 0.9}, "adam has no momentum. Valid: lr, beta1"),
        (
            {"lr_schedule": "cosine", "lr_gamma": 0.5},
            "lr_schedule: cosine has no lr_gamma. Valid: lr_min_factor, warmup_epochs",
        ),
        (
            {"batch_norm_eps": 0.1},
            "batch_norm: none and input_norm: standardize have no batch_norm_eps. Leave it out",
        ),
        (
            {"batch_norm_eps": 0.1, "input_norm": {"constants": {"mean": 0.5, "std": 0.5}}},
            "batch_norm: none and input_norm: constants have no batch_norm_eps",
        ),
        ({"lr_schedule": "step"}, "lr_schedule: step needs lr_step_epochs, which has no default"),
        ({"nesterov": True}, "nesterov needs a momentum above 0"),
        ({"nesterov": True, "momentum": 0.9, "dampening": 0.1}, "nesterov needs dampening 0, but it is 0.1"),
        ({"warmup_epochs": 10.0}, "warmup_epochs = 10 leaves nothing of 10 epochs"),
        (
            {"warmup_epochs": 1.9, "steps": 120, "epochs": 2},
            "warmup_epochs = 1.9 leaves nothing of 120 steps: shorten it",
        ),
        ({"warmup_epochs": 0.996, "epochs": 1}, "warmup_epochs = 0.996 leaves nothing of 1 epochs"),
        ({"batch_norm": "hidden", "batch_size": 1}, "batch_norm needs batches of at least 2 samples"),
        ({"steps": 1, "epochs": 10}, "steps = 1 and epochs = 10 are both given: leave one of them out"),
        ({"model": {"name": "lenet5", "hidden": [3]}}, "hidden"),
        ({"dataset": "mnits"}, "'mnits' is not known. Did you mean 'mnist'?"),
        ({"dataset": "idx:data"}, "'idx:data': the folder must be absolute"),
    ],
)
def test_a_recipe_that_contradicts_itself_is_refused(changes: dict[str, Any], told: str) -> None:
    """The message names the value, the rule and what is valid."""
    assert told in problem(**changes)


def test_one_reader_is_enough() -> None:
    """BatchNorm's settings serve hidden layers and input alike."""
    assert resolve(RECIPE | {"input_norm": "batch_norm", "batch_norm_eps": 0.1}).batch_norm_eps == 0.1
    assert resolve(RECIPE | {"batch_norm": "hidden"}).batch_norm_eps == 1e-5


def test_a_given_value_wins_over_the_default() -> None:
    """Whatever the recipe says is what runs."""
    assert resolve({**RECIPE, "optimizer": "adam", "beta2": 0.95}).beta2 == 0.95


@pytest.mark.parametrize(
    ("batch_size", "steps", "epochs"),
    [(512, 106, 1), (512, 107, 2), (512, 300, 3), (54_000, 7, 7), (1, 1, 1)],
)
def test_steps_become_the_epochs_they_take(batch_size: int, steps: int, epochs: int) -> None:
    """54,000 images train; an epoch of 512 has 106 steps, the last of 240 images."""
    recipe = {name: value for name, value in RECIPE.items() if name != "epochs"}
    configuration = resolve(recipe | {"batch_size": batch_size, "steps": steps})
    assert (configuration.epochs, configuration.steps) == (epochs, steps)


def test_the_length_in_steps_counts_the_validation_part_out() -> None:
    """Of 60,000 images 0.35 are 21,000: 39,000 make 39 steps of 1,000."""
    recipe = RECIPE | {"batch_size": 1000, "val_fraction": 0.35, "dataset": "kmnist"}
    del recipe["epochs"]
    assert resolve(recipe | {"steps": 40}).epochs == 2
    assert resolve(recipe | {"steps": 39}).epochs == 1


def test_steps_need_a_data_set_of_known_size() -> None:
    """A folder's files are only read when a study starts."""
    recipe = RECIPE | {"dataset": "idx:/data", "steps": 3}
    del recipe["epochs"]
    with pytest.raises(ValidationError, match="steps needs a data set whose size is known before"):
        resolve(recipe)


def test_a_resolved_configuration_survives_its_record() -> None:
    """What stands in the journal is the same configuration again."""
    recipe = {
        "model": {"name": "simple_cnn"},
        "batch_size": 64,
        "steps": 5000,
        "optimizer": "nadam",
        "init": {"normal": {"std": 0.01}},
        "input_norm": "batch_norm",
        "lr_schedule": "one_cycle",
    }
    configuration = resolve(recipe)
    assert Configuration.model_validate(configuration.model_dump(mode="json")) == configuration


def test_a_warmup_ends_within_the_steps_of_a_run() -> None:
    """54,000 images in batches of 512 are 106 steps, so that 1.1 epochs are 117 of 120."""
    recipe = {name: value for name, value in RECIPE.items() if name != "epochs"}
    assert resolve(recipe | {"warmup_epochs": 1.1, "steps": 120}).epochs == 2
    own = recipe | {"dataset": "npz:/data/own.npz", "epochs": 1}
    assert resolve(own | {"warmup_epochs": 0.996}).warmup_epochs == 0.996
