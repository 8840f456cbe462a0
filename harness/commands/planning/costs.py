"""What a plan costs, in words: runs, epochs, and hours on so many slots."""

from collections.abc import Iterator

from harness.commands.planning.speed import Speed
from harness.study.estimate import Bounds, Cost
from harness.study.file import Resources


def cost_lines(cost: Cost, resources: Resources, slots: int, speed: Speed | None) -> Iterator[str]:
    """Yield the lines on what a study costs.

    Args:
        cost: What its runs take together.
        resources: What a run occupies.
        slots: Runs that train beside each other; 0 where no run fits.
        speed: Of a core; None where runs train on GPUs, whose speed is not known.
    """
    audits = f" and at most {cost.audits.in_words()} audits" if cost.audits.most else ""
    yield f"costs: {cost.runs.in_words()} runs{audits}, about {cost.epochs.in_words()} epochs in all"
    if speed is None:
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


def _hours(hours: Bounds) -> str:
    return hours.in_words(digits=0 if hours.least >= 10 else 1 if hours.least >= 1 else 2)
