"""Domains of study files as Optuna parameters, both ways."""

from collections.abc import Iterator, Mapping
from itertools import product
from typing import Any

import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from harness.recipe.imported import value_at
from harness.study.domains import Domain, OneOf, Range, as_choice

Parameters = dict[str, Any]
"""What Optuna chose: a field's name, or `<branch>.<field>` for fields of a branch, to its choice."""


def suggest(trial: optuna.Trial, space: Mapping[str, Domain]) -> dict[str, Any]:
    """Let Optuna choose a value for every field of a space; a chosen branch's own fields are added."""
    chosen: dict[str, Any] = {}
    for field, domain in space.items():
        chosen[field] = _suggest_one(trial, field, domain)
        if isinstance(domain, OneOf):
            branch = chosen[field]
            for name, value in domain.branches[branch].items():
                is_searched = isinstance(value, Domain)
                chosen[name] = _suggest_one(trial, f"{branch}.{name}", value) if is_searched else value
    return chosen


def _suggest_one(trial: optuna.Trial, name: str, domain: Domain) -> Any:
    match distribution(domain):
        case FloatDistribution() as d:
            return trial.suggest_float(name, d.low, d.high, log=d.log, step=d.step)
        case IntDistribution() as d:
            return trial.suggest_int(name, d.low, d.high, log=d.log, step=d.step)
        case CategoricalDistribution() as d:
            label = trial.suggest_categorical(name, d.choices)
            return next(value for value in domain.listed if as_choice(value) == label)
    raise AssertionError(f"no Optuna distribution for {domain!r}")


def distribution(domain: Domain) -> BaseDistribution:
    """Return Optuna's distribution of a domain."""
    match domain:
        case Range() if domain.is_integer:
            step = int(domain.step) if domain.step else 1
            return IntDistribution(domain.low, domain.high, log=domain.log, step=step)
        case Range():
            return FloatDistribution(domain.low, domain.high, log=domain.log, step=domain.step)
    return CategoricalDistribution([as_choice(value) for value in domain.listed])


def parameters_of(space: Mapping[str, Domain], configuration: Mapping[str, Any]) -> Parameters:
    """Return the parameters Optuna must have chosen for a configuration: `suggest`, backwards."""
    parameters: Parameters = {}
    for field, domain in space.items():
        parameters[field] = as_choice(value_at(configuration, field))
        if isinstance(domain, OneOf):
            branch = configuration[field]
            for name, value in domain.branches[branch].items():
                if isinstance(value, Domain):
                    parameters[f"{branch}.{name}"] = as_choice(configuration[name])
    return parameters


def parameters_at(space: Mapping[str, Domain], point: Mapping[str, Any]) -> Parameters:
    """Return the parameters of a point that may leave fields out, for the sampler to choose."""
    given = {field: domain for field, domain in space.items() if field in point}
    parameters: Parameters = {field: as_choice(point[field]) for field in given}
    for field, domain in given.items():
        if isinstance(domain, OneOf):
            branch = point[field]
            own = (name for name, value in domain.branches[branch].items() if isinstance(value, Domain))
            parameters |= {f"{branch}.{name}": as_choice(point[name]) for name in own if name in point}
    return parameters


def distributions_of(space: Mapping[str, Domain], parameters: Parameters) -> dict[str, BaseDistribution]:
    """Return the distribution behind each of a configuration's parameters."""
    domains: dict[str, Domain] = dict(space)
    for domain in space.values():
        if isinstance(domain, OneOf):
            for branch, own in domain.branches.items():
                domains |= {f"{branch}.{n}": d for n, d in own.items() if isinstance(d, Domain)}
    return {name: distribution(domains[name]) for name in parameters}


def distributions_of_all(space: Mapping[str, Domain]) -> dict[str, BaseDistribution]:
    """Return the distribution of every domain of a space that has no branches."""
    return {name: distribution(domain) for name, domain in space.items()}


def grid_points(space: Mapping[str, Domain]) -> Iterator[Parameters]:
    """Yield the parameters of every grid point, in the declared order, the last field changing fastest."""
    listed = {name: [as_choice(v) for v in domain.listed] for name, domain in space.items()}
    for values in product(*listed.values()):
        yield dict(zip(listed, values, strict=True))


def is_conditional(space: Mapping[str, Domain]) -> bool:
    """Whether the space's fields depend on a choice."""
    return any(isinstance(domain, OneOf) for domain in space.values())
