"""`python -m analysis.report RESULTS_DIR ...`: write the report again, from what the sweep recorded.

The same declaration, manifest and journal give the same bytes of everything below `report/` and of both
parquet files: nothing here asks for the time, the machine or the folder's place. A folder that holds several
results folders has each study's report written, and an overview of them; `--compare` sets several results
folders side by side.
"""

import argparse
import gc
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from analysis import claims, output
from analysis.facts import Facts
from analysis.load import load_study
from analysis.page import comparison, document, overview, summaries
from harness import json_output
from harness.answering import Answering, add_json
from harness.arguments import path_argument
from harness.edge import run_command
from harness.errors import HarnessError, ResultsError, several
from harness.records.whole_file import write_file

if TYPE_CHECKING:
    from analysis.page.comparison.sides import Answer, Side


def write_report(path: Path, expected: str | None = None) -> Path:
    """Write the whole report of one results folder and both parquet files.

    Args:
        path: A folder that `python -m harness.sweep` wrote, finished or not.
        expected: SHA-256 of its declaration as it was kept elsewhere: of another one no claim is decided.

    Returns:
        The path of `report/index.html`.

    Raises:
        ResultsError: It is no results folder, a file of it is damaged, or it cannot be written.
    """
    return write_study(Facts(load_study(path, expected)))


def write_tables(path: Path) -> list[Path]:
    """Write the tables of one results folder; return their folder."""
    facts = Facts(load_study(path))
    folder = facts.records.folder.report / "tables"
    output.write_tables(folder, document.render_tables(facts).values())
    return [folder]


def write_figures(path: Path) -> list[Path]:
    """Write the figures of one results folder; return their folder."""
    facts = Facts(load_study(path))
    folder = facts.records.folder.report / "figures"
    output.write_figures(folder, document.render_figures(facts).values())
    return [folder]


@contextmanager
def _collecting_rarely() -> Iterator[None]:
    """Look for cycles of dead objects a hundredth as often: a drawing makes many objects that all live on."""
    thresholds = gc.get_threshold()
    gc.set_threshold(100 * thresholds[0], *thresholds[1:])
    try:
        yield
    finally:
        gc.set_threshold(*thresholds)


@_collecting_rarely()
def write_study(facts: Facts) -> Path:
    """Write the whole report of a study that was read; see `write_report`."""
    records = facts.records
    output.write_parquet(records)  # first: later there is less memory left
    tables, figures = document.render_tables(facts), document.render_figures(facts)
    report = records.folder.report
    output.write_tables(report / "tables", tables.values())
    output.write_figures(report / "figures", figures.values())
    write_file(report / "claims.json", claims_json(facts))
    content = document.Content(facts=facts, tables=tables, figures=figures)
    write_file(report / "report.md", document.render_markdown(content))
    write_file(report / "index.html", document.render_html(content))
    return report / "index.html"


def claims_document(facts: Facts) -> dict[str, Any]:
    """Return every claim's verdict with all its fields, and what they were declared by, for machines."""
    verdicts: list[dict[str, Any]] = [verdict.as_row() for verdict in facts.verdicts]
    records, seal = facts.records, facts.records.seal
    sealed = {"sha256": seal.sha256, "sealed": seal.state == "sealed", "reason": seal.in_words()}
    return {
        "study": records.declaration.study,
        "declaration": sealed,
        "alpha": claims.ALPHA,
        "claims": verdicts,
    }


def claim_of(number: int, verdict: claims.Verdict) -> json_output.Claim:
    """Return a verdict as programs are told it, with the claim's place in the study file, from 1."""
    return json_output.Claim(number=number, **verdict.as_row())


