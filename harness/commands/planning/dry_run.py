"""`--dry-run`: its options, and the whole of what it prints."""

import argparse
import shutil
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

from harness.arguments import path_argument, resolved
from harness.errors import ResultsError
from harness.records.folder import ResultsFolder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from harness.commands.planning.measured import Earlier
    from harness.commands.planning.noise import Stated
    from harness.commands.planning.text import NoiseOf
    from harness.json_output import Costs
    from harness.recipe.data import DataFacts
    from harness.study.study import Study
    from harness.tuning.taking_over import Takeover

_WIDTH = 140
"""Letters in a line of what is printed, at most: a narrower terminal has as many as fit."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add what only `--dry-run` takes."""
    group = parser.add_argument_group("with --dry-run")
    noise = group.add_mutually_exclusive_group()
    noise.add_argument(
        "--sd",
        type=_sd,
        action="append",
        default=[],
        metavar="[METRIC=]RUN[,SEARCH]",
        help="foretell what the study can show by these standard deviations, from run to run and from search "
        "to search, in the unit of the report (of accuracies: percentage points); may be repeated",
    )
    noise.add_argument(
        "--from",
        type=path_argument,
        metavar="DIR",
        dest="earlier",
        help="take them from the results of an earlier study",
    )
    group.add_argument(
        "--slots",
        type=_slots,
        metavar="N",
        help="runs that train beside each other, for the hours (as many as fit on this machine)",
    )
    group.add_argument(
        "--measure",
        action="store_true",
        help="measure now how long an epoch of each arm takes, instead of taking what sweeps noted before",
    )


def check_options(options: argparse.Namespace, parser: argparse.ArgumentParser) -> None:
    """Refuse options of `--dry-run` without it."""
    given = {
        "--sd": bool(options.sd),
        "--from": options.earlier is not None,
        "--slots": options.slots is not None,
        "--measure": options.measure,
    }
    names = [name for name, is_given in given.items() if is_given]
    if names and not options.dry_run:
        parser.error(f"{' and '.join(names)}: only --dry-run foretells. Add it, or leave {names[0]} out")


def foretold(
    study: "Study",
    facts: "Sequence[DataFacts]",
    options: argparse.Namespace,
    takeover: "Takeover | None" = None,
    note: "Callable[[Costs], object] | None" = None,
) -> str:
    """Return all that `--dry-run` prints.

    Args:
        study: The parsed study.
        facts: Of its data sets, in its order; none of a program.
        options: Those of `add_options`.
        takeover: What is taken over from the study's parent.
        note: Takes what it costs, as facts.

    Raises:
        StudyError: Some run could not train on the data.
        ResultsError: The earlier results cannot be read, or do not show how much runs vary.
    """
    from harness.study.preview import preview

    runs = preview(study, *facts)
    if options.sd:
        from harness.commands.planning.noise import check_stated
        from harness.recipe.metrics import in_records

        check_stated(options.sd, list(in_records(study.metrics)))
    if options.earlier is not None:
        _check_results(options.earlier)
    from harness.commands.planning.costs import cost_lines
    from harness.commands.planning.text import outlook_lines
    from harness.study.plan import plan_study

    plan = plan_study(study)
    earlier = _earlier(options.earlier, study)
    noise_of = earlier.noise if earlier else _noise_of(options.sd, study)
    taken = takeover.counted() if takeover else {}
    costs = [
        *(_taken_lines(takeover) if takeover else []),
        *cost_lines(study, plan, facts, options, earlier, taken=taken, note=note),
    ]
    from harness.commands.planning.precision import precision_lines

    precision = precision_lines(study, measures=options.measure)
    lines = [*runs.splitlines(), "", *outlook_lines(study, plan, noise_of), "", *costs, *precision]
    return "\n".join(map(_wrapped, lines))


def _taken_lines(takeover: "Takeover") -> "Iterator[str]":
    """Yield what is taken over, and what the claims will be worth by that."""
    from harness.commands.planning.marks import mark_lines

    yield from takeover.in_words()
    yield from mark_lines(takeover)


def _wrapped(line: str) -> str:
    """Return a line, if it is a long one on several, of which later ones stand further in."""
    inside = " " * (len(line) - len(line.lstrip()) + 4)
    width = min(_WIDTH, max(40, shutil.get_terminal_size((_WIDTH, 24)).columns))
    return textwrap.fill(
        line, width, subsequent_indent=inside, break_long_words=False, break_on_hyphens=False
    )


def _earlier(folder: Path | None, study: "Study") -> "Earlier | None":
    """Return the earlier results that were named."""
    if folder is None:
        return None
    from harness.commands.planning.measured import Earlier

    return Earlier.of(folder, [name for arm in study.arms for name in (arm.name, arm.plain_name)])


def _noise_of(said: "Sequence[Stated]", study: "Study") -> "NoiseOf":
    """Return what tells a metric's noise: what was stated, else what is assumed.

    Runs of the built-in training are no guide to a program's: of these nothing is assumed.
    """
    from harness.commands.planning import noise
    from harness.recipe.metrics import in_records

    scales = {name: metric.scale for name, metric in in_records(study.metrics).items()}

    def known(metric: str, seeds: int | None) -> noise.Noise | None:
        of_metric = noise.stated_for(metric, said)
        if of_metric is None:
            return noise.assumed(metric, seeds) if study.trial is None else None
        return noise.stated(of_metric, metric, seeds, scales[metric])

    return known


def _check_results(folder: Path) -> None:
    """Refuse a folder without results before anything large is imported."""
    if not ResultsFolder(resolved(folder)).manifest.exists():
        raise ResultsError(
            f"--from {folder}: holds no results of a study. "
            f"Remedy: a folder that python -m harness.sweep wrote, such as results/optimizers."
        )


def _sd(text: str) -> "Stated":
    from harness.commands.planning.noise import sd_argument

    return sd_argument(text)


def _slots(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"{text!r}: must be a whole number of runs, at least 1")
    return int(text)
