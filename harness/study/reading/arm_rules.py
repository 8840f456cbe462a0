"""Rules of arms as wholes: fields that are missing or not read, samplers, corners of a space."""

import itertools
from collections.abc import Iterator
from typing import Any

from pydantic import ValidationError

from harness.recipe.dependents import DEFAULT_CHOICES, DEPENDENTS, reads, refusal
from harness.study.domains import Choices, Domain, Grid, OneOf, Range
from harness.study.file import Search
from harness.study.reading.source import Path, Source
from harness.study.study import Arm

_UNCONDITIONAL = {"gp", "cmaes", "qmc"}
"""Samplers that need the same fields in every configuration."""

_OTHER_SAMPLERS = "Remedy: sampler: tpe, gp or qmc"

_REQUIRED = ("model", "optimizer", "batch_size")

_ONE_FOR_ALL = {
    "dataset": "a study runs on one data set, but its arms use several: {}. "
    "Remedy: one study file a data set",
    "val_fraction": "a study splits its data in one way, but its arms hold out several shares: {}. "
    "Remedy: one val_fraction, in recipe",
}
"""Fields that every run of a study has in common."""


def check_arms(arms: list[Arm], search: Search | None, source: Source) -> None:
    """Note what is wrong with arms as wholes: missing fields, foreign hyperparameters, the wrong sampler."""
    entries = {arm.name: arm.entry for arm in arms}
    names = [arm.name for arm in arms]
    for name in {name for name in names if names.count(name) > 1}:
        source.report(("arms", entries[name]), f"for_each makes the arm {name} twice")
    for arm in arms:
        _check_arm(arm, search, source)
    for field, rule in _ONE_FOR_ALL.items():
        _check_common(field, rule, arms, source)
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
    _check_dependents(arm, source)
    if search is not None:
        _check_domains(arm, search, source)
    if len(source.problems) == before and not any(_is_about(p.path, arm) for p in source.problems):
        _check_corners(arm, source)


def _check_common(field: str, rule: str, arms: list[Arm], source: Source) -> None:
    """Note where an arm first leaves the one value that a field must have in all arms."""
    if any(field in problem.path for problem in source.problems):
        return
    of_arms = [(arm, arm.values_of(field)) for arm in arms]
    values = list(dict.fromkeys(value for _, own in of_arms for value in own))
    if len(values) > 1:
        arm = next(arm for arm, own in of_arms if set(own) != {values[0]})
        source.report(_place_of(arm, field, source), rule.format(", ".join(str(value) for value in values)))


def _place_of(arm: Arm, field: str, source: Source) -> Path:
    """Return the path that gave an arm its field, in a branch where no other gives it."""
    if field not in arm.fixed and field not in arm.space:
        for _, given_by in worlds(arm):
            if field in given_by:
                carrier, *rest = given_by[field]
                return (*_origin(arm, str(carrier), source), *rest)
    return _origin(arm, field, source)


def _is_about(path: Path, arm: Arm) -> bool:
    """Whether a problem's path lies in the arm or in the recipe it shares."""
    return path[:1] == ("recipe",) or path[:2] == ("arms", arm.entry)


def _origin(arm: Arm, field: str, source: Source) -> Path:
    """Return the path that gave an arm its field: its own, the template's, or the shared recipe's."""
    own: Path = ("arms", arm.entry)
    for path in ((*own, "for_each", field), (*own, field), ("recipe", field)):
        if path in source.lines or path in source.overrides:
            return path
    return own


def _check_required(arm: Arm, source: Source) -> None:
    path: Path = ("arms", arm.entry)
    fields = [world.keys() for world, _ in worlds(arm)]
    for field in _REQUIRED:
        if any(field not in given for given in fields):
            source.report(path, f"arm {arm.name} has no {field}. Remedy: give it here or in recipe")
    if any(not given & {"epochs", "steps"} for given in fields):
        source.report(path, f"arm {arm.name} has no epochs. Remedy: give them, or steps, here or in recipe")
    if any({"epochs", "steps"} <= given for given in fields):
        source.report(
            _origin(arm, "steps", source), f"arm {arm.name} has both epochs and steps. Leave one out"
        )


def worlds(arm: Arm) -> Iterator[tuple[dict[str, Any], dict[str, Path]]]:
    """Yield the arm's fields for every combination of branches, and which ones a branch gave, and where."""
    fields = {**arm.fixed, **arm.space}
    forks = {name: domain.branches for name, domain in arm.space.items() if isinstance(domain, OneOf)}
    for chosen in itertools.product(*forks.values()):
        world, given_by = dict(fields), dict[str, Path]()
        for (field, branches), value in zip(forks.items(), chosen, strict=True):
            world |= {field: value, **branches[value]}
            given_by |= {name: (field, "one_of", value, name) for name in branches[value]}
        yield world, given_by


def _check_dependents(arm: Arm, source: Source) -> None:
    """A field that is given must be read, whichever values the arm's domains take.

    Where a choice itself is missing or wrong, nothing is said about the fields it might read.
    """
    wrong = {part for problem in source.problems if _is_about(problem.path, arm) for part in problem.path}
    for world, given_by in worlds(arm):
        for name in DEPENDENTS.keys() & world.keys():
            unread = [_unread(name, field, world) for field in DEPENDENTS[name]]
            if None in unread or wrong & {*DEPENDENTS[name]}:
                continue
            choices = [choice for choice in unread if choice is not None]
            if name in given_by:
                field, *rest = given_by[name]
                source.report((*_origin(arm, str(field), source), *rest), refusal(name, choices))
            else:
                source.report(_origin(arm, name, source), refusal(name, choices, arm=arm.name))


def _unread(name: str, field: str, world: dict[str, Any]) -> tuple[str, Any] | None:
    """Return (field, choice) for the first choice a field may take that does not read a dependent one."""
    choice = world.get(field, DEFAULT_CHOICES.get(field))
    choices = choice.listed if isinstance(choice, Choices | Grid) else [choice]
    return next(((field, value) for value in choices if value and name not in reads(field, value)), None)


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
            source.report(("arms", arm.entry), f"arm {arm.name} can reach {chosen}: {reason}")
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
            yield from ({field: value} for value in domain.listed)
        case OneOf():
            for value, own in domain.branches.items():
                first = {name: _first(inner) for name, inner in own.items()}
                yield {field: value, **first}
        case _:
            yield {field: domain}


def _first(value: Any) -> Any:
    return value.listed[0] if isinstance(value, Choices | Grid) else value
