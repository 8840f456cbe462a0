"""Tables as csv, Markdown and LaTeX; the HTML report renders the same laid-out frame in its template."""

import re
from dataclasses import dataclass

import pandas as pd

from analysis.render.latex import latex_table
from analysis.render.numbers import csv_text


@dataclass(frozen=True, kw_only=True)
class RenderedTable:
    """One table of one study, ready for every format."""

    name: str
    title: str
    caption: str
    numbers: pd.DataFrame
    """Tidy, in the units of the files on disk."""
    cells: pd.DataFrame
    """Text as readers see it, under readable column names."""

    def csv(self) -> str:
        """Return the numbers as CSV with full precision; absent values are empty."""
        return csv_text(self.numbers)

    def markdown(self) -> str:
        """Return the cells as a GitHub table, then the caption."""
        lines = [
            _markdown_row([escape_markdown(c) for c in self.cells.columns]),
            _markdown_row(["---"] * len(self.cells.columns)),
        ]
        lines += [
            _markdown_row([escape_markdown(c) for c in row]) for row in self.cells.itertuples(index=False)
        ]
        body = "\n".join(lines) if len(self.cells) else "*(no rows)*"
        return f"{body}\n\n{escape_markdown(self.caption)}\n"

    def _repr_html_(self) -> str:
        """Return the cells as a notebook shows them."""
        return self.cells.to_html(index=False, border=0)

    def latex(self) -> str:
        """Return the cells as a table for LaTeX documents."""
        return latex_table(self.name, self.title, self.caption, self.cells)


def escape_markdown(text: object) -> str:
    """Return text of a study so that Markdown shows it as it is, on one line."""
    return re.sub(r"([\\`*_{}\[\]<>#|$])", r"\\\1", " ".join(str(text).split()))


def _markdown_row(cells: "pd.Index[str] | list[str]") -> str:
    return "| " + " | ".join(cells) + " |"
