"""The section on what all studies took."""

from collections.abc import Iterator

from analysis.facts import Facts
from analysis.tools.costs import cost_of
from docs.generators.markdown import table
from docs.generators.tools.text import Studies, code


def costs_section(studies: Studies) -> Iterator[str]:
    """Yield what all studies took."""
    yield "## What did all this take?"
    yield (
        "From the journals: runs that ended, their epochs, the time of their training steps added up "
        "(evaluation left out, runs beside each other counted each), and the time from the first run's start "
        "to the last one's end, pauses between sessions left out."
    )
    costs = {name: cost_of(facts.records) for name, facts in studies.items()}
    rows = [
        [
            code(name),
            f"{own.runs:,}",
            f"{own.epochs:,}",
            _minutes(own.train_seconds),
            _minutes(own.elapsed_seconds),
            _machine(studies[name]),
        ]
        for name, own in costs.items()
    ]
    totals = [sum(getattr(own, field) for own in costs.values()) for field in ("runs", "epochs")]
    times = [
        sum(getattr(own, field) for own in costs.values()) for field in ("train_seconds", "elapsed_seconds")
    ]
    rows.append(["all", *(f"{total:,}" for total in totals), *map(_minutes, times), ""])
    yield table(["study", "runs", "epochs", "training (min)", "elapsed (min)", "machine"], rows)


def _minutes(seconds: float) -> str:
    return f"{seconds / 60:,.1f}"


def _machine(facts: Facts) -> str:
    manifest = facts.records.manifest
    machine = manifest.machine
    gpus = f"{len(machine.gpus)} GPUs" if machine.gpus else "no GPU"
    return f"{machine.cpu}, {machine.cores} processors, {gpus}; {manifest.slots} at a time"
