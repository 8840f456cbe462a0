"""The two documents: the one-file HTML report and its Markdown twin, rendered by templates.

The templates hold no numbers and no judgements.
"""

from dataclasses import dataclass
from typing import Any, get_args

from analysis.blocks import Section
from analysis.blocks.registry import BLOCKS
from analysis.facts import Facts
from analysis.page import sections, templating
from analysis.render.figure import RenderedFigure
from analysis.render.table import RenderedTable


@dataclass(frozen=True, kw_only=True)
class Content:
    """What both documents are rendered from."""

    facts: Facts
    tables: dict[str, RenderedTable]
    figures: dict[str, RenderedFigure]


def render_html(content: Content) -> str:
    """Return the one-file HTML report: figures and style inside, no address outside."""
    drawings = {name: figure.inline_svg() for name, figure in content.figures.items() if figure.svg}
    return templating.render("index.html", _context(content) | {"drawings": drawings})


def render_markdown(content: Content) -> str:
    """Return the report for readers of plain files and GitHub; figures are links to their files."""
    return templating.render("report.md", _context(content))


def _context(content: Content) -> dict[str, Any]:
    records = content.facts.records
    return {
        "manifest": records.manifest,
        "tables": content.tables,
        "figures": content.figures,
        "blocks": _names_by_section(content),
        "progress": sections.progress(records),
        "rulings": sections.rulings(records),
        "unconfirmed": sections.unconfirmed(records),
        "warnings": sections.warnings(records),
        "limits": sections.limits(records),
        "arms": sections.arms(records),
        "protocol": sections.protocol(records),
        "origin": sections.origin(records),
    }


def _names_by_section(content: Content) -> dict[Section, list[str]]:
    """Return what stands in each section of the report, in the order of reading."""
    shown = content.tables.keys() | content.figures.keys()
    return {
        section: [block.name for block in BLOCKS if block.section == section and block.name in shown]
        for section in get_args(Section)
    }
