"""Numbers as text: rounded to their uncertainty, the same in every table, figure and sentence."""

import math
from collections.abc import Callable, Iterable
from typing import Any, TypeGuard

ABSENT = "\N{EN DASH}"
"""Stands for a value that does not exist."""

_EDGE_MARKS = {"lower": " (edge ↓)", "upper": " (edge ↑)"}

TIMES = "\N{MULTIPLICATION SIGN}"


def with_uncertainty(
    mean: float | None, half_width: float | None, *, scale: float = 1, decimals: int = 4
) -> str:
    """Return `mean ± half_width`, rounded to two significant digits of the half-width.

    Args:
        mean: None gives the mark for an absent value.
        half_width: None (a single value) gives the mean alone, with `decimals` digits.
        scale: Multiplies both, 100 for percent.
        decimals: Digits after the point where no half-width says how many are meant.
    """
    if not is_present(mean):
        return ABSENT
    if not is_present(half_width):
        return f"{scale * mean:.{decimals}f}"
    if half_width <= 1e-12 * abs(mean):  # no spread but rounding
        return f"{scale * mean:.{decimals}f} ± 0"
    digits = decimals_of(scale * half_width)
    return f"{scale * mean:.{digits}f} ± {scale * half_width:.{digits}f}"


def amount(value: float | None, half_width: float | None = None, *, scale: float) -> str:
    """Return a value of a metric in the readers' unit: percent with two digits after the point, else four."""
    return with_uncertainty(value, half_width, scale=scale, decimals=2 if scale == 100 else 4)


def decimals_of(half_width: float) -> int:
    """Return how many digits after the point show a positive half-width with two significant digits."""
    exponent = int(f"{half_width:.1e}".split("e")[1])  # of the rounded number: 0.0996 counts as 0.10
    return max(0, 1 - exponent)


def rate(value: float | None) -> str:
    """Return a learning rate with three significant digits, without trailing zeros."""
    if not is_present(value):
        return ABSENT
    if value == 0 or 1e-3 <= abs(value) < 1e4:
        return f"{value:.3g}"
    mantissa, exponent = f"{value:.2e}".split("e")
    return f"{mantissa.rstrip('0').rstrip('.')}e{int(exponent)}"


def edge_mark(edge: object) -> str:
    """Return what stands behind a learning rate: at which edge of its range it lies; empty inside."""
    return _EDGE_MARKS.get(str(edge), "")


def setting(value: float | None) -> str:
    """Return a value of a recipe field: whole numbers in full, others as rates."""
    if is_present(value) and float(value).is_integer() and abs(value) < 1e6:
        return f"{value:.0f}"
    return rate(value)


def count(value: float | None) -> str:
    """Return a count or amount with thousands separated: whole where it is whole or large."""
    if not is_present(value):
        return ABSENT
    is_whole = value == int(value) or abs(value) >= 100
    return f"{value:,.0f}" if is_whole else f"{value:.3g}"


def span(values: Iterable[Any], form: Callable[[Any], str] = str) -> str:
    """Return the smallest and the largest of some numbers, as `5 to 10`, or as `5` where they are equal."""
    known = list(values)
    return " to ".join(dict.fromkeys([form(min(known)), form(max(known))]))


def with_lost(n: int, diverged: int, failed: int) -> str:
    """Return how many runs have a value, and how many have none, such as `4 (1 diverged)`."""
    lost = [f"{count} {status}" for count, status in ((diverged, "diverged"), (failed, "failed")) if count]
    return f"{n} ({', '.join(lost)})" if lost else str(n)


def p_value(p: float | None) -> str:
    """Return a p-value with two significant digits, or that it is below .0001."""
    if not is_present(p):
        return ABSENT
    return "< 0.0001" if p < 1e-4 else f"{p:.2g}"


def is_present(value: float | None) -> TypeGuard[float]:
    """Return whether a cell holds a number; frames mark absent ones as NaN, objects as None."""
    return value is not None and not math.isnan(value)
