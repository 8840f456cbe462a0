"""Recipe values, domains and spaces as short text, the same in every table."""

import json
import math
from collections.abc import Iterable, Mapping
from typing import Any

from analysis.render import numbers
from harness.study.domains import Domain, OneOf, Range


def value_in_words(value: Any) -> str:
    """Return a recipe value, such as `0.01`, `fcn (hidden [300, 200])` or `normal (std 0.01)`.

    Args:
        value: As the manifest holds it, or a cell of a `config.` column, which holds structures as JSON.
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
    return numbers.setting(float(value)) if isinstance(value, int | float) else str(value)


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
    """Return a structure by its name, with its settings in brackets."""
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
