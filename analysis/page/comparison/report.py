"""The comparison's documents and tables, and the sentences at their top."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from analysis.output import write_file
from analysis.page import templating
from analysis.page.comparison.repeats import render_repeats
from analysis.page.comparison.results import render_results
from analysis.page.comparison.settings import render_settings
from analysis.page.comparison.sides import Side, load_sides
from analysis.page.comparison.speed import render_speed
from analysis.page.comparison.verdicts import render_verdicts
from analysis.render import numbers
from analysis.render.table import RenderedTable
from analysis.winner_rule import WinnerRule
from harness.errors import ResultsError
from harness.records.folder import ResultsFolder


def write_comparison(paths: Sequence[Path], out: Path | None = None) -> Path:
    """Write a side-by-side comparison of several results folders.

    Args:
        paths: Two or more results folders; the others are compared with the first.
        out: Where to write; by default `comparison/` beside the first folder.

    Returns:
        The path of `index.html`.

    Raises:
        ResultsError: A folder cannot be compared or read, or the comparison cannot be written.
    """
    sides = load_sides(paths)
    folder = paths[0].resolve().parent / "comparison" if out is None else out
    if ResultsFolder(folder).manifest.exists():
        raise ResultsError(
            f"{folder}: a results folder, which a comparison would clutter. "
            f"Remedy: --out with another folder."
        )
    tables = {
        table.name: table
        for table in (
            render(sides)
            for render in (render_settings, render_results, render_repeats, render_speed, render_verdicts)
        )
    }
    for name, table in tables.items():
        write_file(folder / "tables" / f"{name}.csv", table.csv())
        write_file(folder / "tables" / f"{name}.md", table.markdown())
        write_file(folder / "tables" / f"{name}.tex", table.latex())
    context = _context(sides, tables, folder)
    write_file(folder / "report.md", templating.render("comparison.md", context))
    write_file(folder / "index.html", templating.render("comparison.html", context))
    return folder / "index.html"


def _context(sides: Sequence[Side], tables: Mapping[str, RenderedTable], folder: Path) -> dict[str, Any]:
    return {
        "names": [side.name for side in sides],
        "folders": [_folder(side, folder) for side in sides],
        "notices": _notices(sides),
        "findings": _findings(tables),
        "tables": tables,
    }


def _folder(side: Side, out: Path) -> dict[str, Any]:
    """Return what is said of one folder, with the way to its report where both lie in one place."""
    manifest = side.records.manifest
    report = (side.records.folder.report / "index.html").resolve()
    is_near = report.exists() and report.is_relative_to(out.resolve().parent)
    commit = str(manifest.git.get("commit") or "unknown")[:10]
    return {
        "name": side.name,
        "link": Path(os.path.relpath(report.parent, out.resolve())).as_posix() if is_near else None,
        "study": manifest.study,
        "started": manifest.created_at[:16].replace("T", " "),
        "commit": f"{commit} with changes" if manifest.git.get("dirty") else commit,
        "machine": str(manifest.machine.get("host", numbers.ABSENT)),
        "runs": len(side.records.runs),
    }


def _notices(sides: Sequence[Side]) -> list[str]:
    """Return what a reader must know of how far the folders can be compared."""
    found = []
    studies = dict.fromkeys(side.records.manifest.study for side in sides)
    shared = [arm for arm in sides[0].records.arms if all(arm in side.records.arms for side in sides)]
    if len(studies) > 1:
        arms = f"arms of the same name ({', '.join(shared)})" if shared else "nothing, as no arm is in all"
        found.append(f"The folders hold different studies ({', '.join(studies)}): compared are {arms}.")
    rules = dict.fromkeys(WinnerRule.of(side.records.manifest).epoch_in_words() for side in sides)
    if len(rules) > 1:
        found.append(f"Values of runs are not of the same epoch in every folder: {'; '.join(rules)}.")
    every = dict.fromkeys(arm for side in sides for arm in side.records.arms)
    owners = {arm: [side.name for side in sides if arm in side.records.arms] for arm in every}
    partly = [f"{arm} (only {', '.join(names)})" for arm, names in owners.items() if arm not in shared]
    if shared and partly:
        found.append(f"Arms that are not in every folder: {'; '.join(partly)}.")
    return found


def _findings(tables: Mapping[str, RenderedTable]) -> list[str]:
    """Return one sentence a table: what of it a reader looks for first."""
    settings, results = tables["settings"].numbers, tables["common_arms"].numbers
    repeats, verdicts = tables["repeats"].numbers, tables["verdicts"].cells
    different = int((~settings["is_equal"]).sum())
    tested = int(results["p_adjusted"].notna().sum())
    apart = int(results["finding"].str.startswith("apart").sum())
    same, compared = int(repeats["identical"].sum()), int(repeats["compared"].sum())
    changed = int((verdicts["Change"] == "changed").sum())
    return [
        f"Settings: {different} of {len(settings)} differ.",
        f"Results: {apart} of {tested} tested differences are told from 0."
        if tested
        else "Results: no difference could be tested.",
        f"Repeatability: {same} of {compared} pairs of equal runs have bit-identical losses."
        if compared
        else "Repeatability: no two runs are equal in arm, phase, seed and recipe.",
        f"Claims: {changed} of {len(verdicts)} verdicts changed." if len(verdicts) else "Claims: none.",
    ]
