"""Tables of plain text, for a screen of any width."""

import textwrap
from collections.abc import Iterator, Sequence

_LEAST_WIDTH = 24
"""Letters that the last column of a table needs at least, where it is broken into lines."""


def fits(heads: Sequence[str], rows: Sequence[Sequence[str]], width: int) -> bool:
    """Return whether a table has room in lines of so many letters, each row in one."""
    return sum(max(map(len, column)) + 2 for column in zip(heads, *rows, strict=True)) - 2 <= width


def table_lines(heads: Sequence[str], rows: Sequence[Sequence[str]], width: int) -> Iterator[str]:
    """Yield a table in which nothing is cut: where it is too wide, a block a row.

    Args:
        heads: Of the columns; the first one names the row.
        rows: As many cells each.
        width: Letters in a line.
    """
    columns = list(zip(heads, *rows, strict=True))
    *widths, longest = (max(map(len, column)) for column in columns)
    indent = sum(widths) + 2 * len(widths)
    if indent + min(longest, _LEAST_WIDTH) <= width:
        for row in (heads, *rows):
            head = "".join(f"{cell:<{own}}  " for cell, own in zip(row, widths, strict=False))
            first, *rest = textwrap.wrap(row[-1], width - indent) or [""]
            yield f"{head}{first}".rstrip()
            yield from (f"{'':<{indent}}{line}" for line in rest)
        return
    for name, *cells in rows:
        yield from textwrap.wrap(name, width) or [""]
        for head, cell in zip(heads[1:], cells, strict=True):
            yield from textwrap.wrap(
                f"{head}: {cell}", width, initial_indent="  ", subsequent_indent="      "
            )
