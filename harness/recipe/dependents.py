"""Recipe fields that only some choices read: momentum is the optimizer's, a decay factor the schedule's.

A field that is given is used or refused, so the rules here serve both: what resolves to a default, and what a
message calls valid.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from harness.errors import nearest
from harness.recipe.imported import IMPORT, is_imported, reference_of
from harness.recipe.losses import LOSSES
from harness.recipe.optimizers import OPTIMIZERS
from harness.recipe.schedules import SCHEDULES

Default = float | bool | str | None
"""None where the field must be given."""

_BATCH_NORM: Mapping[str, Default] = {"batch_norm_momentum": 0.1, "batch_norm_eps": 1e-5}
"""torch's defaults. The momentum is the new batch's weight: Keras calls its complement by that name."""

_LAYERS: Mapping[str, Default] = {
    "activation": "relu",
    "init": "default",
    "bias_init": "default",
    "dropout": 0.0,
    "batch_norm": "none",
}
"""What a recipe puts around the layers of a model of ours; an imported one has layers of its own."""

READERS: dict[str, dict[str, Mapping[str, Default]]] = {
    "model": dict.fromkeys(("fcn", "lenet5", "simple_cnn"), _LAYERS),
    "optimizer": {name: spec.hyperparameters for name, spec in OPTIMIZERS.items()} | {IMPORT: {"lr": None}},
    "lr_schedule": {name: spec.hyperparameters for name, spec in SCHEDULES.items()},
    "batch_norm": {"hidden": _BATCH_NORM, "after_activation": _BATCH_NORM},
    "input_norm": {"batch_norm": _BATCH_NORM},
    "loss": {name: spec.hyperparameters for name, spec in LOSSES.items()},
}
"""From a field to its choices, and from these to the fields that each reads, with their defaults. A choice
that reads nothing more has no entry."""

DEFAULT_CHOICES = {
    "lr_schedule": "constant",
    "batch_norm": "none",
    "input_norm": "standardize",
    "loss": "cross_entropy",
}
"""What the fields of `READERS` are when not given; `model` and `optimizer` must be."""

_READ_BY = [
    (field, {name for fields in choices.values() for name in fields}) for field, choices in READERS.items()
]

DEPENDENTS: dict[str, tuple[str, ...]] = {
    name: tuple(field for field, names in _READ_BY if name in names)
    for choices in READERS.values()
    for fields in choices.values()
    for name in fields
}
"""From each dependent field to the fields whose choice decides whether it is read."""


def reads(field: str, choice: Any) -> Mapping[str, Default]:
    """Return the fields that a choice reads, with their defaults."""
    name = _name_of(choice)
    return {} if name is None else READERS[field].get(name, {})


def _name_of(choice: Any) -> str | None:
    """Return what a choice goes by among the readers of its field."""
    if is_imported(choice):
        return IMPORT
    name = choice.get("name") if isinstance(choice, Mapping) else choice
    return name if isinstance(name, str) else None


def read_fields(values: Mapping[str, Any]) -> dict[str, Default]:
    """Return every dependent field that a recipe's values make read, with its default."""
    chosen = {**DEFAULT_CHOICES, **values}
    return {name: default for field in READERS for name, default in reads(field, chosen.get(field)).items()}


def refusal(name: str, choices: Sequence[tuple[str, Any]], arm: str | None = None) -> str:
    """Return why a dependent field is refused, with the nearest one that would not be.

    Args:
        name: The field.
        choices: (field, choice) for each field that could read it, and does not.
        arm: The arm that made these choices.
    """
    who = " and ".join(worded(field, choice) for field, choice in choices)
    whose = who if arm is None else f"arm {arm} uses {who}, which"
    valid = [other for field, choice in choices for other in reads(field, choice)]
    if any(is_imported(choice) for _, choice in choices):
        hint = "Remedy: leave it out; a setting of what is imported stands beside its import"
    else:
        hint = nearest(name, valid) if valid else "Leave it out"
    return f"{whose} {'has' if len(choices) == 1 else 'have'} no {name}. {hint}"


def worded(field: str, choice: Any) -> str:
    """Return a choice as a message calls it: an optimizer by its name, others by field and name."""
    if is_imported(choice):
        name = reference_of(choice)
    elif isinstance(choice, Mapping):
        name = choice.get("name", next(iter(choice)))
    else:
        name = choice
    return str(name) if field == "optimizer" else f"{field}: {name}"
