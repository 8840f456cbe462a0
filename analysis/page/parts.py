"""The tables and figures of a study's report, rendered and written."""

from collections.abc import Iterable
from pathlib import Path

from analysis.blocks.registry import PLOTS, TABLES
from analysis.facts import Facts
from analysis.output import write_file
from analysis.render.figure import RenderedFigure
from analysis.render.style import arm_styles
from analysis.render.table import RenderedTable


def render_tables(facts: Facts) -> dict[str, RenderedTable]:
    """Return by name every table that is for this study."""
    return {name: table.rendered(name, facts) for name, table in TABLES.items() if table.is_for(facts)}


def render_figures(facts: Facts) -> dict[str, RenderedFigure]:
    """Return by name every figure that is for this study; one without data has a caption and no drawing."""
    styles = arm_styles(facts.records.arms)
    return {name: plot.rendered(name, facts, styles) for name, plot in PLOTS.items() if plot.is_for(facts)}


def write_tables(folder: Path, tables: Iterable[RenderedTable]) -> None:
    """Write each table into a folder as csv, md and tex."""
    for table in tables:
        write_file(folder / f"{table.name}.csv", table.csv())
        write_file(folder / f"{table.name}.md", table.markdown())
        write_file(folder / f"{table.name}.tex", table.latex())


def write_figures(folder: Path, figures: Iterable[RenderedFigure]) -> None:
    """Write each figure that has a drawing into a folder as svg, pdf and png with its CSV twin."""
    for figure in figures:
        if figure.svg is None or figure.png is None or figure.pdf is None:
            continue
        write_file(folder / f"{figure.name}.svg", figure.svg)
        write_file(folder / f"{figure.name}.pdf", figure.pdf)
        write_file(folder / f"{figure.name}.png", figure.png)
        write_file(folder / f"{figure.name}.csv", figure.csv)
