"""`--dry-run`: its options, and the whole of what it prints."""

import argparse
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

from harness.edge import path_argument, resolved
from harness.errors import ResultsError, StudyError
from harness.records.folder import ResultsFolder

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from harness.commands.planning.measured import Earlier
    from harness.commands.planning.noise import Stated
    from harness.commands.planning.pace import Pace
    from harness.commands.planning.text import NoiseOf
    from harness.recipe.data import DataFacts
    from harness.study.estimate import Bounds, Cost
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
    from harness.commands.planning.text import outlook_lines
    from harness.study.estimate import cost_of
    from harness.study.plan import plan_study

    plan = plan_study(study)
    earlier = _earlier(options.earlier, study)
    noise_of = earlier.noise if earlier else _noise_of(options.sd, study)
    slots = _n_slots(study, options)
    pace = _pace(study, facts, options, slots)
    cost = cost_of(study, plan, *facts, epoch_seconds=pace.epoch_seconds)
    by_earlier = earlier.epoch_seconds if earlier else None
    if cost.seconds is None and by_earlier is not None:
        costs = _cost_lines_by_epochs(cost, slots, by_earlier)
    else:
        costs = _cost_lines(cost, study, slots, pace, facts)
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
    resources = study.resources
    slots: int = options.slots or _cores() // resources.cpu
    return min(slots, resources.concurrency or slots)


def _runs_in_words(cost: "Cost") -> str:
    audits = f" and at most {cost.audits.in_words()} audits" if cost.audits.most else ""
    return f"costs: {cost.runs.in_words()} runs{audits}, about {cost.epochs.in_words()} epochs in all"


def _cost_lines_by_epochs(cost: "Cost", slots: int, epoch_seconds: float) -> "Iterator[str]":
    """Yield the lines on what a study costs by earlier results, where nobody has measured more.

    Args:
        cost: What its runs take together.
        slots: Runs that train beside each other; 0 where no run fits.
        epoch_seconds: What an epoch took in earlier results.
    """
    yield _runs_in_words(cost)
    hours = cost.epochs * (epoch_seconds / 3600 / max(1, slots))
    each = f"{epoch_seconds:.3g} s an epoch, as in the earlier results"
    yield f"  about {_hours(hours)} hours on {max(1, slots)} slot{'s' if slots > 1 else ''}, by {each}"


def _cores() -> int:
    from harness.records.provenance import usable_cores

    return usable_cores()


def _pace(study: "Study", facts: "Sequence[DataFacts]", options: argparse.Namespace, slots: int) -> "Pace":
    """Return how long epochs take here, measured now where that was asked for."""
    from harness.commands.planning.pace import known_pace, measured_pace

    if not options.measure:
        return known_pace(study)
    if study.trial is not None or study.resources.gpu:
        what = "a program" if study.trial is not None else "GPUs"
        raise StudyError(
            f"--measure: takes steps of the built-in training on CPUs, and this study trains with {what}. "
            f"Remedy: leave it out; a sweep with few epochs shows the time"
        )
    from harness.code.trust import check_trusted

    fitting = max(1, min(slots, _cores() // study.resources.cpu))
    return measured_pace(study, facts, check_trusted(study, options.trust), fitting)


def _cost_lines(
    cost: "Cost", study: "Study", slots: int, pace: "Pace", facts: "Sequence[DataFacts]"
) -> "Iterator[str]":
    """Yield the lines on what a study costs.

    Args:
        cost: What its runs take together.
        study: The study.
        slots: Runs that train beside each other; 0 where no run fits.
        pace: How long its epochs take here.
        facts: Of its data sets, in its order.
    """
    yield _runs_in_words(cost)
    if cost.seconds is None:
        if study.trial is not None:
            yield "  hours: not measured, nobody knows yet how long an epoch takes. Remedy: --from DIR"
        else:
            now = "" if study.resources.gpu else ": --measure does that now"
            yield f"  hours: not measured on this machine yet{now}; a sweep notes how long its epochs take"
        return
    hours, cpus = cost.seconds * (1 / 3600), study.resources.cpu
    if slots:
        where = f"{slots} slot{'s' if slots > 1 else ''} of {cpus} CPU"
        yield f"  about {_hours(hours * (1 / slots))} hours on {where}, and half a minute for Ray"
    else:
        yield (
            f"  about {_hours(hours)} hours of runs one after the other; none of {cpus} CPU fits on this "
            f"machine: --slots N says how many do"
        )
    yield f"  epochs as they were measured here, the oldest on {pace.since(facts)}"
    if pace.note:
        yield f"  they could not be kept for the next time: {pace.note}"


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
