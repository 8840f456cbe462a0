"""Pieces of Markdown that several pages are made of."""

from collections.abc import Sequence


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table of cells that are Markdown."""
    cells = [head, [":---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(row)} |" for row in cells)
