"""Tables as csv, Markdown and LaTeX; the HTML report renders the same laid-out frame in its template."""

import re
from dataclasses import dataclass

import pandas as pd

from analysis import numbers as number_text
from analysis.load import StudyRecords
from analysis.output import write_file
from analysis.tables.registry import TABLES

_TEX = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "±": r"$\pm$",
    number_text.TIMES: r"$\times$",
    "↓": r"$\downarrow$",
    "↑": r"$\uparrow$",
    number_text.ABSENT: "--",
}


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
        return self.numbers.to_csv(index=False, lineterminator="\n")

    def markdown(self) -> str:
        """Return the cells as a GitHub table, then the caption."""
        lines = [_markdown_row(self.cells.columns), _markdown_row(["---"] * len(self.cells.columns))]
        lines += [
            _markdown_row([escape_markdown(c) for c in row]) for row in self.cells.itertuples(index=False)
        ]
        body = "\n".join(lines) if len(self.cells) else "*(no rows)*"
        return f"{body}\n\n{escape_markdown(self.caption)}\n"

    def latex(self) -> str:
        """Return the cells as a table for LaTeX documents that use the package booktabs."""
        columns = "l" * len(self.cells.columns)
        rows = [list(self.cells.columns), *self.cells.itertuples(index=False)]
        head, *body = (" & ".join(escape_latex(cell) for cell in row) + r" \\" for row in rows)
        lines = [
            r"\begin{table}",
            r"\centering",
            rf"\caption{{{escape_latex(self.caption)}}}",
            rf"\label{{tab:{self.name}}}",
            rf"\begin{{tabular}}{{{columns}}}",
            r"\toprule",
            head,
            r"\midrule",
            *body,
            r"\bottomrule",
            r"\end{tabular}",
            r"\end{table}",
        ]
        return "\n".join(lines) + "\n"


def render_tables(records: StudyRecords) -> dict[str, RenderedTable]:
    """Return by name every table that is for this study."""
    rendered = {}
    for name, table in TABLES.items():
        if not table.is_for(records):
            continue
        frame = table.compute(records)
        rendered[name] = RenderedTable(
            name=name,
            title=table.title,
            caption=table.caption(records, frame),
            numbers=frame,
            cells=table.lay_out(frame),
        )
    return rendered


def write_tables(records: StudyRecords, tables: dict[str, RenderedTable]) -> None:
    """Write each table below `report/tables/` as csv, md and tex."""
    folder = records.folder.report / "tables"
    for name, table in tables.items():
        write_file(folder / f"{name}.csv", table.csv())
        write_file(folder / f"{name}.md", table.markdown())
        write_file(folder / f"{name}.tex", table.latex())


def escape_markdown(text: object) -> str:
    """Return text of a study so that Markdown shows it as it is, on one line."""
    return re.sub(r"([\\`*_{}\[\]<>#|])", r"\\\1", " ".join(str(text).split()))


def escape_latex(text: object) -> str:
    """Return text of a study so that LaTeX shows it as it is."""
    return "".join(_TEX.get(character, character) for character in str(text))


def _markdown_row(cells: "pd.Index[str] | list[str]") -> str:
    return "| " + " | ".join(cells) + " |"
