"""On what a simulation rests: what epochs take, and what search runs reach."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.commands.planning.forecast import ranked
from harness.commands.planning.pace import Pace
from harness.commands.planning.simulation import Traces
from harness.study.study import Study

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.commands.planning.measured import Earlier


@dataclass(frozen=True, kw_only=True)
class Basis:
    """What is known of a study's runs."""

    traces: Traces
    """With epochs of a second, where nobody has measured them."""
    seconds_are: str | None
    """Where the seconds of epochs are from, in words; None where nobody has measured them."""
    values_are: str
    """Where what runs reach is from, likewise."""


def basis_of(study: Study, pace: Pace, earlier: "Earlier | None") -> Basis:
    """Return what is known: seconds of this machine first, then of earlier results; values of these alone."""
    known: dict[str, Sequence[float] | None] = {arm.name: pace.epoch_seconds(arm) for arm in study.arms}
    here = {name: seconds for name, seconds in known.items() if seconds}
    is_known_here = len(here) == len(known)
    seconds_are = (
        f"epochs as they were measured here, the oldest on {pace.since()}" if is_known_here else None
    )
    seconds = (lambda arm: here[arm.name]) if is_known_here else None
    by_rank = "what a run reaches is assumed: one random rank in its search, at every epoch"
    if earlier is None:
        return Basis(traces=ranked(seconds or (lambda _: [1.0])), seconds_are=seconds_are, values_are=by_rank)
    from harness.commands.planning.replay import Replay

    replay, where = Replay(earlier), earlier.records.folder.root
    there = {arm.name: replay.epoch_seconds(arm) for arm in study.arms}
    if seconds is None:
        seconds_are = f"epochs as in {where}, evaluation included"
    replayed = replay.traces(study.search, seconds)
    values_are = f"search runs reach what some of {where} did" if replayed else by_rank
    return Basis(
        traces=replayed or ranked(seconds or (lambda arm: there[arm.name])),
        seconds_are=seconds_are,
        values_are=values_are,
    )
