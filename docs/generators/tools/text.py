"""Pieces of the page's text: tables, and numbers with their intervals."""

from collections.abc import Mapping

from analysis import statistics
from analysis.facts import Facts
from analysis.metrics import Metric
from analysis.render import numbers
from analysis.statistics import MeanInterval
from analysis.statistics.agreement import Estimate

Studies = Mapping[str, Facts]
"""Studies by their names; one of several data sets has an entry a data set, as `study on data`."""

SEED = 20
"""Of everything that is drawn at random for the page."""


def code(name: str) -> str:
    """Return a name as code."""
    return f"`{name}`"


def percent(chance: Estimate) -> str:
    """Return a chance with its interval."""
    return f"{100 * chance.value:.0f} % ({100 * chance.low:.0f} to {100 * chance.high:.0f})"


def share(count: int, of: int) -> str:
    """Return a count with Clopper and Pearson's interval of its share."""
    low, high = statistics.clopper_pearson(count, of)
    return f"{count} of {of} ({100 * low:.0f} to {100 * high:.0f} %)"


def estimate(found: Estimate, scale: float = 1.0) -> str:
    """Return an estimate with its interval, with two significant digits of half of that."""
    digits = numbers.decimals_of(scale * (found.high - found.low) / 2)
    return " ".join(
        (
            f"{scale * found.value:.{digits}f}",
            f"({scale * found.low:.{digits}f} to {scale * found.high:.{digits}f})",
        )
    )


def difference(found: MeanInterval, metric: Metric) -> str:
    """Return a mean difference with the half-width of its interval, in the readers' unit."""
    half_width, digits = found.half_width, metric.decimals
    return numbers.with_uncertainty(found.mean, half_width, scale=metric.scale, decimals=digits) + metric.unit


def mean_share(found: MeanInterval) -> str:
    """Return a mean of shares with its interval."""
    text = numbers.with_uncertainty(found.mean, found.half_width, scale=100, decimals=0, is_share=True)
    return f"{text} %"
