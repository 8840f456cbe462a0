"""Domains of study files as Optuna parameters."""

import json
from collections.abc import Iterator, Mapping
from itertools import product
from typing import Any

import optuna

from harness.study.domains import Choices, Domain, Grid, OneOf, Range


def suggest(trial: optuna.Trial, space: Mapping[str, Domain]) -> dict[str, Any]:
    """Let Optuna choose a value for every field of a space; a chosen branch's own fields are added.

    Fields of a branch are Optuna parameters called `<branch>.<field>`.
    """
    chosen: dict[str, Any] = {}
    for field, domain in space.items():
        if isinstance(domain, OneOf):
            branch = trial.suggest_categorical(field, list(domain.branches))
            chosen[field] = branch
            for name, value in domain.branches[branch].items():
                chosen[name] = _value(trial, f"{branch}.{name}", value)
        else:
            chosen[field] = _value(trial, field, domain)
    return chosen


def _value(trial: optuna.Trial, name: str, domain: Any) -> Any:
    """Return a fixed value as it is, or Optuna's choice from a domain."""
    match domain:
        case Range() if domain.is_integer:
            step = int(domain.step) if domain.step else 1
            return trial.suggest_int(name, domain.low, domain.high, log=domain.log, step=step)
        case Range():
            return trial.suggest_float(name, domain.low, domain.high, log=domain.log, step=domain.step)
        case Choices() | Grid():
            labels = {_label(value): value for value in domain.values}
            return labels[trial.suggest_categorical(name, list(labels))]
        case _:
            return domain


def _label(value: Any) -> str | int | float | bool | None:
    """Return an Optuna choice for a value: structures become JSON text, which the dashboard can show."""
    return json.dumps(value) if isinstance(value, dict | list) else value


def grid_points(space: Mapping[str, Domain]) -> Iterator[dict[str, Any]]:
    """Yield Optuna parameters of every grid point, in the declared order, the last field changing fastest."""
    listed = {
        name: [_label(v) for v in d.values] for name, d in space.items() if isinstance(d, Choices | Grid)
    }
    for values in product(*listed.values()):
        yield dict(zip(listed, values, strict=True))


def is_conditional(space: Mapping[str, Domain]) -> bool:
    """Whether the space's fields depend on a choice."""
    return any(isinstance(domain, OneOf) for domain in space.values())
