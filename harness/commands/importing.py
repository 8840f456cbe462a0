"""`recipe-harness import SOURCE`: an exploratory report of runs that another tool recorded."""

import argparse
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from harness.arguments import EXIT_CODES, Parser, path_argument, resolved
from harness.edge import deliver, run_command
from harness.errors import EXIT_COMPLETE, DataError, ResultsError, nearest, unusable
from harness.records.folder import ResultsFolder

if TYPE_CHECKING:
    from analysis.imported import Imported

_OPTUNA = "optuna:"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    return run_command(partial(_import, arguments))


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="recipe-harness import",
        description="Write a report of runs that another tool recorded. It is exploratory: they followed no "
        "protocol of ours, so nothing is ruled, and no study can take them over.",
        epilog=f"exit codes: 0 written; 2 the source or an argument is at fault; {EXIT_CODES}.",
    )
    parser.add_argument(
        "source",
        metavar="SOURCE",
        help="optuna:sqlite:///FILE, optuna:FILE of a journal, or a CSV file with one run a row",
    )
    parser.add_argument("--study", metavar="NAME", help="of a storage with several studies, which one")
    parser.add_argument("--metric", metavar="COLUMN", help="of a CSV file: what ranks the runs")
    parser.add_argument(
        "--mode", choices=["min", "max"], help="of a CSV file: whether lower or higher is better"
    )
    parser.add_argument(
        "--out", type=path_argument, required=True, metavar="DIR", help="folder for the report"
    )
    return parser


def _import(arguments: Sequence[str] | None) -> int:
    parser = _parser()
    options = parser.parse_args(arguments)
    is_optuna = options.source.startswith(_OPTUNA)
    if is_optuna and (options.metric or options.mode):
        parser.error("--metric and --mode: an Optuna study says itself what it ranks by. Leave them out")
    if not is_optuna and (options.metric is None or options.mode is None):
        parser.error(f"{options.source}: of a CSV file both --metric COLUMN and --mode min|max must be told")
    imported = _of_optuna(options) if is_optuna else _of_csv(options)
    if not len(imported.valued):
        raise DataError(
            f"{options.source}: none of {len(imported.runs)} runs has a value of {imported.metric}, so there "
            f"is nothing to show. Remedy: name a source with runs that ended."
        )
    from analysis.imported import write_imported

    if ResultsFolder(resolved(options.out)).manifest.exists():
        raise ResultsError(
            f"{options.out}: holds the results of a study, beside which nothing imported belongs. "
            f"Remedy: --out with another folder."
        )
    deliver(f"report: {write_imported(imported, resolved(options.out))}\nexploratory: imported, no protocol")
    return EXIT_COMPLETE


def _of_optuna(options: argparse.Namespace) -> "Imported":
    from analysis.imported import Imported, from_rows
    from harness.tuning.optuna_trials import read_trials

    found = read_trials(options.source.removeprefix(_OPTUNA), options.study)
    return Imported(
        source=options.source,
        study=found.study,
        metric="value",
        mode=found.mode,
        runs=from_rows(found.trials),
        log=found.log,
    )


def _of_csv(options: argparse.Namespace) -> "Imported":
    """Read a CSV file: the metric's column, `number` and `status` (or `state`) where it has them, parameters.

    Raises:
        DataError: It cannot be read, or lacks the metric.
    """
    import pandas as pd

    from analysis.imported import Imported

    path = Path(options.source)
    try:
        frame = pd.read_csv(path)
    except OSError as error:
        raise DataError(unusable(path, "read", error)) from error
    except (ValueError, pd.errors.ParserError) as error:
        raise DataError(
            f"{path}: no table of a CSV file ({error}). Remedy: one row a run, the names of columns above."
        ) from error
    names = [str(name) for name in frame.columns]
    if options.metric not in names:
        known = nearest(options.metric, names)
        raise DataError(f"{path}: has no column {options.metric!r}. {known}. Remedy: --metric COLUMN.")
    frame = frame.rename(columns={options.metric: "value", "state": "status"})
    frame["value"] = pd.to_numeric(frame["value"], errors="coerce")
    for name, values in (("number", range(len(frame))), ("status", "of unknown end")):
        if name not in frame:
            frame[name] = values
    order = ["number", "status", "value"]
    return Imported(
        source=options.source,
        study=options.study or path.stem,
        metric=options.metric,
        mode=options.mode,
        runs=frame[[*order, *(name for name in frame.columns if name not in order)]],
    )


if __name__ == "__main__":
    sys.exit(main())
