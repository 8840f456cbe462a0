"""Numbers, recipe values, spaces and whole frames as text: the same in every table, figure and sentence.

What a study's author wrote as text is never taken for a formula by a spreadsheet that opens a CSV.
"""

import json
import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeGuard

import numpy as np
import pandas as pd

from harness.recipe.augmentation import augmentation_in_words
from harness.study.domains import Domain, OneOf, Range

ABSENT = "\N{EN DASH}"
"""Stands for a value that does not exist."""

_EDGE_MARKS = {"lower": " (edge ↓)", "upper": " (edge ↑)"}

TIMES = "\N{MULTIPLICATION SIGN}"


def with_uncertainty(
    mean: float | None,
    half_width: float | None,
    *,
    scale: float = 1,
    decimals: int = 4,
    is_share: bool = False,
) -> str:
    """Return `mean ± half_width`, rounded to two significant digits of the half-width, thousands separated.

    An interval of shares that would pass 0 or 1 ends there, and its two ends are told: `51 (0 to 100)`.

    Args:
        mean: None gives the mark for an absent value.
        half_width: None (a single value) gives the mean alone, with `decimals` digits.
        scale: Multiplies both, 100 for percent.
        decimals: Digits after the point where no half-width says how many are meant.
        is_share: Values are meant to be shares, such as accuracies; a mean outside of [0, 1] is of none.
    """
    if not is_present(mean):
        return ABSENT
    if not is_present(half_width):
        return f"{scale * mean:,.{decimals}f}"
    if half_width <= 1e-12 * abs(mean):  # no spread but rounding
        return f"{scale * mean:,.{decimals}f} ± 0"
    if math.isinf(half_width):
        return f"{scale * mean:.4g} ± {half_width}"
    digits = decimals_of(scale * half_width)
    low, high = mean - half_width, mean + half_width
    if is_share and 0 <= mean <= 1 and (low < 0 or high > 1):
        low, high = scale * max(0.0, low), scale * min(1.0, high)
        return f"{scale * mean:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"
    return f"{scale * mean:,.{digits}f} ± {scale * half_width:,.{digits}f}"


def capitalised(text: str) -> str:
    """Return a text with a capital first letter, the others as they are."""
    return text[:1].upper() + text[1:]


def decimals_of(half_width: float) -> int:
    """Return how many digits after the point show a positive half-width with two significant digits."""
    exponent = int(f"{half_width:.1e}".split("e")[1])  # of the rounded number: 0.0996 counts as 0.10
    return max(0, 1 - exponent)


_ROUNDED = 3
"""Significant digits of a rate or a value that was drawn."""
_EXACT = 12
"""Of a declared value: two that differ never look alike, while 0.1 + 0.2 is 0.3."""


def rate(value: float | None) -> str:
    """Return a learning rate with three significant digits, without trailing zeros."""
    return _significant(value, _ROUNDED) if is_present(value) else ABSENT


def _significant(value: float, digits: int) -> str:
    """Return a number with at most so many significant digits, a small or large one with an exponent."""
    if value == 0 or 1e-3 <= abs(value) < 1e4:
        return f"{value:.{digits}g}"
    mantissa, exponent = f"{value:.{digits - 1}e}".split("e")
    return f"{mantissa.rstrip('0').rstrip('.')}e{int(exponent)}"


def rates(cells: Mapping[Any, Any]) -> str:
    """Return the learning rate of one search, or of several the lowest and highest and how many there are.

    Args:
        cells: As `selection.Choice.rate_cells` has them.
    """
    if not is_present(cells.get("repeats")):
        return rate(cells["learning_rate"])
    return f"{span((cells['lowest_rate'], cells['highest_rate']), rate)} ({cells['repeats']:.0f} repeats)"


def edge_mark(edge: object) -> str:
    """Return what stands behind a learning rate: at which edge of its range it lies; empty inside."""
    return _EDGE_MARKS.get(str(edge), "")


def setting(value: float | None, digits: int = _EXACT) -> str:
    """Return a declared value of a recipe field, with the digits that it has; whole numbers in full."""
    if not is_present(value):
        return ABSENT
    if float(value).is_integer() and abs(value) < 1e6:
        return f"{value:.0f}"
    return _significant(value, digits)


