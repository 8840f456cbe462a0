"""Whether what a study file says is read: a setting without an effect is a mistake, not an opinion."""

from collections.abc import Iterator, Sequence
from typing import Any

from pydantic import BaseModel

from harness.study.domains import OneOf
from harness.study.file import StudyFile
from harness.study.reading.source import Path, Source
from harness.study.space_models import given_fields
from harness.study.study import Arm

_ONLY_IN_A_SEARCH = ("trials", "sampler", "seeds", "repeats", "early_stopping", "audit")
"""Settings of `search` that nothing reads where no arm searches."""


def check_effects(file: StudyFile, arms: Sequence[Arm], source: Source) -> None:
    """Note every setting of an entry below `arms`, and every override, of which the study sees nothing.

    A setting of the recipe that every arm has its own of is one only where it was set: arms go before it.
    """
    _report(_unread_in_arms(file, arms, source), source)
    for path in list(source.overrides):
        if not any(problem.path[: len(path)] == path for problem in source.problems):
            _report(_unread(path, file, arms), source)


def _report(found: Iterator[tuple[Path, str]], source: Source) -> None:
    told = {problem.path for problem in source.problems}
    for path, reason in found:
        if path not in told:
            source.report(path, reason)


def _unread(path: Path, file: StudyFile, arms: Sequence[Arm]) -> Iterator[tuple[Path, str]]:
    """Yield each path outside `arms` that an override gives without effect, and why it has none."""
    match path:
        case ("recipe",):
            for field in given_fields(file.recipe):
                yield from _unread_in_recipe(field, file, arms)
        case ("recipe", str(field), *_):
            yield from _unread_in_recipe(field, file, arms)
        case ("region", str(metric)):
            readers = [claim for claim in file.claims if claim.region is None and claim.metric == metric]
            if not readers:
                yield path, f"no claim is about {metric} without a region of its own. Remedy: leave it out"
        case ("search", str(setting), *_) if setting in _ONLY_IN_A_SEARCH:
            if file.confirm.seeds and not any(arm.space for arm in arms):
                yield path, "no arm searches anything, so nothing reads it. Remedy: leave it out"


def _unread_in_recipe(field: str, file: StudyFile, arms: Sequence[Arm]) -> Iterator[tuple[Path, str]]:
    if arms and all(_gives(file.arms[arm.entry], field) or _is_in_every_branch(arm, field) for arm in arms):
        entries = dict.fromkeys(arm.entry for arm in arms)
        remedy = " ".join(f"--set arms.{entry}.{field}=..." for entry in entries)
        yield ("recipe", field), f"every arm gives its own {field}, so nothing reads it. Remedy: {remedy}"


def _unread_in_arms(file: StudyFile, arms: Sequence[Arm], source: Source) -> Iterator[tuple[Path, str]]:
    """Yield what an entry says in vain: values that its `for_each` or branches give anew, and nothing."""
    shared = given_fields(file.recipe)
    has_all_branches = not any("one_of" in problem.path[-2:] for problem in source.problems)
    yield from _nothing(("recipe",), file.recipe, shared, in_place="recipe")
    entry: Any
    for name, entry in file.arms.items():
        path: Path = ("arms", name)
        own = [arm for arm in arms if arm.entry == name]
        for place, each, field in _given(entry):
            at = (*path, *place, field)
            if field in each:
                key = ".".join(map(str, (*path, "for_each", *place, field)))
                remedy = f"--set {key}=[...]" if at in source.overrides else "leave it out"
                yield at, f"for_each of {name} gives {field}. Remedy: {remedy}"
            elif own and has_all_branches and all(_is_in_every_branch(arm, field) for arm in own):
                yield at, f"every branch of {name} gives its own {field}. Remedy: set it in the branches"
        for at, reason in _nothing(path, entry, shared, in_place="recipe"):
            if at not in source.overrides or at in source.added:  # an override may take away what stood there
                yield at, reason


def _given(entry: Any) -> Iterator[tuple[Path, dict[str, Any], str]]:
    """Yield what each setting of an entry stands below, what `for_each` has beside it, and its name."""
    each = given_fields(entry.for_each)
    yield from (((), each, field) for field in given_fields(entry))
    of_parameters = (entry.for_each.parameters if entry.for_each else None) or {}
    yield from ((("parameters",), of_parameters, name) for name in entry.parameters or {})


def _nothing(
    path: Path, space: BaseModel | None, shared: dict[str, Any], *, in_place: str
) -> Iterator[tuple[Path, str]]:
    """Yield fields that are null, in branches too, where a value from further out stays in place."""
    for field in space.model_fields_set if space else ():
        value = getattr(space, field)
        if value is None and field in shared and path != ("recipe",):
            stays = f"null leaves the {field} of {in_place} as it is"
            yield (*path, field), f"{stays}. Remedy: another value, or give {field} only where it is wanted"
        if isinstance(value, OneOf):
            around = {**shared, **given_fields(space)}
            for name, branch in value.one_of.items():
                yield from _nothing((*path, field, "one_of", name), branch, around, in_place="the arm")


def _gives(own: Any, field: str) -> bool:
    """Whether an entry below `arms` says itself what a field is."""
    return field in given_fields(own) or field in given_fields(own.for_each)


def _is_in_every_branch(arm: Arm, field: str) -> bool:
    """Whether the branches of an arm leave nothing of a field to what stands outside them."""
    return all(field in given_by for _, given_by in arm.worlds())
