"""Arms from a study file: the shared recipe merged in, templates expanded, rules across fields checked."""

import itertools
import json
from collections.abc import Iterator
from typing import Any

from pydantic import ValidationError

from harness.study.domains import Choices, Domain, Grid, OneOf, Range, given_fields, split_space
from harness.study.file import Search, StudyFile
from harness.study.optimizers import HYPERPARAMETERS, OPTIMIZERS
from harness.study.problems import nearest
from harness.study.source import Path, Source
from harness.study.study import Arm

_UNCONDITIONAL = {"gp", "cmaes", "qmc"}
"""Samplers that need the same fields in every configuration."""

_OTHER_SAMPLERS = "Remedy: sampler: tpe, gp or qmc"

_REQUIRED = ("model", "optimizer", "batch_size", "epochs")


def expand_arms(file: StudyFile) -> list[Arm]:
    """Return the study's arms; a template with `for_each` makes one arm a combination of its values."""
    shared = given_fields(file.recipe)
    arms: list[Arm] = []
    own: Any
    for name, own in file.arms.items():
        each = given_fields(own.for_each)
        for values in itertools.product(*each.values()):
            combination = dict(zip(each, values, strict=True))
            fixed, space = split_space({**shared, **given_fields(own), **combination})
            arms.append(Arm(name=_arm_name(name, combination), fixed=fixed, space=space))
    return arms


def _arm_name(template: str, combination: dict[str, Any]) -> str:
    """Return `template@field=value,...`; a structured value is called by its name."""
    if not combination:
        return template
    parts = (f"{field}={_label(value)}" for field, value in combination.items())
    return f"{template}@{','.join(parts)}"


def _label(value: Any) -> str:
    if isinstance(value, dict):
        return str(value.get("name", json.dumps(value)))
    return value if isinstance(value, str) else json.dumps(value)


def check_arms(arms: list[Arm], search: Search | None, source: Source) -> None:
    """Note what is wrong with arms as wholes: missing fields, foreign hyperparameters, the wrong sampler."""
    names = [arm.name for arm in arms]
    for name in {name for name in names if names.count(name) > 1}:
        source.report(("arms", name.partition("@")[0]), f"for_each makes the arm {name} twice")
    for arm in arms:
        _check_arm(arm, search, source)
    if "search" not in source.data and any(arm.space for arm in arms):
        arm = next(arm for arm in arms if arm.space)
        source.report(
            _origin(arm, next(iter(arm.space)), source),
            "this is a domain, but the study has no search section. Remedy: search: {trials: 20}",
        )


def _check_arm(arm: Arm, search: Search | None, source: Source) -> None:
    before = len(source.problems)
    if not any(_is_about(problem.path, arm) for problem in source.problems):
        _check_required(arm, source)
    _check_hyperparameters(arm, source)
    if search is not None:
        _check_domains(arm, search, source)
    if len(source.problems) == before and not any(_is_about(p.path, arm) for p in source.problems):
        _check_corners(arm, source)


def _is_about(path: Path, arm: Arm) -> bool:
    """Whether a problem's path lies in the arm or in the recipe it shares."""
    return path[:1] == ("recipe",) or path[:2] == ("arms", arm.name.partition("@")[0])


def _origin(arm: Arm, field: str, source: Source) -> Path:
    """Return the path that gave an arm its field: its own, the template's, or the shared recipe's."""
    own: Path = ("arms", arm.name.partition("@")[0])
    for path in ((*own, "for_each", field), (*own, field), ("recipe", field)):
        if path in source.lines or path in source.overrides:
            return path
    return own


def _check_required(arm: Arm, source: Source) -> None:
    for field in _REQUIRED:
        if field not in arm.fixed and field not in arm.space:
            path: Path = ("arms", arm.name.partition("@")[0])
            source.report(path, f"arm {arm.name} has no {field}. Remedy: give it here or in recipe")


