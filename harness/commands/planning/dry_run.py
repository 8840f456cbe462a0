"""`--dry-run`: its options, and the whole of what it prints."""

import argparse
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

from harness.edge import path_argument, resolved
from harness.errors import ResultsError
from harness.records.folder import ResultsFolder

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from harness.commands.planning.measured import Earlier
    from harness.commands.planning.noise import Stated
    from harness.commands.planning.speed import Speed
    from harness.commands.planning.text import NoiseOf
    from harness.recipe.data import DataFacts
    from harness.study.estimate import Bounds, Cost
    from harness.study.file import Resources
    from harness.study.study import Study

_WIDTH = 140
"""Letters in a line of what is printed."""


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
        help="measure this machine's speed now, instead of taking what was measured before",
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


def foretold(study: "Study", facts: "Sequence[DataFacts]", options: argparse.Namespace) -> str:
    """Return all that `--dry-run` prints.

    Args:
        study: The parsed study.
        facts: Of its data sets, in its order; none of a program.
        options: Those of `add_options`.

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
    from harness.commands.planning.speed import machine_speed
    from harness.commands.planning.text import outlook_lines
    from harness.study.estimate import cost_of
    from harness.study.plan import plan_study

    plan = plan_study(study)
    earlier = _earlier(options.earlier, study)
    noise_of = earlier.noise if earlier else _noise_of(options.sd, study)
    speed = None if study.resources.gpu or study.trial else machine_speed(is_measured_now=options.measure)
    cost = cost_of(study, plan, *facts)
    slots = _n_slots(study, options)
    if cost.operations is None:
        costs = _cost_lines_by_epochs(cost, slots, earlier.epoch_seconds if earlier else None)
    else:
        costs = _cost_lines(cost, study.resources, slots, speed)
    lines = [*runs.splitlines(), "", *outlook_lines(study, plan, noise_of), "", *costs]
    return "\n".join(map(_wrapped, lines))


def _wrapped(line: str) -> str:
    """Return a line, if it is a long one on several, of which later ones stand further in."""
    inside = " " * (len(line) - len(line.lstrip()) + 4)
    return textwrap.fill(
        line, _WIDTH, subsequent_indent=inside, break_long_words=False, break_on_hyphens=False
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


def _n_slots(study: "Study", options: argparse.Namespace) -> int:
    """Return how many runs train beside each other; 0 where none fits on this machine."""
    from harness.records.provenance import usable_cores

    resources = study.resources
    slots: int = options.slots or usable_cores() // resources.cpu
    return min(slots, resources.concurrency or slots)


def _runs_in_words(cost: "Cost") -> str:
    audits = f" and at most {cost.audits.in_words()} audits" if cost.audits.most else ""
    return f"costs: {cost.runs.in_words()} runs{audits}, about {cost.epochs.in_words()} epochs in all"


def _cost_lines_by_epochs(cost: "Cost", slots: int, epoch_seconds: float | None) -> "Iterator[str]":
    """Yield the lines on what a study of a user's own code costs.

    Args:
        cost: What its runs take together.
        slots: Runs that train beside each other; 0 where no run fits.
        epoch_seconds: What an epoch took in earlier results; None without any.
    """
    yield _runs_in_words(cost)
    if epoch_seconds is None:
        yield "  hours: not measured, nobody knows yet how long an epoch takes. Remedy: --from DIR"
        return
    hours = cost.epochs * (epoch_seconds / 3600 / max(1, slots))
    each = f"{epoch_seconds:.3g} s an epoch, as in the earlier results"
    yield f"  about {_hours(hours)} hours on {max(1, slots)} slot{'s' if slots > 1 else ''}, by {each}"


def _cost_lines(cost: "Cost", resources: "Resources", slots: int, speed: "Speed | None") -> "Iterator[str]":
    """Yield the lines on what a study costs.

    Args:
        cost: What its runs take together.
        resources: What a run occupies.
        slots: Runs that train beside each other; 0 where no run fits.
        speed: Of a core; None where runs train on GPUs, whose speed is not known.
    """
    yield _runs_in_words(cost)
    if speed is None or cost.operations is None:
        yield "  hours are estimated for CPUs only, and these runs ask for a GPU"
        return
    core_hours = cost.operations * (1 / speed.gflops / 3.6e12)
    at_work = f"about {_hours(core_hours)} core-hours"
    if slots:
        hours = core_hours * (1 / (slots * resources.cpu))
        where = f"{slots} slot{'s' if slots > 1 else ''} of {resources.cpu} CPU"
        yield f"  about {_hours(hours)} hours on {where} ({at_work}), and half a minute for Ray"
    else:
        yield f"  {at_work}; no run of {resources.cpu} CPU fits on this machine: --slots N says how many do"
    yield f"  {speed.in_words()}"


def _hours(hours: "Bounds") -> str:
    return hours.in_words(digits=0 if hours.least >= 10 else 1 if hours.least >= 1 else 2)


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
