"""The results folders that are compared: their names, and which of their runs stand for one configuration."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pandas as pd

from analysis import responses, selection
from analysis.claims.response import label
from analysis.records import StudyRecords, load_study
from harness.errors import ResultsError

_HEADINGS = {
    *("arm", "change", "claim", "difference", "finding", "folder", "metric", "of", "p (holm)", "part"),
    *("is_equal", "ratio", "setting", "test", "there", "warnings"),
}
"""Columns of the tables that have a column a folder, which no folder's name may repeat."""


@dataclass(frozen=True, kw_only=True)
class Side:
    """One of the folders; the first one is what the others are compared with."""

    name: str
    """Heads its columns."""
    records: StudyRecords

    @cached_property
    def configurations(self) -> dict[str, pd.DataFrame]:
        """By name the runs of each configuration that the study measures, one run a seed."""
        return configurations(self.records)


def load_sides(paths: Sequence[Path]) -> list[Side]:
    """Read the folders.

    Raises:
        ResultsError: There are fewer than two, one is named twice, or one cannot be read.
    """
    if len(paths) < 2:
        raise ResultsError(
            f"{paths[0]}: one folder alone cannot be compared. "
            f"Remedy: name two or more, such as results/optimizers results/reference/optimizers."
        )
    resolved = [path.resolve() for path in paths]
    for path, place in zip(paths, resolved, strict=True):
        if resolved.count(place) > 1:
            raise ResultsError(f"{path}: named twice, and equal to itself. Remedy: name each folder once.")
    names = unique_names(resolved)
    return [Side(name=name, records=load_study(path)) for name, path in zip(names, paths, strict=True)]


def unique_names(paths: Sequence[Path]) -> list[str]:
    """Return for each path its shortest ending, in whole parts, that no other one and no heading shares.

    Args:
        paths: Absolute, without two that are equal.
    """
    return [_name(path, [other for other in paths if other != path]) for path in paths]


def _name(path: Path, others: Sequence[Path]) -> str:
    for length in range(1, len(path.parts)):
        ending = path.parts[-length:]
        is_taken = any(other.parts[-length:] == ending for other in others)
        if not is_taken and "/".join(ending).lower() not in _HEADINGS:
            return "/".join(ending)
    return path.as_posix()


def configurations(records: StudyRecords) -> dict[str, pd.DataFrame]:
    """Return by name the runs of each configuration that the study measures, one run a seed.

    These are the confirm runs of each arm, or the search runs of one that searches nothing and has no
    confirm phase; of a grid without a confirm phase, the search runs at each of its points. Other searches
    try each configuration once: they measure none.
    """
    found = {
        arm: selection.runs_of_one_configuration(records, arm)
        for arm, declared in records.manifest.arms.items()
        if declared.confirm_runs or not declared.space
    }
    for line in responses.lines(records):
        for point in line.points:
            if point.arm not in found:
                found[f"{line.name}, {line.field} {label(point.level)}"] = point.runs(records)
    return found
