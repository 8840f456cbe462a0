"""Find learning rates by range tests: `python -m harness.lr_finder STUDY.yaml`."""

import argparse
import math
from collections.abc import Callable
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness import json_output
from harness.answering import Answering, add_json
from harness.arguments import EXIT_CODES, Parser, path_argument, resolved
from harness.commands.trusting import add_trust, admit_code, check_code_of, in_code_folder, with_trust
from harness.edge import run_command
from harness.errors import EXIT_COMPLETE, ResultsError, StudyError, unusable
from harness.records.folder import ResultsFolder
from harness.screen import say, table_lines, width_of_screen
from harness.tuning.interruption import Interruption

if TYPE_CHECKING:
    from analysis.render.table import RenderedTable
    from harness.records.range_test import Settings, TestedArm
    from harness.study.study import Arm, Study
    from harness.training.data.arrays import Samples
    from harness.training.data.prepare import PreparedDataset
    from harness.training.range_test import RangePoint

_FEWEST_STEPS = 50
"""Below, the moving average has hardly settled when the test ends."""


def main(arguments: list[str] | None = None) -> int:
    """Run the command; return its exit code."""
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
    parser.add_argument(
        "--results",
        type=path_argument,
        default=Path("results"),
        metavar="DIR",
        help="folder of all results (results)",
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        dest="overrides",
        help="override a setting by its dotted key, such as recipe.batch_size=64; may be repeated",
    )
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
    from harness.records.range_test import finder_folder, write_curves
    from harness.training.data.prepare import prepare_dataset

    prepared = prepare_dataset(study.dataset, progress=say)
    settings = _settings(study, options, prepared)
    _check_points(study, settings, prepared)
    found_rates(root, settings)  # a damaged study beside the tests is told before they begin
    write_curves(root, settings, _test_arms(study, settings, prepared))
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
        raise StudyError(
            f"study {study.name} is of {len(names)} data sets ({', '.join(names)}), a range test is of one. "
            f"Remedy: --set datasets=null --set recipe.dataset={study.dataset}"
        )


def _make_folder(root: Path) -> None:
    """Make the study's results folder, so that one that cannot be written is told before anything begins."""
    try:
        root.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ResultsError(unusable(root, "made", error), place=root) from error


def _settings(study: "Study", options: argparse.Namespace, prepared: "PreparedDataset") -> "Settings":
    """Return what is to be tested, and where its numbers come from."""
    from harness.records.provenance import git_state, machine, versions
    from harness.records.range_test import Settings
    from harness.study.seeds import distinct_seeds
    from harness.training.range_test import DIVERGENCE_FACTOR, SMOOTHING

    return Settings(
        study=study.name,
        overrides=list(study.overrides),
        arms={arm.name: _tested_arm(arm) for arm in study.arms},
        seeds=distinct_seeds(study.search.seed, "range_test", options.seeds),
        low=options.low,
        high=options.high,
        steps=options.steps,
        smoothing=SMOOTHING,
        divergence_factor=DIVERGENCE_FACTOR,
        dataset={"name": prepared.name, "sha256": prepared.sha256},
        git=git_state(),
        versions=versions(),
        machine=machine(),
    )


def _tested_arm(arm: "Arm") -> "TestedArm":
    """Return an arm and the middle of its space.

    Raises:
        StudyError: The middle breaks a rule across fields, which a study file's check of extremes can miss.
    """
    from pydantic import ValidationError

    from harness.records.range_test import TestedArm
    from harness.training.range_test import midpoint

    point = midpoint(arm.space)
    try:
        arm.configuration(point)
    except ValidationError as error:
        reason = error.errors(include_url=False)[0]["msg"]
        raise StudyError(
            f"arm {arm.name} cannot be tested in the middle of its space, {point}: {reason}. "
            f"Remedy: --set arms.{arm.entry}.FIELD=VALUE fixes a field for the test."
        ) from error
    space = {name: domain.as_written for name, domain in arm.space.items()}
    return TestedArm(fixed=arm.fixed, space=space, point=point)


def _check_points(study: "Study", settings: "Settings", prepared: "PreparedDataset") -> None:
    """Refuse tests that could not take their steps on the data set.

    Raises:
        StudyError: Some could not.
    """
    from harness.study.feasible import check_feasible

    points = {name: tested.point for name, tested in settings.arms.items()}
    arms = (replace(arm, fixed={**arm.fixed, **points[arm.name]}, space={}) for arm in study.arms)
    check_feasible(replace(study, arms=tuple(arms)), prepared.spec.facts)


def _test_arms(study: "Study", settings: "Settings", prepared: "PreparedDataset") -> list[dict[str, Any]]:
    """Make every arm's test with every seed, one after another; return one row a step."""
    import torch
    from rich.console import Console
    from rich.progress import Progress

    from harness.training.range_test import Rise, range_test

    torch.set_num_threads(study.resources.cpu)
    data = _on_device(prepared, "cuda" if study.resources.gpu else "cpu")
    rise = Rise(low=settings.low, high=settings.high, steps=settings.steps)
    console = Console(stderr=True, highlight=False, markup=False, soft_wrap=True)
    rows: list[dict[str, Any]] = []
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        for arm in study.arms:
            at = settings.arms[arm.name].point
            console.print(f"{arm.name}: {_where(at)}")
            for number, seed in enumerate(settings.seeds, start=1):
                label = f"{arm.name}, seed {number} of {len(settings.seeds)}"
                task = progress.add_task(label, total=rise.steps)
                points = range_test(
                    arm.configuration(at),
                    seed,
                    data,
                    rise,
                    partial(progress.advance, task),
                )
                progress.remove_task(task)
                console.print(f"{label}: {_end(points[-1])}")
                rows += [{"arm": arm.name, "seed": seed, **asdict(point)} for point in points]
    return rows


def _where(point: dict[str, Any]) -> str:
    """Return where in an arm's space its test stands."""
    others = ", ".join(f"{name} = {value}" for name, value in point.items() if name != "lr")
    return f"tested at {others}" if others else "nothing else is searched"


def _end(last: "RangePoint") -> str:
    if last.diverged:
        return f"diverged at {last.lr:.3g}, after {last.step} steps"
    return f"reached {last.lr:g} without diverging"


def _on_device(prepared: "PreparedDataset", device: str) -> "Samples":
    """Return the training samples; on the CPU they stay mapped."""
    from harness.training.data.arrays import load_training_samples

    return load_training_samples(prepared).to(device)


def _show(table: "RenderedTable", folder: Path) -> None:
    """Print the table, and where everything is."""
    rows = [list(map(str, cells)) for cells in table.cells.itertuples(index=False)]
    for line in table_lines(list(map(str, table.cells.columns)), rows, width_of_screen()):
        print(line)
    print(f"range tests: {folder}")