def drawn(value: float | None) -> str:
    """Return a value of a recipe field that a sampler drew: three digits, whole numbers in full."""
    return setting(value, _ROUNDED)


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


def value_in_words(value: Any) -> str:
    """Return a recipe value, such as `0.01`, `fcn (hidden [300, 200])` or `flip + shift 2`.

    Args:
        value: As the declaration holds it, or a cell of a `config.` column, which holds structures as JSON.
    """
    value = parsed(value)
    if value is None:
        return "none"
    if isinstance(value, Mapping):
        return _structure(value)
    if isinstance(value, list):
        return f"[{', '.join(value_in_words(item) for item in value)}]"
    if isinstance(value, bool):
        return str(value).lower()
    return setting(float(value)) if is_number(value) else str(value)


def is_number(value: Any) -> TypeGuard[float]:
    """Return whether a recipe value is a number, which a switch is not."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def parsed(value: Any) -> Any:
    """Return a recipe value from a cell of a `config.` column, which holds structures as JSON."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, str) and value[:1] in {"{", "["}:
        try:
            return json.loads(value)
        except json.JSONDecodeError:
            return value
    return value.item() if hasattr(value, "item") else value


def _structure(value: Mapping[str, Any]) -> str:
    """Return a structure by its name, with its settings in brackets; what is done to images by itself."""
    if (changes := augmentation_in_words(value)) is not None:
        return changes
    if isinstance(value.get("name"), str):
        settings = {key: item for key, item in value.items() if key != "name"}
        return f"{value['name']} ({settings_in_words(settings)})" if settings else str(value["name"])
    if len(value) == 1:
        key, item = next(iter(value.items()))
        return f"{key} ({settings_in_words(item)})" if isinstance(item, Mapping) else settings_in_words(value)
    return f"({settings_in_words(value)})"


def settings_in_words(settings: Mapping[str, Any]) -> str:
    """Return fields with their values, such as `lr 0.01, momentum 0.9`."""
    return ", ".join(f"{field} {value_in_words(value)}" for field, value in settings.items())


def space_in_words(space: Mapping[str, Any]) -> str:
    """Return searched fields with their domains, such as `lr 0.001 to 1, log; momentum 0 to 0.95`."""
    return "; ".join(f"{field} {_domain(domain)}" for field, domain in space.items())


def _domain(domain: Any) -> str:
    match domain:
        case Range():
            ends = f"{value_in_words(domain.low)} to {value_in_words(domain.high)}"
            step = f", step {value_in_words(domain.step)}" if domain.step else ""
            return f"{ends}{', log' if domain.log else ''}{step}"
        case OneOf():
            return "one of " + " or ".join(_branches(domain.branches))
        case Domain():
            return f"one of {', '.join(value_in_words(value) for value in domain.listed)}"
        case _:
            return value_in_words(domain)  # a branch of a `one_of` may fix a field


def _branches(branches: Mapping[str, Mapping[str, Any]]) -> Iterable[str]:
    for value, space in branches.items():
        yield f"{value} ({space_in_words(space)})" if space else str(value)


_STARTS_FORMULA = tuple("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")
"""What a cell begins with that Excel, LibreOffice or Google Sheets may carry out, the wide forms included.

Source: OWASP, CSV Injection.
"""


def csv_text(frame: pd.DataFrame) -> str:
    """Return a frame as CSV with full precision; absent values are empty, numbers are as they are.

    Text that a spreadsheet would carry out has an apostrophe before it, which makes it text there.
    """
    safe = frame.copy(deep=False)
    for position, (_, column) in enumerate(frame.items()):
        if pd.api.types.is_numeric_dtype(column.dtype):
            continue
        cells = column.tolist()
        made_safe = [csv_cell(cell) if isinstance(cell, str) else cell for cell in cells]
        if any(new is not old for new, old in zip(made_safe, cells, strict=True)):
            safe.isetitem(position, np.array(made_safe, dtype="object"))
    return safe.to_csv(index=False, lineterminator="\n")


def csv_cell(cell: str) -> str:
    """Return text with an apostrophe where it needs one, and ends of lines that do not break a row."""
    text = f"'{cell}" if cell.startswith(_STARTS_FORMULA) and not _reads_as_number(cell) else cell
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text


def _reads_as_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