def claims_json(facts: Facts) -> str:
    """Return the text of `claims.json`."""
    return json.dumps(claims_document(facts), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def write_reports(
    root: Path, *, is_overview_only: bool = False, note: Callable[[Path], object] | None = None
) -> list[HarnessError]:
    """Write the report of every study below a folder, then an overview of them; print the paths written.

    Args:
        root: Holds results folders, directly or one level further down.
        is_overview_only: Reads the journals but writes no study's report.
        note: Takes the path of each page.

    Returns: What went wrong, each told on stderr. A study that cannot be read or written stops no other one
        and stands in the overview with its reason.
    """
    studies: list[summaries.Summary] = []
    unreadable: list[summaries.Unreadable] = []

    def write_one(folder: Path) -> Sequence[Path]:
        facts = Facts(load_study(folder))
        written = [] if is_overview_only else [write_study(facts)]
        studies.append(summaries.summarise(facts, root))
        return written

    errors: list[HarnessError] = []
    for folder in summaries.study_folders(root):
        error = output.attempt(partial(write_one, folder), note)
        if error is not None:
            errors.append(error)
            unreadable.append(summaries.Unreadable.of(folder, root, error))
    last = output.attempt(lambda: [overview.write_overview(root, studies, unreadable)], note)
    return [*errors, last] if last else errors


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    answering = Answering("report", arguments)
    return run_command(partial(_report_all, arguments, answering), answering=answering)


def _report_all(arguments: Sequence[str] | None, answering: Answering) -> int:
    options = _options(arguments)
    if options.compare:
        errors = [_compare(options, answering)]
    else:
        written: list[Path] = []
        errors = [
            error for folder in options.folders for error in _write_any(folder, options, written.append)
        ]
        answering.give(json_output.Report(written=written))
    failed = [error for error in errors if error is not None]
    if failed:
        answering.fail(several(failed, "could not be reported"))
    return output.exit_code(errors)


def _compare(options: argparse.Namespace, answering: Answering) -> HarnessError | None:
    """Write a comparison; return what went wrong."""
    known: list[tuple[Sequence[Side], Sequence[Answer]]] = []

    def give(path: Path) -> None:
        sides, found = known[-1]
        answering.give(
            json_output.Comparison(
                written=path,
                folders={side.name: side.records.folder.root for side in sides},
                findings=[own.finding for own in found if own.finding is not None],
                tables={own.table.name: json_output.rows(own.table.numbers) for own in found},
            )
        )

    def write() -> list[Path]:
        note = partial(lambda *pair: known.append(pair))
        return [comparison.write_comparison(options.folders, options.out, note)]

    return output.attempt(write, give if answering.is_asked else None)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = output.parser(
        "analysis.report",
        "Write the report of one or more studies again from their journals. Of a folder that holds several "
        "results folders: each study's report and an overview.",
    )
    modes = parser.add_mutually_exclusive_group()
    modes.add_argument(
        "--overview-only", action="store_true", help="write the overview of a folder, but no study's report"
    )
    modes.add_argument(
        "--compare", action="store_true", help="write one comparison of two or more results folders"
    )
    parser.add_argument(
        "--out",
        type=path_argument,
        metavar="DIR",
        help="where the comparison is written (default: comparison/ beside the first results folder)",
    )
    modes.add_argument(
        "--declared",
        type=output.sha256_argument,
        metavar="SHA256",
        help="hash of the declaration, as --dry-run printed it and you kept it: claims of another one are "
        "not decided",
    )
    add_json(parser)
    options = parser.parse_args(arguments)
    if options.declared is not None and (
        len(options.folders) > 1 or summaries.is_collection(options.folders[0])
    ):
        parser.error("--declared says what one study declared. Remedy: give its results folder alone.")
    if options.out is not None and not options.compare:
        parser.error("--out says where a comparison is written. Remedy: add --compare, or leave --out away.")
    return options


def _write_any(
    folder: Path, options: argparse.Namespace, note: Callable[[Path], object]
) -> Sequence[HarnessError | None]:
    """Write the report of a study, or reports and overview of a folder of studies; return what went wrong."""
    if summaries.is_collection(folder):
        return write_reports(folder, is_overview_only=options.overview_only, note=note)
    write = _no_overview if options.overview_only else partial(_report, expected=options.declared)
    return [output.attempt(partial(write, folder), note)]


def _report(folder: Path, expected: str | None) -> Sequence[Path]:
    return [write_report(folder, expected)]


def _no_overview(folder: Path) -> Sequence[Path]:
    load_study(folder)  # says first what is wrong with a folder that is no results folder at all
    raise ResultsError(
        f"{folder}: the results of one study, of which there is no overview. "
        f"Remedy: give the folder that holds it, or leave --overview-only away.",
        place=folder,
    )


if __name__ == "__main__":
    sys.exit(main())
