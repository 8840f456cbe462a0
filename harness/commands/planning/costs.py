"""What a study costs, in words: runs, epochs, and hours where somebody has measured them."""

import argparse
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from harness.code.trust import check_trusted
from harness.commands.planning.beside import measured_beside
from harness.commands.planning.pace import Pace, known_pace, measured_pace
from harness.errors import StudyError
from harness.manifest import RunsBeside
from harness.recipe.data import DataFacts
from harness.records.provenance import usable_cores
from harness.study.estimate import Bounds, Cost, cost_of
from harness.study.plan import Plan
from harness.study.study import Study
from harness.training.beside import is_open, known_beside

if TYPE_CHECKING:
    from harness.commands.planning.measured import Earlier


def cost_lines(
    study: Study,
    plan: Plan,
    facts: Sequence[DataFacts],
    options: argparse.Namespace,
    earlier: "Earlier | None",
) -> Iterator[str]:
    """Yield the lines on what a study costs: by what is known of this machine, else by earlier results.

    Args:
        study: The study.
        plan: Its plan.
        facts: Of its data sets, in its order; none of a program.
        options: Those of `dry_run.add_options`.
        earlier: The results that `--from` names.

    Raises:
        StudyError: `--measure` cannot measure what this study trains with.
    """
    beside = _beside(study, facts, options)
    slots = _n_slots(study, options, beside)
    pace = _pace(study, facts, options, slots)
    cost, by = cost_of(study, plan, pace.epoch_seconds), ""
    if cost.seconds is not None:
        by = f"epochs as they were measured here, the oldest on {pace.since()}"
    elif earlier is not None and (seconds := earlier.epoch_seconds) is not None:
        cost, by = (
            cost_of(study, plan, lambda _: seconds),
            f"{seconds:.3g} s an epoch, as in {options.earlier}",
        )
    if beside is not None:
        yield f"runs: {beside.in_words()}"
    audits = f" and at most {cost.audits.in_words()} audits" if cost.audits.most else ""
    yield f"costs: {cost.runs.in_words()} runs{audits}, about {cost.epochs.in_words()} epochs in all"
    if cost.seconds is None:
        yield f"  hours: {_unknown(study)}"
        return
    yield f"  about {_on_slots(cost, slots, study.resources.cpu)}"
    yield f"  {by}"
    if pace.note:
        yield f"  they could not be kept for the next time: {pace.note}"


def _unknown(study: Study) -> str:
    if study.trial is not None:
        return "not measured, nobody knows yet how long an epoch takes. Remedy: --from DIR"
    now = "" if study.resources.gpu else ": --measure does that now"
    return f"not measured on this machine yet{now}; a sweep notes how long its epochs take"


def _on_slots(cost: Cost, slots: int, cpus: int) -> str:
    """Return the hours of a study on some slots; of its runs one after the other where none fits."""
    seconds = cost.seconds_on(slots or 1)
    hours = _hours(seconds * (1 / 3600)) if seconds else "unknown"
    if not slots:
        return (
            f"{hours} hours of runs one after the other; none of {cpus} CPU fits on this machine: "
            f"--slots N says how many do"
        )
    where = f"{slots} slot{'s' if slots > 1 else ''} of {cpus} CPU"
    chain = cost.chain_seconds or 0.0
    is_chain = seconds is not None and seconds.most <= chain and slots > 1
    bound = (
        ", the time of the longest runs one after the other, which no further slot shortens"
        if is_chain
        else ""
    )
    return f"{hours} hours on {where}, and half a minute for Ray{bound}"


def _hours(hours: Bounds) -> str:
    return hours.in_words(digits=0 if hours.least >= 10 else 1 if hours.least >= 1 else 2)


def _n_slots(study: Study, options: argparse.Namespace, beside: RunsBeside | None) -> int:
    """Return how many runs train beside each other; 0 where none fits on this machine."""
    resources = study.resources
    fitting = usable_cores() // resources.cpu
    slots: int = options.slots or (min(beside.number, fitting) if beside else fitting)
    return min(slots, resources.concurrency or slots)


def _beside(study: Study, facts: Sequence[DataFacts], options: argparse.Namespace) -> RunsBeside | None:
    """Return how many runs should train beside each other here; None where that is said, or nobody knows.

    Measured now where that was asked for; what only one run fits on needs no measurement.
    """
    if options.slots or not is_open(study):
        return None
    fitting = usable_cores() // study.resources.cpu
    if options.measure and fitting > 1:
        return measured_beside(study, facts, check_trusted(study, options.trust), fitting)
    parts = zip(study.by_dataset.values(), facts, strict=True)
    return known_beside(study, {part.dataset: known for part, known in parts})


def _pace(study: Study, facts: Sequence[DataFacts], options: argparse.Namespace, slots: int) -> Pace:
    """Return how long epochs take here, measured now where that was asked for."""
    if not options.measure:
        return known_pace(study, facts)
    if study.trial is not None or study.resources.gpu:
        what = "a program" if study.trial is not None else "GPUs"
        raise StudyError(
            f"--measure: takes steps of the built-in training on CPUs, and this study trains with {what}. "
            f"Remedy: leave it out; a sweep with few epochs shows the time"
        )
    fitting = max(1, min(slots, usable_cores() // study.resources.cpu))
    return measured_pace(study, facts, check_trusted(study, options.trust), fitting)
