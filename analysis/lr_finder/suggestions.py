"""Which learning rate a range test suggests, by the rules of the field.

Every rule looks at the same part of the curve: from where the moving average has settled, up to its minimum
before divergence. What comes later (the rise, losses that are not finite) therefore changes no suggestion.
"""

import math
from bisect import bisect_left
from collections.abc import Callable
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis import selection
from harness.records.range_test import RangeTests, TestedArm
from harness.study.domains import NumericRange, domains_of

Curve = NDArray[np.float64]


def steepest_descent(log_rates: Curve, losses: Curve) -> float:
    """Return the rate (as its logarithm) at which the loss falls fastest against the rate's logarithm.

    Slopes are central differences, one-sided at either end.

    Source: Gugger 2018, How Do You Find A Good Learning Rate; suggested by fastai as `steep`.
    """
    return float(log_rates[int(np.argmin(np.gradient(losses, log_rates)))])


def valley(log_rates: Curve, losses: Curve) -> float:
    """Return the rate (as its logarithm) two thirds down the longest valley.

    The longest valley is the longest series of ever lower losses, steps back up left out. It ends at the
    minimum; it is taken to begin as many points before as it has, so that on a flat, noisy stretch (where few
    points belong to it) it does not begin too early.

    Source: fastai's documentation of its default rule ("the steepest slope roughly 2/3 through the longest
    valley"); its code takes the valley's middle.
    """
    length = longest_descent(losses)
    end = len(losses) - 1
    return float(np.interp(end - (length - 1) / 3, np.arange(len(losses)), log_rates))


def minimum_tenth(log_rates: Curve, _losses: Curve) -> float:
    """Return the logarithm of a tenth of the rate at the minimum, which is where the curve ends.

    Source: Gugger 2018; suggested by fastai as `minimum`.
    """
    return float(log_rates[-1]) - math.log(10)


def longest_descent(losses: Curve) -> int:
    """Return the length of the longest strictly falling subsequence.

    Source: Fredman 1975, On computing the length of longest increasing subsequences.
    """
    smallest_ends: list[float] = []  # of the negated losses: entry k ends the best rising series of k + 1
    for value in -losses:
        place = bisect_left(smallest_ends, value)
        smallest_ends[place : place + 1] = [value]
    return len(smallest_ends)


RULES: dict[str, Callable[[Curve, Curve], float]] = {
    "steepest_descent": steepest_descent,
    "valley": valley,
    "minimum_tenth": minimum_tenth,
}
"""Rule by column name. Each takes `log_rates` and `losses`, shape `(n,)` with n >= 2, ending at the minimum,
and returns the logarithm of a rate."""

RULE_NAMES = {
    "steepest_descent": "steepest descent",
    "valley": "valley",
    "minimum_tenth": "minimum / 10",
}
"""What readers see, in tables and figures."""
RULES_IN_WORDS = (
    "Steepest descent: where the smoothed loss falls fastest against the logarithm of the rate. Valley: two "
    "thirds down its longest descent. Minimum / 10: a tenth of the rate at its minimum."
)


def suggest(rates: Curve, smoothed: Curve, settling_steps: int) -> dict[str, float | None]:
    """Return the learning rate that each rule suggests; None where the loss never fell.

    Args:
        rates: Rising learning rates, shape `(n,)`.
        smoothed: Moving average of the loss at each, shape `(n,)`; the curve counts as far as it is finite.
        settling_steps: Points at the start at which the average is over too few losses to be compared.
    """
    part = descent(smoothed, settling_steps)
    if part.stop - part.start < 2:
        return dict.fromkeys(RULES)
    log_rates, losses = np.log(rates[part]), smoothed[part]
    return {name: math.exp(rule(log_rates, losses)) for name, rule in RULES.items()}


def descent(smoothed: Curve, settling_steps: int) -> slice:
    """Return the part of a curve that the rules look at: from where it has settled, up to its first minimum.

    A minimum right where the curve has settled leaves one point: the loss only rose.
    """
    finite = np.isfinite(smoothed)
    end = len(smoothed) if finite.all() else int(np.argmin(finite))
    start = min(settling_steps, end)
    if start == end:
        return slice(start, start)
    return slice(start, start + int(np.argmin(smoothed[start:end])) + 1)


Shape = Literal["turned", "falling", "rising", "flat", "lost"]
"""How a test's loss went. Only one that turned, falling first and then no more, suggests rates."""

SHAPES: dict[Shape, str] = {
    "turned": "turned",
    "falling": "still falling at the last rate",
    "rising": "rose from the first rate on",
    "flat": "moved by no more than its noise",
    "lost": "diverged before its average had settled",
}
"""What readers see."""

_NOISE = 5.0
"""Deviations of the moving average that a loss must fall by: noise alone strays about four over a test."""


