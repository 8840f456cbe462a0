"""What a study costs, in words: runs, epochs, and hours where somebody has measured them."""

import argparse
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from harness import json_output
from harness.code.trust import check_trusted
from harness.commands.planning.basis import basis_of
from harness.commands.planning.beside import measured_beside
from harness.commands.planning.forecast import SHARE_IN_BRACKETS, Forecast, forecast
from harness.commands.planning.pace import Pace, known_pace, measured_pace
from harness.errors import StudyError
from harness.manifest import RunsBeside
from harness.recipe.data import DataFacts
from harness.records.provenance import usable_cores
from harness.study.estimate import Taken, cost_of
from harness.study.plan import Plan
from harness.study.study import Study
from harness.training.beside import is_open, known_beside

if TYPE_CHECKING:
    from harness.commands.planning.measured import Earlier

_FIXED = "a quarter of a minute for start and report"
"""Measured of small studies on a quiet machine: benchmarks/README.md."""

_IDLE = {"search": "until searches end", "look": "before looks", "end": "at the end"}


def cost_lines(
    study: Study,
    plan: Plan,
    facts: Sequence[DataFacts],
    options: argparse.Namespace,
    earlier: "Earlier | None",
    *,
    taken: Taken,
    note: Callable[[json_output.Costs], object] | None = None,
) -> Iterator[str]:
    """Yield the lines on what a study costs: by what is known of this machine, else by earlier results.

    Args:
        study: The study.
        plan: Its plan.
        facts: Of its data sets, in its order; none of a program.
        options: Those of `dry_run.add_options`.
        earlier: The results that `--from` names.
        taken: Runs that are taken over from the study's parent.
        note: Takes the same as facts.

    Raises:
        StudyError: `--measure` cannot measure what this study trains with.
    """
    beside = _beside(study, facts, options)
    slots = _n_slots(study, options, beside)
    pace = _pace(study, facts, options, slots)
    basis = basis_of(study, pace, earlier)
    forecasts = [
        forecast(study, plan, basis.traces, slots=slots or 1, looks=looks, taken=taken)
        for looks in dict.fromkeys((plan.looks[:1], plan.looks))
    ]
    if beside is not None:
        yield f"runs: {beside.in_words()}"
    cost = cost_of(plan, taken)
    if note is not None:
        is_timed = basis.seconds_are is not None
        note(
            json_output.Costs(
                runs=json_output.AtLooks(first_look=cost.runs.least, most=cost.runs.most),
                most_audit_runs=cost.audits.most,
                slots=slots,
                repetitions=forecasts[-1].repetitions,
                first_look=_foreseen(forecasts[0], is_timed=is_timed),
                whole=_foreseen(forecasts[-1], is_timed=is_timed),
            )
        )
    audits = f" and at most {cost.audits.in_words()} audits" if cost.audits.most else ""
    epochs = _of_looks([each.epochs.in_words() for each in forecasts], "epochs", " in all")
    yield f"costs: {cost.runs.in_words()} runs{audits}, about {epochs}"
    if basis.seconds_are is None:
        yield f"  hours: {_unknown(study)}"
    else:
        yield from _hours(forecasts, slots, study.resources.cpu)
        yield f"  {basis.seconds_are}"
    yield from _simulated(forecasts, basis.values_are)
    if pace.note:
        yield f"  the seconds could not be kept for the next time: {pace.note}"


def _foreseen(made: Forecast, *, is_timed: bool) -> json_output.Foreseen:
    epochs = json_output.Between(**made.epochs._asdict())
    seconds = json_output.Between(**made.seconds._asdict()) if is_timed else None
    return json_output.Foreseen(epochs=epochs, seconds=seconds)


def _unknown(study: Study) -> str:
    if study.trial is not None:
        return "not measured, nobody knows yet how long an epoch takes. Remedy: --from DIR"
    now = "" if study.resources.gpu else ": --measure does that now"
    return f"not measured on this machine yet{now}; a sweep notes how long its epochs take"


def _of_looks(amounts: Sequence[str], unit: str, end: str = "") -> str:
    """Return what a study takes; where looks decide how long it goes on, up to the first and to the last."""
    if len(set(amounts)) == 1:
        return f"{amounts[0]} {unit}{end}"
    return f"{amounts[0]} {unit} up to the first look and {amounts[-1]} up to the last"


def _hours(forecasts: Sequence[Forecast], slots: int, cpus: int) -> Iterator[str]:
    """Yield the hours of a study on some slots; of its runs one after the other where none fits."""
    unit, length = ("hours", 3600) if forecasts[-1].seconds.median >= 3600 else ("minutes", 60)
    ranges = [each.seconds.times(1 / length) for each in forecasts]
    hours = _of_looks([each.in_words(0 if each.median >= 20 else 1) for each in ranges], unit)
    if not slots:
        yield (
            f"  about {hours} of runs one after the other; none of {cpus} CPU fits on this machine: "
            f"--slots N says how many do"
        )
        return
    yield f"  about {hours} on {slots} slot{'s' if slots > 1 else ''} of {cpus} CPU, and {_FIXED}"
    whole = forecasts[-1]
    if whole.most_beside < slots:
        yield f"  never do more than {whole.most_beside} runs train at once: no further slot shortens it"
    parts = [f"{_percent(share)} {_IDLE[why]}" for why, share in whole.idle.items() if share >= 0.005]
    if parts and slots > 1:
        yield f"  slots stand idle {_percent(sum(whole.idle.values()))} of that time: {', '.join(parts)}"


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def _simulated(forecasts: Sequence[Forecast], values_are: str) -> Iterator[str]:
    """Yield what brackets hold and on what they rest, where a repetition can differ from another."""
    whole = forecasts[-1]
    if whole.repetitions == 1:
        yield f"  simulated once, as it has so many runs: {values_are}"
    elif any(low < high for each in forecasts for _, low, high in (each.epochs, each.seconds)):
        share, count = round(10 * SHARE_IN_BRACKETS), whole.repetitions
        yield f"  in brackets: {share} of 10 of {count} simulated studies; {values_are}"


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
