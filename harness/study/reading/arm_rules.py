"""Rules of arms as wholes: fields that are missing or not read, names, corners of a space."""

import itertools
from collections.abc import Iterator
from typing import Any

from pydantic import ValidationError

from harness.recipe.dependents import DEFAULT_CHOICES, DEPENDENTS, reads, refusal
from harness.study.domains import Choices, Grid, extremes
from harness.study.file import Search
from harness.study.reading.domain_rules import check_domains, origin
from harness.study.reading.source import Path, Source
from harness.study.study import Arm

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
        _check_common(field, rule, [arm for arm in arms if not arm.is_program], source)
    if "search" not in source.data and any(arm.space for arm in arms):
        arm = next(arm for arm in arms if arm.space)
        source.report(
            origin(arm, next(iter(arm.space)), source),
            "this is a domain, but the study has no search section. Remedy: search: {trials: 20}",
        )


def _check_arm(arm: Arm, search: Search | None, source: Source) -> None:
    before = len(source.problems)
    if arm.is_program:
        _check_name(arm, source)
        check_domains(arm, search, source)
        return
    if not any(_is_about(problem.path, arm) for problem in source.problems):
        _check_required(arm, source)
    _check_dependents(arm, source)
    _check_name(arm, source)
    check_domains(arm, search, source)
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
        for _, given_by in arm.worlds():
            if field in given_by:
                carrier, *rest = given_by[field]
                return (*origin(arm, str(carrier), source), *rest)
    return origin(arm, field, source)


def _is_about(path: Path, arm: Arm) -> bool:
    """Whether a problem's path lies in the arm or in the recipe it shares."""
    return path[:1] == ("recipe",) or path[:2] == ("arms", arm.entry)


def _check_required(arm: Arm, source: Source) -> None:
    path: Path = ("arms", arm.entry)
    fields = [world.keys() for world, _ in arm.worlds()]
    for field in _REQUIRED:
        if any(field not in given for given in fields):
            source.report(path, f"arm {arm.name} has no {field}. Remedy: give it here or in recipe")
    if any(not given & {"epochs", "steps"} for given in fields):
        source.report(path, f"arm {arm.name} has no epochs. Remedy: give them, or steps, here or in recipe")
    if any({"epochs", "steps"} <= given for given in fields):
        source.report(
            origin(arm, "steps", source), f"arm {arm.name} has both epochs and steps. Leave one out"
        )


def _check_dependents(arm: Arm, source: Source) -> None:
    """A field that is given must be read, whichever values the arm's domains take.

    Where a choice itself is missing or wrong, nothing is said about the fields it might read.
    """
    wrong = {part for problem in source.problems if _is_about(problem.path, arm) for part in problem.path}
    for world, given_by in arm.worlds():
        for name in DEPENDENTS.keys() & world.keys():
            unread = [_unread(name, field, world) for field in DEPENDENTS[name]]
            if None in unread or wrong & {*DEPENDENTS[name]}:
                continue
            choices = [choice for choice in unread if choice is not None]
            if name in given_by:
                field, *rest = given_by[name]
                source.report((*origin(arm, str(field), source), *rest), refusal(name, choices))
            else:
                source.report(origin(arm, name, source), refusal(name, choices, arm=arm.name))


def _unread(name: str, field: str, world: dict[str, Any]) -> tuple[str, Any] | None:
    """Return (field, choice) for the first choice a field may take that does not read a dependent one."""
    choice = world.get(field, DEFAULT_CHOICES.get(field))
    choices = choice.listed if isinstance(choice, Choices | Grid) else [choice]
    return next(((field, value) for value in choices if value and name not in reads(field, value)), None)


LONGEST_NAME = 200
"""Bytes of an arm's name: a run adds its phase and number, and file systems take 255."""


def _check_name(arm: Arm, source: Source) -> None:
    """Note names that `for_each` makes and no folder can have."""
    if arm.template is None:
        return
    path: Path = ("arms", arm.entry, "for_each")
    n_bytes = len(arm.name.encode())
    mark = next((mark for mark in arm.name if mark == "/" or not mark.isprintable()), None)
    if mark is not None:
        values = arm.template.values.items()
        field = next((field for field, value in values if mark in str(value)), "")
        inside: Path = ("parameters", field) if arm.is_program else (field,)
        name, shown = (arm.name, mark) if mark == "/" else (repr(arm.name), repr(mark))
        shared = (
            "write the value in the command" if arm.is_program else f"give {field or 'the field'} in recipe"
        )
        source.report(
            (*path, *inside) if field else path,
            f"makes an arm of the name {name}, which cannot name a folder as it has a {shown}. "
            f"Remedy: {shared}, or write the arms out under names of their own",
        )
    elif n_bytes > LONGEST_NAME:
        source.report(
            path,
            f"makes an arm whose name has {n_bytes} bytes, above {LONGEST_NAME}, too long for a folder: "
            f"{arm.name[:60]}... Remedy: write the arms out under names of their own, or in several studies",
        )


def _check_corners(arm: Arm, source: Source) -> None:
    """Resolve the points of the arm's space in which a rule across fields can break: now, not in a run."""
    for chosen in corners(arm):
        try:
            arm.configuration(chosen)
        except ValidationError as error:
            reason = str(error.errors(include_url=False)[0].get("ctx", {}).get("error", error))
            source.report(("arms", arm.entry), f"arm {arm.name} can reach {chosen}: {reason}")
            return


_RULED_TOGETHER = (
    ("nesterov", "momentum", "dampening"),
    ("warmup_epochs", "epochs", "steps", "batch_size"),
    ("batch_norm", "batch_size"),
)
"""Fields that `Configuration` has a rule across."""


def corners(arm: Arm) -> Iterator[dict[str, Any]]:
    """Yield points of every combination of branches that use each bound of a range and each listed value.

    Fields that a rule joins are met in every combination, so that where no corner breaks one no point does.
    """
    for world, given_by in arm.worlds():
        searched = arm.space.keys() | given_by.keys()
        options = {field: extremes(world[field]) for field in world if field in searched}
        first = {field: values[0] for field, values in options.items()}
        yield first
        for group in (*_RULED_TOGETHER, *((field,) for field in options)):
            varied = {field: options[field] for field in group if len(options.get(field, ())) > 1}
            for values in itertools.product(*varied.values()) if varied else ():
                yield {**first, **dict(zip(varied, values, strict=True))}
