"""Whether each `--set` changes what will be run: one that nothing reads is a mistake, not an opinion."""

from collections.abc import Iterator, Sequence
from typing import Any

from harness.study.file import StudyFile
from harness.study.reading.source import Path, Source
from harness.study.space_models import given_fields
from harness.study.study import Arm

_ONLY_IN_A_SEARCH = ("trials", "sampler", "seeds", "repeats", "early_stopping", "audit")
"""Settings of `search` that nothing reads where no arm searches."""


def check_overrides(file: StudyFile, arms: Sequence[Arm], source: Source) -> None:
    """Note every override of which the study's arms, searches and claims see nothing."""
    for path in list(source.overrides):
        if not any(problem.path[: len(path)] == path for problem in source.problems):
            for place, reason in _unread(path, file, arms, source):
                source.report(place, reason)


def _unread(path: Path, file: StudyFile, arms: Sequence[Arm], source: Source) -> Iterator[tuple[Path, str]]:
    """Yield each path that an override gives without effect, and why it has none."""
    match path:
        case ("recipe",):
            for field in given_fields(file.recipe):
                yield from _unread_in_recipe(field, file, arms)
        case ("recipe", str(field), *_):
            yield from _unread_in_recipe(field, file, arms)
        case ("arms", str(entry), str(field), *_) if field != "for_each" and entry in file.arms:
            yield from _unread_in_arm(entry, field, file, [arm for arm in arms if arm.entry == entry], source)
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


def _unread_in_arm(
    entry: str, field: str, file: StudyFile, arms: Sequence[Arm], source: Source
) -> Iterator[tuple[Path, str]]:
    path: Path = ("arms", entry, field)
    own: Any = file.arms[entry]
    if field in given_fields(own.for_each):
        yield path, f"for_each of {entry} gives {field}. Remedy: --set arms.{entry}.for_each.{field}=[...]"
    elif all(_is_in_every_branch(arm, field) for arm in arms):
        yield path, f"every branch of {entry} gives its own {field}. Remedy: set it in the branches"
    elif path in source.added and field not in given_fields(own) and field in given_fields(file.recipe):
        yield path, f"nothing leaves the {field} of recipe in place. Remedy: a value, or leave it out"


def _gives(own: Any, field: str) -> bool:
    """Whether an entry below `arms` says itself what a field is."""
    return field in given_fields(own) or field in given_fields(own.for_each)


def _is_in_every_branch(arm: Arm, field: str) -> bool:
    """Whether the branches of an arm leave nothing of a field to what stands outside them."""
    return all(field in given_by for _, given_by in arm.worlds())
