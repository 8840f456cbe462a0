"""Several results folders side by side: two days, two machines, CPU and GPU, two versions."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from analysis.output import write_tables
from analysis.page.comparison.equal_runs import compare_runs
from analysis.page.comparison.results import compare_results
from analysis.page.comparison.rulings import compare_verdicts
from analysis.page.comparison.settings import compare_settings
from analysis.page.comparison.sides import Answer, Side, load_sides
from analysis.page.comparison.speed import compare_speed
from analysis.page.document import render
from analysis.render import numbers
from analysis.search import WinnerRule
from harness.arguments import resolved
from harness.errors import ResultsError
from harness.records.folder import ResultsFolder
from harness.records.whole_file import write_file

QUESTIONS = (compare_settings, compare_results, compare_runs, compare_speed, compare_verdicts)
"""What a comparison answers, in the order of its findings."""


def write_comparison(
    paths: Sequence[Path],
    out: Path | None = None,
    note: Callable[[Sequence[Side], Sequence[Answer]], object] | None = None,
) -> Path:
    """Write a side-by-side comparison of several results folders.

    Args:
        paths: Two or more results folders; the others are compared with the first.
        out: Where to write; by default `comparison/` beside the first folder.
        note: Takes what is compared, and the answers.

    Returns:
        The path of `index.html`.

    Raises:
        ResultsError: A folder cannot be compared or read, or the comparison cannot be written.
    """
    sides = load_sides(paths)
    folder = resolved(paths[0]).parent / "comparison" if out is None else out
    if ResultsFolder(folder).manifest.exists():
        raise ResultsError(
            f"{folder}: a results folder, which a comparison would clutter. "
            f"Remedy: --out with another folder."
        )
    answers = [compare(sides) for compare in QUESTIONS]
    write_tables(folder / "tables", [answer.table for answer in answers])
    context = _context(sides, answers, folder)
    write_file(folder / "report.md", render("comparison.md", context))
    write_file(folder / "index.html", render("comparison.html", context))
    if note is not None:
        note(sides, answers)
    return folder / "index.html"


def _context(sides: Sequence[Side], answers: Sequence[Answer], folder: Path) -> dict[str, Any]:
    return {
        "names": [side.name for side in sides],
        "folders": [_folder(side, folder) for side in sides],
        "notices": _notices(sides),
        "findings": [answer.finding for answer in answers if answer.finding is not None],
        "tables": {answer.table.name: answer.table for answer in answers},
    }


def _folder(side: Side, out: Path) -> dict[str, Any]:
    """Return what is said of one folder, with the way to its report where both lie in one place."""
    manifest, declaration = side.records.manifest, side.records.declaration
    report = resolved(side.records.folder.report / "index.html")
    is_near = report.exists() and report.is_relative_to(resolved(out).parent)
    commit = (manifest.git.commit or "unknown")[:10]
    return {
        "name": side.name,
        "link": Path(os.path.relpath(report.parent, resolved(out))).as_posix() if is_near else None,
        "study": declaration.study,
        "started": manifest.created_at[:16].replace("T", " "),
        "commit": f"{commit} with changes" if manifest.git.dirty else commit,
        "machine": manifest.machine.host or numbers.ABSENT,
        "runs": len(side.records.runs),
    }


def _notices(sides: Sequence[Side]) -> list[str]:
    """Return what a reader must know of how far the folders can be compared."""
    notices = []
    studies = dict.fromkeys(side.records.declaration.study for side in sides)
    shared = [arm for arm in sides[0].records.arms if all(arm in side.records.arms for side in sides)]
    if len(studies) > 1:
        arms = f"arms of the same name ({', '.join(shared)})" if shared else "nothing, as no arm is in all"
        notices.append(f"The folders hold different studies ({', '.join(studies)}): compared are {arms}.")
    rules = dict.fromkeys(WinnerRule.of(side.records.declaration).epoch_in_words() for side in sides)
    if len(rules) > 1:
        notices.append(f"Values of runs are not of the same epoch in every folder: {'; '.join(rules)}.")
    every = dict.fromkeys(arm for side in sides for arm in side.records.arms)
    owners = {arm: [side.name for side in sides if arm in side.records.arms] for arm in every}
    partly = [f"{arm} (only {', '.join(names)})" for arm, names in owners.items() if arm not in shared]
    if shared and partly:
        notices.append(f"Arms that are not in every folder: {'; '.join(partly)}.")
    return notices
