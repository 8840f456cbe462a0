"""An outlook in words: what is found, what is ruled equivalent, and how many replicates either takes."""

from collections.abc import Iterator

from analysis.metrics import Metric
from harness.commands.planning.noise import Spread
from harness.commands.planning.outlook import Counts, Outlook, ShareOutlook


def found_in_words(outlook: Outlook, metric: Metric, what: str) -> str:
    """Return which difference is found; `what` leads to it."""
    found = f"{what} {amounts(outlook.found, metric)} is found"
    if outlook.last_alpha > outlook.first_alpha:
        found += f"; once all other claims are decided, of {amounts(outlook.found_last, metric)}"
    return found


def shown_in_words(outlook: Outlook, metric: Metric, unit: str) -> Iterator[str]:
    """Yield the difference found, the chance of "equivalent", and what the region takes."""
    what = {
        "better": "a true difference of",
        "best": "a lead over every rival of",
        "equal": "a pair that differs by",
    }[outlook.kind]
    yield found_in_words(outlook, metric, what)
    if outlook.region is None or outlook.equivalent is None:
        yield f"no region of equivalence is declared for {metric.label}: nothing is ruled equivalent"
        return
    region = f"±{amount(outlook.region, metric)}"
    bound = {"better": "", "best": "at least ", "equal": "at most "}[outlook.kind]
    ruled = "supported" if outlook.kind == "equal" else "ruled equivalent"
    chance = f"{bound}{_chances(outlook.equivalent)} of such studies"
    yield f"truly equal arms are {ruled} (within {region}) in {chance}"
    yield f"with 80 % power it takes {needed_in_words(outlook, metric, unit)}"


def needed_in_words(outlook: Outlook, metric: Metric, unit: str) -> str:
    """Return how many replicates find a difference as wide as the region, or that there is none."""
    if outlook.to_show_equal is None:
        return ""
    shown = _counts(outlook.to_show_equal)
    if outlook.region is None or outlook.to_find is None:
        return f"{shown} {unit} to rule equal arms so"
    found, width = _counts(outlook.to_find), amount(outlook.region, metric)
    return f"{found} {unit} to find a difference of {width}, and {shown} to rule equal arms so"


def share_in_words(outlook: ShareOutlook) -> str:
    """Return which share is found to exceed the declared one, or that so few runs cannot show any."""
    if outlook.found is None:
        least = "over 10,000" if outlook.least_n is None else outlook.least_n
        return f"{outlook.n} runs cannot support it, even if all diverge; {least} could"
    found = f"a true share of {100 * outlook.found:.0f} % is found to exceed {100 * outlook.share:g} %"
    return f"{outlook.n} runs: {found}"


def amount(value: float, metric: Metric) -> str:
    """Return a difference in the readers' unit."""
    return f"{_digits(metric.scale * value)}{metric.unit}"


def amounts(spread: Spread, metric: Metric) -> str:
    """Return a likely difference in the readers' unit, and the ends of its range where it has one."""
    likely, low, high = (_digits(metric.scale * value) for value in spread)
    brackets = "" if low == high else f" ({low} to {high})"
    return f"{likely}{metric.unit}{brackets}"


def _digits(value: float) -> str:
    return f"{value:.2g}" if abs(value) < 10 else f"{value:.0f}"


def _chances(spread: Spread) -> str:
    likely, one, other = (_percent(value) for value in spread)
    brackets = "" if one == other else f" ({other} to {one})"
    return f"{likely} %{brackets}"


def _percent(share: float) -> str:
    is_extreme = min(share, 1 - share) < 0.01
    return f"{100 * share:.{1 if is_extreme else 0}f}"


def _counts(counts: Counts) -> str:
    likely, low, high = ("over 10,000" if n is None else str(n) for n in counts)
    return likely if low == high else f"{likely} ({low} to {high})"
