"""Settings that claims name: whether their arms vary them, and have the values that are named."""

import math
from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Any

from harness.errors import nearest
from harness.recipe.configuration import Configuration
from harness.recipe.imported import value_at
from harness.study.claim_kinds import Diverges, Monotone, Optimum, Spec, Trend
from harness.study.domains import Range, extremes
from harness.study.reading.source import Path, Source
from harness.study.starts import member
from harness.study.study import Arm
from harness.study.written import as_written


def check_settings(path: Path, spec: Spec, arms: Sequence[Arm], source: Source) -> None:
    """Note a claim over a field that its arms do not vary, or about a value that none of them can have.

    Args:
        path: Of the claim's kind.
        spec: What is claimed, of arms and fields that exist.
        arms: The study's arms.
        source: The study file.
    """
    names = getattr(spec, "arms", None) or [getattr(spec, "arm", None)]
    own = [arm for arm in arms if arm.name in names or arm.entry in names]
    match spec:
        case Optimum():
            if _check_varied((*path, "field"), spec.field, own, source):
                _check_place(path, spec, own, source)
        case Trend() | Monotone():
            _check_varied((*path, "over"), spec.over, own, source)
        case Diverges():
            for field, value in (spec.at or {}).items():
                _check_value((*path, "at", field), field, value, own, source)


def _check_varied(path: Path, field: str, arms: Sequence[Arm], source: Source) -> bool:
    """Return whether arms have several values of a field; note it where they have one."""
    if _is_varied(field, arms):
        return True
    fields = dict.fromkeys(name for arm in arms for world, _ in arm.worlds() for name in world)
    varied = [name for name in fields if _is_varied(name, arms)]
    hint = nearest(field, varied) if varied else "Remedy: a grid of its values, or for_each"
    source.report(path, f"{_names(arms)} the same {field} in every run. {hint}")
    return False


def _names(arms: Sequence[Arm]) -> str:
    """Return arms as the beginning of a sentence about what they have."""
    if len(arms) == 1:
        return f"arm {arms[0].name} has"
    return f"arms {', '.join(arm.name for arm in arms)} have"


def _is_varied(field: str, arms: Sequence[Arm]) -> bool:
    first, *others = _values(field, arms)
    return any(not _is_same(first, other) for other in others)


def _check_place(path: Path, spec: Optimum, arms: Sequence[Arm], source: Source) -> None:
    """Note that no value of a field is the one that a claim of an optimum names, or lies between its two."""
    if spec.at is not None:
        _check_value((*path, "at"), spec.field, spec.at, arms, source)
    elif spec.between is not None:
        low, high = spec.between
        if not any(_reaches_into(own, low, high) for own in _given(spec.field, arms)):
            named = f"between {as_written(low)} and {as_written(high)}"
            source.report((*path, "between"), _none_has(spec.field, named, arms))


def _check_value(path: Path, field: str, value: Any, arms: Sequence[Arm], source: Source) -> None:
    """Note that no run of arms has a value; nothing where a field's values are not known, or structures."""
    is_known = all(isinstance(own, str | int | float) for own in _values(field, arms))
    if is_known and not any(_has(own, value) for own in _given(field, arms)):
        source.report(path, _none_has(field, as_written(value), arms))


def _has(own: Any, value: Any) -> bool:
    """Return whether a value is, or a domain has, the one that a claim names; its numbers are fractions."""
    if isinstance(own, Range):
        is_whole = own.is_integer and isinstance(value, float) and value.is_integer()
        return member(own, int(value) if is_whole else value) is not None
    return any(_is_same(listed, value) for listed in extremes(own))


def _none_has(field: str, named: str, arms: Sequence[Arm]) -> str:
    """Return that arms do not have the value that is named, and which they have."""
    values = [
        as_written(value)
        for own in _given(field, arms)
        for value in ([own.as_written] if isinstance(own, Range) else extremes(own))
    ]
    return f"{_names(arms)} no {field} {named}. Valid: {', '.join(dict.fromkeys(values))}"


def _reaches_into(own: Any, low: float, high: float) -> bool:
    """Return whether a value, or one of a domain, lies between two numbers; so of what is no number here."""
    if isinstance(own, Range):
        return bool(_first_from(own, low) <= min(high, own.high))
    numbers = [value for value in extremes(own) if isinstance(value, int | float)]
    return not numbers or any(low <= value <= high for value in numbers)


def _first_from(own: Range, low: float) -> float:
    """Return the first value of a range at or above a number, as if it had no end."""
    step = own.step or (1 if own.is_integer else None)
    if step is None or low <= own.low:
        return float(max(low, own.low))
    start, width = Fraction(str(own.low)), Fraction(str(step))
    return float(start + math.ceil((Fraction(str(low)) - start) / width) * width)


def _is_same(one: Any, other: Any) -> bool:
    if isinstance(one, str | bool) or isinstance(other, str | bool):
        return type(one) is type(other) and one == other
    if isinstance(one, int | float) and isinstance(other, int | float):
        return math.isclose(one, other, rel_tol=1e-9)
    return bool(one == other)


def _values(field: str, arms: Sequence[Arm]) -> list[Any]:
    """Return the values that a field has in arms, of ranges the bounds."""
    return [value for own in _given(field, arms) for value in extremes(own)]


def _given(field: str, arms: Sequence[Arm]) -> Iterator[Any]:
    """Yield what a field is in arms, a value or a domain; None for a default that other choices fill in."""
    for arm in arms:
        info = None if arm.is_program else Configuration.model_fields.get(field)
        default = None if info is None or info.is_required() else info.default
        for world, _ in arm.worlds():
            own = world[field] if field in world else value_at(world, field)
            yield default if own is None else own