def shape_of(curve: pd.DataFrame, settling_steps: int, smoothing: float) -> Shape:
    """Return how the loss of one test went.

    The average lags behind by `settling_steps`: a minimum closer to the last rate than that is one only if
    the loss has risen again since.

    Args:
        curve: The steps of one test, as `RangeTests.curves` holds them.
        settling_steps: Points after which the moving average is over as many losses as it ever is.
        smoothing: Weight that the average keeps at each step.
    """
    has_diverged = bool(curve["diverged"].any())
    kept = curve[~curve["diverged"]]
    smoothed = kept["smoothed_loss"].to_numpy()
    part = descent(smoothed, settling_steps)
    if part.stop == part.start:
        return "lost"
    noise = _NOISE * _deviation(kept["loss"].to_numpy(), smoothing)
    settled = smoothed[part.start :]
    if not has_diverged and np.nanmax(settled) - np.nanmin(settled) <= noise:
        return "flat"
    if smoothed[part.start] - smoothed[part.stop - 1] <= noise:
        return "rising"
    after = smoothed[part.stop :]
    has_risen = (
        len(after) >= settling_steps or np.max(after, initial=-math.inf) - smoothed[part.stop - 1] > noise
    )
    return "turned" if has_diverged or has_risen else "falling"


def _deviation(losses: Curve, smoothing: float) -> float:
    """Return the standard deviation of the moving average of single losses around the curve that they follow.

    Neighbours differ by little but noise; their median difference is blind to the few that are far out.
    """
    steps = np.abs(np.diff(losses[np.isfinite(losses)]))
    of_one = float(np.median(steps)) / (0.6745 * math.sqrt(2)) if len(steps) else 0.0
    return of_one * math.sqrt((1 - smoothing) / (1 + smoothing))


def diverged_in_words(tests: RangeTests) -> str:
    """Return by how much a smoothed loss exceeded its minimum where its test ended."""
    factor = tests.settings.divergence_factor
    below = (
        f" (of losses below 0, rose from it by {factor - 1:g} times what they had fallen by, or its size)"
        if (tests.curves["loss"] < 0).any()
        else ""
    )
    return f"{factor:g} times its minimum{below}"


def compute_suggestions(tests: RangeTests) -> pd.DataFrame:
    """Return one row a test.

    Returns: Columns `arm, seed, steepest_descent, valley, minimum_tenth` (learning rates; absent where the
        loss did not turn), `minimum_lr, minimum_loss` (of the smoothed loss), `diverged_lr` (absent where
        the test reached its last rate) and `shape` (one of `SHAPES`).
    """
    settling = tests.settings.settling_steps
    rows: list[dict[str, Any]] = []
    for (arm, seed), curve in tests.curves.groupby(["arm", "seed"], sort=False):
        kept = curve[~curve["diverged"]]
        rates, smoothed = kept["lr"].to_numpy(), kept["smoothed_loss"].to_numpy()
        part = descent(smoothed, settling)
        lowest = part.stop - 1 if part.stop > part.start else None
        shape = shape_of(curve, settling, tests.settings.smoothing)
        suggested = suggest(rates, smoothed, settling) if shape == "turned" else dict.fromkeys(RULES)
        lost = curve.loc[curve["diverged"], "lr"]
        rows.append(
            {
                "arm": arm,
                "seed": seed,
                **suggested,
                "minimum_lr": None if lowest is None else rates[lowest],
                "minimum_loss": None if lowest is None else smoothed[lowest],
                "diverged_lr": lost.iloc[0] if len(lost) else None,
                "shape": shape,
            }
        )
    rates_and_losses = [*RULES, "minimum_lr", "minimum_loss", "diverged_lr"]
    columns = ["arm", "seed", *rates_and_losses, "shape"]
    return pd.DataFrame(rows, columns=columns).astype(dict.fromkeys(rates_and_losses, float))


def not_turned_in_words(suggestions: pd.DataFrame) -> str:
    """Return what is to be known of tests whose loss did not turn, and what to do; empty where all did."""
    of_shape = suggestions["shape"].value_counts()
    others: list[Shape] = [shape for shape in SHAPES if shape != "turned" and shape in of_shape.index]
    if not others:
        return ""
    parts = [
        f"{'; '.join(_arms_with(suggestions, shape))} {SHAPES[shape]} ({_REMEDIES[shape]})"
        for shape in others
    ]
    return f"No rate is suggested where the loss was not seen to turn: {', '.join(parts)}."


_REMEDIES: dict[Shape, str] = {
    "falling": "remedy: a higher --high",
    "rising": "remedy: a lower --low",
    "flat": "remedy: a wider range, or more --steps",
    "lost": "remedy: a lower --low, or more --steps",
}


def _arms_with(suggestions: pd.DataFrame, shape: Shape) -> list[str]:
    """Return each arm with tests of a shape, and how many of its tests."""
    return [
        f"{arm} ({n} of {len(own)})"
        for arm, own in suggestions.groupby("arm", sort=False)
        if (n := int((own["shape"] == shape).sum()))
    ]


def rate_range(arm: TestedArm) -> NumericRange | None:
    """Return the range of learning rates that the study declares."""
    return selection.declared_range(domains_of(arm.space), "lr", arm.point)
