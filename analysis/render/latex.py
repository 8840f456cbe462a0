r"""Tables for papers: LaTeX that compiles with every engine, whatever the text of a study holds.

The text is plain ASCII. It needs the packages array, booktabs and graphicx, and longtable for tables of more
than a page. A table is as wide as it must be, up to `\linewidth`; beyond that it is scaled down to it.
"""

import re
import textwrap
from collections.abc import Sequence
from typing import TypeAlias

import pandas as pd

from analysis.render import numbers
from analysis.render.latex_text import escape_latex

Text: TypeAlias = "pd.Series[str]"
"""The cells of one column, under its name."""

_NUMBER = re.compile(r"(n = )?([<+-]\s?)?\d[\d.,]*(e[+-]?\d+)?%?")
_LONG_TEXT = 30
"""Letters from which on a column of text is broken into lines."""
_LINE = 90
"""Letters that fit a line of a one-column paper."""
_COLUMN = 55
"""Letters that fit a column of a two-column paper; wider tables span both."""
_LONG_TABLE = 45
"""Rows that fit a page."""


def latex_table(name: str, title: str, caption: str, cells: pd.DataFrame) -> str:
    """Return a table as a float, or as pages where it has more rows than a page.

    Args:
        name: Of its files; makes the label `tab:<name>`.
        title: For a list of tables.
        caption: Stands above the table.
        cells: Text as readers see it, under readable column names.
    """
    if cells.columns.empty:
        cells = pd.DataFrame({title: []})
    above = rf"\caption[{escape_latex(title)}]{{{escape_latex(caption)}}}\label{{tab:{name}}}"
    texts = [column.astype("str") for _, column in cells.items()]
    head = _row([_head(column) for column in texts])
    rows = [_row([escape_latex(cell) for cell in row]) for row in cells.itertuples(index=False)]
    if any(_is_long(column) for column in texts):
        rows[1:] = [r"\addlinespace" + "\n" + row for row in rows[1:]]
    if len(rows) > _LONG_TABLE:
        return "\n".join(_pages(above, _columns(texts), head, rows)) + "\n"
    is_wide = sum(_width(column) + 2 for column in texts) > _COLUMN
    kind = "table*" if is_wide else "table"
    return "\n".join(_float(kind, above, _columns(texts), head, rows)) + "\n"


def _float(kind: str, above: str, columns: str, head: str, rows: list[str]) -> list[str]:
    """Return the lines of a table that LaTeX puts where there is room."""
    return [
        r"% needs \usepackage{array,booktabs,graphicx}",
        rf"\begin{{{kind}}}",
        r"\centering",
        above,
        r"\vspace{1ex}",
        r"\small",
        r"\setlength{\tabcolsep}{4pt}",
        r"\resizebox{\ifdim\width>\linewidth\linewidth\else\width\fi}{!}{%",
        rf"\begin{{tabular}}{{{columns}}}",
        *[r"\toprule", head, r"\midrule", *rows, r"\bottomrule"],
        r"\end{tabular}%",
        r"}",
        rf"\end{{{kind}}}",
    ]


def _pages(above: str, columns: str, head: str, rows: list[str]) -> list[str]:
    """Return the lines of a table that goes over pages, its head on each."""
    return [
        r"% needs \usepackage{array,booktabs,longtable}",
        r"\begingroup",
        r"\scriptsize",
        r"\setlength{\tabcolsep}{3pt}",
        rf"\begin{{longtable}}{{{columns}}}",
        above + r"\\",
        *[r"\toprule", head, r"\midrule", r"\endfirsthead"],
        *[r"\toprule", head, r"\midrule", r"\endhead"],
        *[r"\bottomrule", r"\endfoot"],
        *rows,
        r"\end{longtable}",
        r"\endgroup",
    ]


def _row(cells: list[str]) -> str:
    return " & ".join(cells) + r" \\"


def _columns(texts: Sequence[Text]) -> str:
    """Return the kinds of the columns: numbers to the right, text to the left, long text in lines."""
    others = sum(_width(column) + 2 for column in texts if not _is_long(column))
    room = min(0.9, max(0.65, 1 - others / _LINE))
    weight = sum(_weight(column) for column in texts if _is_long(column))
    kinds = []
    for column in texts:
        if _is_long(column):
            share = room * _weight(column) / weight
            kinds.append(rf">{{\raggedright\arraybackslash}}p{{{share:.2f}\linewidth}}")
        else:
            kinds.append("r" if _is_numeric(column) else "l")
    return "@{}" + "".join(kinds) + "@{}"


def _weight(column: Text) -> float:
    """Return how much of the room a column of long text gets: more for longer text, but not in proportion."""
    return float(_width(column) ** 0.7)


def _width(column: Text) -> int:
    """Return the letters of a column's longest cell, or of the longest word of its name."""
    return max(len(text) for text in [*column, *str(column.name).split(), ""])


def _is_long(column: Text) -> bool:
    return not _is_numeric(column) and _width(column) > _LONG_TEXT


def _is_numeric(column: Text) -> bool:
    """Return whether the cells of a column that hold anything begin with numbers, and are short."""
    known = [cell for cell in column if cell not in {"", numbers.ABSENT}]
    return bool(known) and all(_NUMBER.match(cell) and len(cell) <= _LONG_TEXT for cell in known)


def _head(column: Text) -> str:
    """Return a column's name, broken into lines where it is longer than its cells."""
    name = str(column.name)
    lines = textwrap.wrap(name, max(10, _width(column)), break_long_words=False)
    if _is_long(column) or len(lines) < 2:
        return escape_latex(name)
    side = "r" if _is_numeric(column) else "l"
    stacked = r"\\".join(escape_latex(line) for line in lines)
    return rf"\begin{{tabular}}[b]{{@{{}}{side}@{{}}}}{stacked}\end{{tabular}}"
