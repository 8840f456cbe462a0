"""The order of keys where it means something, kept beside JSON whose keys are sorted."""

from collections.abc import Iterator, Mapping
from typing import Any

from harness.study.domains import OneOf


def order_of(place: str, mapping: Mapping[str, Any]) -> Iterator[tuple[str, list[str]]]:
    """Yield a mapping's place, as a JSON pointer (RFC 6901), and its keys, where they are not sorted."""
    if list(mapping) != sorted(mapping):
        yield place, list(mapping)


def escaped(key: str) -> str:
    """Return a key as a part of a JSON pointer."""
    return key.replace("~", "~0").replace("/", "~1")


def order_of_space(place: str, space: Mapping[str, Any]) -> Iterator[tuple[str, list[str]]]:
    """Yield the order of a space's fields and branches, in which samplers draw."""
    yield from order_of(place, space)
    for field, domain in space.items():
        if isinstance(domain, OneOf):
            branches = f"{place}/{escaped(field)}/one_of"
            yield from order_of(branches, domain.branches)
            for value, branch in domain.branches.items():
                yield from order_of_space(f"{branches}/{escaped(value)}", branch)


def reorder(document: dict[str, Any], pointer: str, keys: list[str]) -> None:
    """Put one mapping's keys into an order, in place.

    Raises:
        ValueError: There is no such mapping, or it has other keys.
    """
    inner: Any = document
    for key in pointer.split("/")[1:]:
        inner = inner.get(key.replace("~1", "/").replace("~0", "~")) if isinstance(inner, dict) else None
    if not isinstance(inner, dict) or sorted(inner) != sorted(keys):
        raise ValueError(f"order names {pointer} and its keys otherwise than they are there")
    ordered = {key: inner[key] for key in keys}
    inner.clear()
    inner.update(ordered)
