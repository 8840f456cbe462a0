"""What a study takes on some slots, over simulated repetitions of it."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from harness.commands.planning.simulation import REASONS, Reason, Simulated, Trace, Traces, simulate
from harness.study.estimate import Taken
from harness.study.plan import Plan
from harness.study.study import Arm, Study

EpochSeconds = Callable[[Arm], Sequence[float]]
"""Returns what an epoch of an arm takes, evaluation included, by some of its configurations; at least one."""

SHARE_IN_BRACKETS = 0.9
"""Of the repetitions, between the ends of a range."""

_MOST_REPETITIONS = 60
_MOST_RUNS = 12_000
"""Over all repetitions, unless one has more: a dry run is to answer at once."""


class Range(NamedTuple):
    """A number of simulated studies."""

    median: float
    low: float
    high: float

    def times(self, factor: float) -> "Range":
        """Return it in another unit."""
        return Range(*(factor * value for value in self))

    def in_words(self, digits: int = 0) -> str:
        """Return it with so many decimals; the median alone where the ends do not differ."""
        median, low, high = (f"{value:,.{digits}f}" for value in self)
        return median if low == high == median else f"{median} ({low} to {high})"


@dataclass(frozen=True, kw_only=True)
class Forecast:
    """What the repetitions took."""

    repetitions: int
    seconds: Range
    epochs: Range
    idle: dict[Reason, float]
    """Mean share of the slots' time in which they stand idle."""
    most_beside: int
    """Runs that train beside each other at most, in any repetition."""


def forecast(
    study: Study, plan: Plan, traces: Traces, *, slots: int, looks: Sequence[int], taken: Taken | None = None
) -> Forecast:
    """Simulate a study several times; the same study gives the same numbers.

    Args:
        study: The study.
        plan: Its plan.
        traces: Tells what search runs do.
        slots: Runs that train beside each other, at least 1.
        looks: The plan's, up to the one with which the study ends.
        taken: Runs that are taken over from another study, and take nothing.
    """
    repeats = looks[-1] if plan.unit == "repeat" else 1
    n_runs = repeats * sum(arm.search_runs + arm.confirm_runs + arm.audit_runs for arm in plan.arms)
    repetitions = max(1, min(_MOST_REPETITIONS, _MOST_RUNS // max(1, n_runs)))
    done: list[Simulated] = []
    for number in range(repetitions):
        chance = random.Random(number)  # noqa: S311 - no secret
        done.append(simulate(study, plan, traces, chance, slots=slots, looks=looks, taken=taken))
    total = slots * sum(each.seconds for each in done)
    return Forecast(
        repetitions=repetitions,
        seconds=_range([each.seconds for each in done]),
        epochs=_range([each.epochs for each in done]),
        idle={why: sum(each.idle[why] for each in done) / total for why in REASONS if total},
        most_beside=max(each.most_beside for each in done),
    )


def _range(values: Sequence[float]) -> Range:
    rest = (1 - SHARE_IN_BRACKETS) / 2
    return Range(*(float(q) for q in np.quantile(np.array(values), [0.5, rest, 1 - rest])))


def ranked(epoch_seconds: EpochSeconds) -> Traces:
    """Return runs of which each keeps a random rank among its arm's, from the first epoch to the last.

    So a later proposal is no better than an earlier one, and each rung lets through whoever leads by then.
    """

    def trace(arm: Arm, share: float, chance: random.Random) -> Trace:
        del share
        rank = chance.random()
        return Trace(chance.choice(epoch_seconds(arm)), lambda _: rank)

    return trace
