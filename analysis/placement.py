"""Where in the report a table or figure stands."""

from collections.abc import Iterable, Mapping
from typing import Literal, Protocol

Section = Literal["glance", "results", "trust", "reproduce"]
"""At a glance; results; can we trust it?; reproduce."""


class Placed(Protocol):
    """A table or a figure."""

    @property
    def section(self) -> Section:
        """The part of the report it belongs to."""


def in_order(tables: Mapping[str, Placed], figures: Mapping[str, Placed]) -> dict[Section, list[str]]:
    """Return by section the names of what stands there, each once, in the order of reading.

    Tables come in their order, then figures that have no table of the same name. A table and a figure with
    the same name are one block: the figure, then its numbers.
    """
    sections: dict[Section, list[str]] = {"glance": [], "results": [], "trust": [], "reproduce": []}
    for name, placed in _each_once(tables, figures):
        sections[placed.section].append(name)
    return sections


def _each_once(*mappings: Mapping[str, Placed]) -> Iterable[tuple[str, Placed]]:
    seen: dict[str, Placed] = {}
    for mapping in mappings:
        for name, placed in mapping.items():
            seen.setdefault(name, placed)
    return seen.items()
