"""How much replicates vary, as far as it is known before a study: assumed, or stated by the user.

What earlier results say of it is in `measured`.
"""

import argparse
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from harness.errors import StudyError, nearest


class Spread(NamedTuple):
    """A standard deviation, and between which two it may lie; in the metric's unit."""

    likely: float
    low: float
    high: float

    def over(self, n: float) -> "Spread":
        """Return that of the mean of n independent values."""
        return Spread(*(deviation / math.sqrt(n) for deviation in self))

    def plus(self, other: "Spread") -> "Spread":
        """Return that of the sum or the difference of two independent values."""
        return Spread(*map(math.hypot, self, other))


def exactly(deviation: float) -> Spread:
    """Return a deviation that is taken as it is."""
    return Spread(deviation, deviation, deviation)


@dataclass(frozen=True, kw_only=True)
class Noise:
    """How much a metric varies, of one arm."""

    run: Spread
    """From run to run of one configuration, each with a seed of its own."""
    paired: Spread | None
    """Of that what two arms that train on the same seed do not share; None if unknown."""
    search: Spread | None
    """From search to search, if each choice were measured without noise; None if unknown or not asked for."""
    repeat: Spread | None
    """From repeat to repeat, each the mean of the planned confirm runs; likewise."""
    origin: str
    """Where it is known from, as a reader is told."""
    ends: str
    """What `low` and `high` are, as a reader is told; empty where they are `likely`."""


class Stated(NamedTuple):
    """The deviations of `--sd`, in the readers' unit: of accuracies in percentage points."""

    metric: str | None
    """None for every accuracy."""
    run: float
    search: float | None

    def is_for(self, metric: str) -> bool:
        """Return whether it is about a metric."""
        return self.metric == metric or (self.metric is None and _is_accuracy(metric))


def _is_accuracy(metric: str) -> bool:
    return metric.partition("_")[2] == "accuracy"


def check_stated(said: Iterable[Stated], metrics: Sequence[str]) -> None:
    """Refuse what is stated of a metric that the study does not have.

    Raises:
        StudyError: There is such a one.
    """
    for name in (each.metric for each in said):
        if name is not None and name not in metrics:
            raise StudyError(f"--sd {name}=...: {name!r} is no metric of the study. {nearest(name, metrics)}")


_RUN = Spread(0.0022, 0.0010, 0.0038)
"""Of test accuracies: 49 of 61 arms of the reference studies lie between, half of all below 0.0022."""

_SEARCH = 0.001
"""One arm was searched four times: 0.0004, its 95 % upper limit 0.0013."""


def assumed_search(metric: str) -> Spread | None:
    """Return how much searches are assumed to vary; None where nothing is assumed."""
    return exactly(_SEARCH) if _is_accuracy(metric) else None


def of_repeats(run: Spread, search: Spread | None, seeds: int | None) -> Spread | None:
    """Return the deviation of repeats of so many seeds; None where it is unknown, or nothing is repeated."""
    return search.plus(run.over(seeds)) if search and seeds else None


def assumed(metric: str, seeds: int | None) -> Noise | None:
    """Return the noise that is assumed where nothing is known; None of losses, whose scale differs.

    Args:
        metric: The metric.
        seeds: Planned confirm runs of an arm in each repeat; None where searches are not repeated.
    """
    search = assumed_search(metric)
    if search is None:
        return None
    return Noise(
        run=_RUN,
        paired=None,
        search=search,
        repeat=of_repeats(_RUN, search, seeds),
        origin="assumed, not measured",
        ends="in brackets: for 0.10 to 0.38 pp a run, as test accuracies of most arms have in the reference "
        "studies of this repository",
    )


def stated(said: Stated, metric: str, seeds: int | None, scale: float) -> Noise:
    """Return the noise that the user states; what is said of runs only leaves the search's to assumption.

    Args:
        said: What was stated.
        metric: The metric.
        seeds: Planned confirm runs of an arm in each repeat; None where searches are not repeated.
        scale: Factor from the metric's unit to the readers' one.
    """
    run = exactly(said.run / scale)
    search = assumed_search(metric) if said.search is None else exactly(said.search / scale)
    return Noise(
        run=run,
        paired=None,
        search=search,
        repeat=of_repeats(run, search, seeds),
        origin="stated, that of searches assumed" if seeds and said.search is None else "stated",
        ends="",
    )


def stated_for(metric: str, said: Sequence[Stated]) -> Stated | None:
    """Return what was stated of a metric: by its name before what is said of all accuracies."""
    fitting = [each for each in said if each.is_for(metric)]
    return min(fitting, key=lambda each: each.metric is None, default=None)


def sd_argument(text: str) -> Stated:
    """Return what `--sd [METRIC=]RUN[,SEARCH]` says.

    Raises:
        argparse.ArgumentTypeError: It says something else.
    """
    name, equals, numbers = text.rpartition("=")
    try:
        deviations = [float(number) for number in numbers.split(",")]
    except ValueError:
        deviations = []
    most = 50.0 if not equals or _is_accuracy(name) else math.inf
    is_fitting = len(deviations) in {1, 2} and all(0 <= each <= most for each in deviations)
    is_fitting = is_fitting and all(map(math.isfinite, deviations))
    if not is_fitting or deviations[0] == 0:
        raise argparse.ArgumentTypeError(
            f"{text!r}: must be RUN or RUN,SEARCH: a standard deviation above 0, and one of at least 0; of "
            f"accuracies in percentage points, at most 50. Remedy: --sd 0.25,0.1, or --sd test_loss=0.02"
        )
    search = deviations[1] if len(deviations) == 2 else None
    return Stated(name if equals else None, deviations[0], search)
