"""Rules of a study of several data sets: where they may be named, and what they are called."""

from collections.abc import Iterator, Sequence
from typing import Any

from pydantic import ValidationError

from harness.errors import nearest
from harness.study.claims import AVERAGE, EVERY
from harness.study.datasets import label_of, on_each
from harness.study.domains import OneOf
from harness.study.file import StudyFile
from harness.study.reading.arm_rules import LONGEST_NAME, corners
from harness.study.reading.source import Path, Source
from harness.study.space_models import given_fields
from harness.study.study import Arm


def check_datasets(file: StudyFile, arms: Sequence[Arm], source: Source, claim_places: Sequence[int]) -> None:
    """Note what is wrong with a study's data sets, and with what its claims say of them.

    Args:
        file: As parsed.
        arms: The study's arms, templates expanded, before they are set on data sets.
        source: The study file.
        claim_places: Position of each claim in the file's list.
    """
    if not any(problem.path[:1] == ("datasets",) for problem in source.problems):
        _check_claims(file, source, claim_places)
    if file.datasets is None:
        return
    for path in _others(file):
        source.report(
            path,
            "datasets at the top gives every arm its data sets. Remedy: leave out this dataset, or datasets",
        )
    _check_names(file.datasets, arms, source)
    if not source.problems:
        _check_corners(file.datasets, arms, source)


def _others(file: StudyFile) -> Iterator[Path]:
    """Yield where else the file names a data set."""
    if "dataset" in given_fields(file.recipe):
        yield ("recipe", "dataset")
    entry: Any
    for name, entry in file.arms.items():
        given = given_fields(entry)
        if "dataset" in given:
            yield ("arms", name, "dataset")
        if "dataset" in given_fields(entry.for_each):
            yield ("arms", name, "for_each", "dataset")
        yield from _in_branches(("arms", name), given)
    yield from _in_branches(("recipe",), given_fields(file.recipe))


def _in_branches(path: Path, given: dict[str, Any]) -> Iterator[Path]:
    for chooser, domain in given.items():
        if isinstance(domain, OneOf):
            for value, branch in domain.branches.items():
                if "dataset" in branch:
                    yield (*path, chooser, "one_of", value, "dataset")


def _check_names(datasets: Sequence[Any], arms: Sequence[Arm], source: Source) -> None:
    """Note data sets that are named twice, or whose names no claim or file could tell apart."""
    labels = [label_of(dataset) for dataset in datasets]
    for place, (dataset, label) in enumerate(zip(datasets, labels, strict=True)):
        path, before = ("datasets", place), labels[:place]
        if dataset in datasets[:place]:
            source.report(path, f"{dataset} stands here twice. Remedy: each data set once")
        elif label in before:
            source.report(
                path,
                f"{dataset} and {datasets[before.index(label)]} would both be called {label} in the names of "
                f"arms. Remedy: another name for one of them: of a folder a link, of a function an alias",
            )
        elif label in {EVERY, AVERAGE}:
            source.report(
                path,
                f"would be called {label}, which means another thing in a claim. Remedy: another name",
            )
    longest = max(
        (arm.name for arm in on_each(arms, datasets)), key=lambda name: len(name.encode()), default=""
    )
    if len(longest.encode()) > LONGEST_NAME:
        source.report(
            ("datasets",),
            f"makes an arm whose name has {len(longest.encode())} bytes, above {LONGEST_NAME}, too long for "
            f"a folder: {longest[:60]}... Remedy: shorter names of arms",
        )


def _check_claims(file: StudyFile, source: Source, places: Sequence[int]) -> None:
    """Note claims that are about data sets which the study does not have."""
    valid = [EVERY, AVERAGE, *map(label_of, file.datasets)] if file.datasets else []
    for place, claim in zip(places, file.claims, strict=True):
        given = {"on": claim.on, "each": claim.each}
        for word in (word for word, value in given.items() if value is not None and not valid):
            message = "the study is of one data set. Remedy: leave it out, or datasets: [...] at the top"
            source.report(("claims", place, word), message)
        if valid and claim.on is not None and claim.on not in valid:
            message = f"there is no data set {claim.on!r}. {nearest(claim.on, valid)}"
            source.report(("claims", place, "on"), message)


def _check_corners(datasets: Sequence[Any], arms: Sequence[Arm], source: Source) -> None:
    """Resolve the points of each arm's space on each data set: the length of a run may depend on it."""
    for arm in on_each(arms, datasets):
        for chosen in corners(arm):
            try:
                arm.configuration(chosen)
            except ValidationError as error:
                reason = str(error.errors(include_url=False)[0].get("ctx", {}).get("error", error))
                source.report(("datasets",), f"arm {arm.name} can reach {chosen}: {reason}")
                return
