"""Find learning rates by range tests: `python -m harness.lr_finder STUDY.yaml`."""

import argparse
import math
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from harness.answering import Answering, add_json
from harness.arguments import EXIT_CODES, Parser, add_overrides, add_results, path_argument, resolved
from harness.commands.trusting import add_trust, admit_code, check_code_of, in_code_folder, with_trust
from harness.edge import run_command
from harness.errors import EXIT_COMPLETE, ResultsError, StudyError, unusable
from harness.records.folder import ResultsFolder
from harness.screen import say, width_of_screen
from harness.text_table import table_lines
from harness.tuning.interruption import Interruption

if TYPE_CHECKING:
    from analysis.render.table import RenderedTable
    from harness.study.study import Study

_FEWEST_STEPS = 50
"""Below, the moving average has hardly settled when the test ends."""


def main(arguments: list[str] | None = None) -> int:
    """Run the command; return its exit code.

    Requests to end are heard from here on, so this module imports at once only what takes no time.
    """
    interrupted = "interrupted: nothing was written, the same command starts again"
    interruption, answering = Interruption(), Answering("lr-finder", arguments)
    with interruption.heard():
        act = partial(_find, arguments, answering)
        return run_command(
            act, interrupted=interrupted, was_asked=interruption.has_raised, answering=answering
        )


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = _parser()
    options = parser.parse_args(with_trust(arguments))
    if options.low >= options.high:
        parser.error(f"--low must be below --high, but {options.low:g} is not below {options.high:g}")
    return options


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="python -m harness.lr_finder",
        description="Raise the learning rate of every arm step by step until its loss diverges, and write "
        "curves, suggested rates, a table and a figure to RESULTS/<study>/lr_finder/.",
        epilog="Searched settings stand at the middle of their ranges (first choice, first branch), "
        "schedules are ignored. Exit codes: 0 done (diverged tests are results); 2 a bad study, argument or "
        "environment, nothing was started; "
        f"{EXIT_CODES}; 75 interrupted, nothing was written.",
    )
    parser.add_argument("study", type=path_argument, metavar="STUDY.yaml", help="the study file")
    add_results(parser)
    add_overrides(parser, "recipe.batch_size=64")
    parser.add_argument(
        "--seeds", type=_at_least(1), default=3, metavar="N", help="tests an arm, each with its own seed (3)"
    )
    parser.add_argument("--low", type=_rate, default=1e-7, metavar="LR", help="first learning rate (1e-7)")
    parser.add_argument("--high", type=_rate, default=10.0, metavar="LR", help="last learning rate (10)")
    parser.add_argument(
        "--steps",
        type=_at_least(_FEWEST_STEPS),
        default=400,
        metavar="N",
        help="rates from the first to the last, one mini-batch each (400); with fewer, smoothing blurs more",
    )
    add_trust(parser)
    add_json(parser)
    return parser


def _at_least(least: int) -> Callable[[str], int]:
    """Return a parser of whole numbers from `least` on."""

    def parse(text: str) -> int:
        if not text.isdecimal() or int(text) < least:
            raise argparse.ArgumentTypeError(f"must be a whole number of at least {least}, but is {text!r}")
        return int(text)

    return parse


def _rate(text: str) -> float:
    try:
        rate = float(text)
    except ValueError:
        rate = math.nan
    if not 0 < rate < math.inf:
        raise argparse.ArgumentTypeError(f"must be a number above 0, but is {text!r}")
    return rate


def _find(arguments: list[str] | None, answering: Answering) -> int:
    options = _options(arguments)
    from harness.records.provenance import gpu_names, usable_cores
    from harness.study.reading.parse import load_study
    from harness.tuning.preflight import check_precision, check_run_fits

    study = in_code_folder(load_study(options.study, tuple(options.overrides)), options)
    _check_one_data_set(study)
    sources = check_code_of(study, options, say)
    check_run_fits(study, usable_cores(), len(gpu_names()), "this machine")
    check_precision(study)
    root = ResultsFolder(resolved(options.results / study.name)).root
    _make_folder(root)
    admit_code(study, sources)
    from analysis.lr_finder import found_rates, write_finder
    from harness import json_output
    from harness.commands.range_tests import Asked, check_points, make_tests, settings_of
    from harness.records.range_test import finder_folder, write_curves
    from harness.training.data.prepare import prepare_dataset

    prepared = prepare_dataset(study.dataset, progress=say)
    asked = Asked(seeds=options.seeds, low=options.low, high=options.high, steps=options.steps)
    settings = settings_of(study, asked, prepared)
    check_points(study, settings, prepared)
    found_rates(root, settings)  # a damaged study beside the tests is told before they begin
    write_curves(root, settings, make_tests(study, settings, prepared))
    table = write_finder(root)
    if answering.is_asked:
        suggestions = json_output.rows(table.numbers)
        folder = finder_folder(root)
        answering.give(json_output.RangeTests(study=study.name, folder=folder, suggestions=suggestions))
    _show(table, finder_folder(root))
    return EXIT_COMPLETE


def _check_one_data_set(study: "Study") -> None:
    """Refuse a study of several data sets, or of a program: a range test is of one, and of our own training.

    Raises:
        StudyError: It is.
    """
    if study.trial is not None:
        raise StudyError(
            f"study {study.name} trains with a program, and a range test takes the steps of the built-in "
            f"training. Remedy: search its learning rate, as a parameter of the program"
        )
    names = [name for name in study.by_dataset if name is not None]
    if names:
        settings = ["datasets=null", f"recipe.dataset={study.dataset}", *_without_data_sets(study)]
        raise StudyError(
            f"study {study.name} is of {len(names)} data sets ({', '.join(names)}), a range test is of one. "
            f"Remedy: {' '.join(f'--set {setting}' for setting in settings)}"
        )


def _without_data_sets(study: "Study") -> Iterator[str]:
    """Yield the overrides that leave out what names one of several data sets, and looks at nothing then."""
    from harness.code.checking import source_of
    from harness.study.looks import Looks

    if any({"on", "each"} & claim.keys() for claim in source_of(study).data.get("claims") or ()):
        yield "claims=[]"
        counts = {"search.repeats": study.search.repeats, "confirm.seeds": study.confirm.seeds}
        yield from (f"{place}=1" for place, count in counts.items() if isinstance(count, Looks))
    if study.published:
        yield "published={}"


def _make_folder(root: Path) -> None:
    """Make the study's results folder, so that one that cannot be written is told before anything begins."""
    try:
        root.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ResultsError(unusable(root, "made", error), place=root) from error


def _show(table: "RenderedTable", folder: Path) -> None:
    """Print the table, and where everything is."""
    rows = [list(map(str, cells)) for cells in table.cells.itertuples(index=False)]
    for line in table_lines(list(map(str, table.cells.columns)), rows, width_of_screen()):
        print(line)
    print(f"range tests: {folder}")