def _branches(arm: Arm) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each optimizer the arm may use, with the fields given for that optimizer only."""
    optimizer = arm.fixed.get("optimizer", arm.space.get("optimizer"))
    match optimizer:
        case str():
            yield optimizer, {}
        case OneOf():
            yield from optimizer.branches.items()
        case Choices() | Grid():
            yield from ((name, {}) for name in optimizer.values)
        case _:
            return


def _check_hyperparameters(arm: Arm, source: Source) -> None:
    """A hyperparameter that is given must be used by every optimizer it is given for."""
    common = [name for name in HYPERPARAMETERS if name in arm.fixed or name in arm.space]
    for optimizer, own in _branches(arm):
        has = OPTIMIZERS[optimizer].hyperparameters
        for name in common:
            if name not in has:
                hint = f"arm {arm.name} uses {optimizer}, which has no {name}. {nearest(name, has)}"
                source.report(_origin(arm, name, source), hint)
        for name in own:
            if name in HYPERPARAMETERS and name not in has:
                path = (*_origin(arm, "optimizer", source), "one_of", optimizer, name)
                source.report(path, f"{optimizer} has no {name}. {nearest(name, has)}")


def _all_domains(arm: Arm) -> Iterator[tuple[str, str, Domain]]:
    """Yield (field that carries it, own field, domain) for every domain of an arm, those in branches too."""
    for field, domain in arm.space.items():
        yield field, field, domain
        if isinstance(domain, OneOf):
            for own in domain.branches.values():
                yield from ((field, name, value) for name, value in own.items() if isinstance(value, Domain))


def _check_domains(arm: Arm, search: Search, source: Source) -> None:
    for carrier, field, domain in _all_domains(arm):
        path = _origin(arm, carrier, source)
        if search.sampler == "grid" and isinstance(domain, Range):
            source.report(
                path, f"{field} is a range, which sampler: grid cannot list. Remedy: {{grid: [...]}}"
            )
        if search.sampler != "grid" and isinstance(domain, Grid):
            message = f"{field} is a grid, but the sampler is {search.sampler}. Remedy: {{choices: [...]}}"
            source.report(path, message)
        if search.sampler in _UNCONDITIONAL and isinstance(domain, OneOf):
            message = f"sampler: {search.sampler} knows no one_of. Remedy: sampler: tpe, or one arm a branch"
            source.report(path, message)
        if search.sampler == "cmaes" and isinstance(domain, Choices):
            message = (
                f"{field} has choices, but sampler: cmaes moves in numeric ranges only. {_OTHER_SAMPLERS}"
            )
            source.report(path, message)
    if search.sampler == "cmaes" and len(arm.space) == 1:
        field = next(iter(arm.space))
        message = f"arm {arm.name} searches only {field}, but cmaes needs two ranges. {_OTHER_SAMPLERS}"
        source.report(_origin(arm, field, source), message)


def _check_corners(arm: Arm, source: Source) -> None:
    """Resolve the extreme points of the arm's space, so that rules across fields break now, not in a run."""
    for chosen in corners(arm):
        try:
            arm.configuration(chosen)
        except ValidationError as error:
            reason = str(error.errors(include_url=False)[0].get("ctx", {}).get("error", error))
            source.report(
                ("arms", arm.name.partition("@")[0]), f"arm {arm.name} can reach {chosen}: {reason}"
            )
            return


def corners(arm: Arm) -> Iterator[dict[str, Any]]:
    """Yield points that together use each range's bounds and each choice at least once."""
    options = {field: list(_options(field, domain)) for field, domain in arm.space.items()}
    longest = max((len(values) for values in options.values()), default=1)
    for i in range(longest):
        for bound in ("low", "high"):
            point: dict[str, Any] = {}
            for values in options.values():
                for name, value in values[i % len(values)].items():
                    point[name] = getattr(value, bound) if isinstance(value, Range) else value
            yield point


def _options(field: str, domain: Domain) -> Iterator[dict[str, Any]]:
    """Yield the domain's alternatives: fields with values, ranges left whole."""
    match domain:
        case Choices() | Grid():
            yield from ({field: value} for value in domain.values)
        case OneOf():
            for value, own in domain.branches.items():
                first = {name: _first(inner) for name, inner in own.items()}
                yield {field: value, **first}
        case _:
            yield {field: domain}


def _first(value: Any) -> Any:
    return value.values[0] if isinstance(value, Choices | Grid) else value
