"""Rules of a study of a program: it has no recipe, and every parameter reaches the command."""

from collections.abc import Iterator, Sequence
from typing import Any

from harness.errors import nearest
from harness.programs.placeholders import GIVEN, placeholders
from harness.study.file import StudyFile
from harness.study.reading.domain_rules import origin
from harness.study.reading.source import Path, Source
from harness.study.space_models import given_fields
from harness.study.study import Arm


def check_program(file: StudyFile, arms: Sequence[Arm], source: Source) -> None:
    """Note recipes beside programs, parameters without one, and placeholders that do not fit the parameters.

    Args:
        file: As parsed.
        arms: The study's arms, templates expanded.
        source: The study file.
    """
    if file.trial is None:
        for path in _parameters(file):
            source.report(
                path,
                "parameters are those of a program, and this study has none. Remedy: trial: {command: [...], "
                "epochs: ..., metrics: {...}}, or recipe fields in their place",
            )
        return
    if file.confirm.keep != "none":
        source.report(
            ("confirm", "keep"),
            f"is {file.confirm.keep}, and the harness does not know the weights of a program. Remedy: leave "
            f"it out, and let the program write them into the folder that HARNESS_RUN_DIR names",
        )
    for path, remedy in _recipe_fields(file):
        source.report(path, f"goes with the built-in training, and trial names a program. Remedy: {remedy}")
    if not any(problem.path[:1] in {("trial",), ("arms",)} for problem in source.problems):
        for arm in arms:
            _check_placeholders(arm, file.trial.command, source)


def _parameters(file: StudyFile) -> Iterator[Path]:
    own: Any
    for name, own in file.arms.items():
        if own.parameters is not None:
            yield ("arms", name, "parameters")
        if own.for_each is not None and own.for_each.parameters is not None:
            yield ("arms", name, "for_each", "parameters")


def _recipe_fields(file: StudyFile) -> Iterator[tuple[Path, str]]:
    """Yield where the file says something of a recipe, and what to do about it."""
    if file.recipe is not None:
        yield ("recipe",), "leave it out; what arms share stands in the command"
    if file.metrics is not None:
        yield ("metrics",), "trial: {metrics: {...}}, as the program prints them"
    if file.datasets is not None:
        yield ("datasets",), "leave it out; a program's data are a parameter like any other"
    own: Any
    for name, own in file.arms.items():
        for field in given_fields(own):
            yield ("arms", name, field), f"parameters: {{{field}: ...}}"
        for field in given_fields(own.for_each):
            yield ("arms", name, "for_each", field), f"for_each: {{parameters: {{{field}: [...]}}}}"


def _check_placeholders(arm: Arm, command: Sequence[str], source: Source) -> None:
    """Note what an arm leaves open in the command, and what of the arm no word takes."""
    worlds = [world.keys() - {"epochs"} for world, _ in arm.worlds()]
    always, ever = set.intersection(*map(set, worlds)), set[str]().union(*worlds)
    for place, word in enumerate(command):
        for name in placeholders([word]):
            if name in always or name in GIVEN:
                continue
            rule = "is given in some branches only" if name in ever else "is no parameter of it"
            hint = "give it in every branch" if name in ever else nearest(name, [*sorted(always), *GIVEN])
            path: Path = ("trial", "command", place)
            source.report(path, f"{{{name}}}: arm {arm.name} cannot fill it, {name} {rule}. {hint}")
    for name in sorted(ever - set(placeholders(command))):
        source.report(
            _place_of(arm, name, source),
            f"no word of trial.command takes {name} of arm {arm.name}. Remedy: --{name}={{{name}}} there",
        )


def _place_of(arm: Arm, name: str, source: Source) -> Path:
    for _, given_by in arm.worlds():
        if name in given_by and name not in arm.fixed and name not in arm.space:
            carrier, *rest = given_by[name]
            return (*origin(arm, str(carrier), source), *rest)
    return origin(arm, name, source)
