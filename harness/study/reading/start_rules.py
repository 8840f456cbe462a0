"""Rules of start points: of fields that are searched, inside their domains, as many in every arm."""

from collections.abc import Sequence
from typing import Any

from harness.errors import nearest
from harness.study.file import Search, StudyFile
from harness.study.reading.source import Path, Source
from harness.study.starts import domains_at, member
from harness.study.study import Arm
from harness.study.written import as_written


def check_starts(file: StudyFile, arms: Sequence[Arm], search: Search | None, source: Source) -> None:
    """Note start points that no search could try, and arms that would have more of them than others."""
    entries: dict[str, Any] = dict(file.arms)
    for arm in arms:
        if entries[arm.entry].start:
            _check_arm(arm, entries[arm.entry].start, search, source)
    searching = [arm for arm in arms if arm.space]
    fewest = min(searching, key=lambda arm: len(arm.start), default=None)
    most = max(searching, key=lambda arm: len(arm.start), default=None)
    if fewest and most and len(fewest.start) < len(most.start) and not _is_cut_out(source):
        source.report(
            ("arms", fewest.entry, "start") if fewest.start else ("arms", fewest.entry),
            f"arm {fewest.name} has {len(fewest.start)} start points, arm {most.name} has {len(most.start)}: "
            f"known good points are an advantage. Remedy: as many in every arm that searches",
        )


def _is_cut_out(source: Source) -> bool:
    return any(problem.path[:1] in {("arms",), ("recipe",)} for problem in source.problems)


def _check_arm(arm: Arm, points: Sequence[dict[str, Any]], search: Search | None, source: Source) -> None:
    path: Path = ("arms", arm.entry, "start")
    if not arm.space:
        source.report(path, f"arm {arm.name} searches nothing, so there is nothing to start. Leave it out")
    elif search is not None and search.sampler == "grid":
        source.report(path, "sampler: grid runs every point, in its order. Leave it out")
    elif search is not None and len(points) > (search.trials or 0):
        source.report(
            path, f"has {len(points)} points, which count as trials, and search.trials is {search.trials}"
        )
    else:
        for place, point in enumerate(points):
            _check_point(arm, point, (*path, place), source)


def _check_point(arm: Arm, point: dict[str, Any], path: Path, source: Source) -> None:
    domains = domains_at(arm.space, point)
    for name, value in point.items():
        if name not in domains:
            source.report((*path, name), f"arm {arm.name} does not search it here. {nearest(name, domains)}")
        elif member(domains[name], value) is None:
            source.report(
                (*path, name), f"{as_written(value)} is not in {as_written(domains[name].as_written)}"
            )
