"""The two documents: the one-file HTML report and its Markdown twin, rendered by templates.

The templates hold no numbers and no judgements.
"""

from dataclasses import dataclass
from typing import Any

from analysis import sections, templating
from analysis.load import StudyRecords
from analysis.placement import in_order
from analysis.plots.registry import PLOTS
from analysis.plots.rendering import RenderedFigure
from analysis.tables.registry import TABLES
from analysis.tables.rendering import RenderedTable


@dataclass(frozen=True, kw_only=True)
class Content:
    """What both documents are rendered from."""

    records: StudyRecords
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
    records = content.records
    return {
        "manifest": records.manifest,
        "tables": content.tables,
        "figures": content.figures,
        "blocks": in_order(
            {name: TABLES[name] for name in content.tables},
            {name: PLOTS[name] for name in content.figures},
        ),
        "progress": sections.progress(records),
        "rulings": sections.rulings(records),
        "unconfirmed": sections.unconfirmed(records),
        "warnings": sections.warnings(records),
        "limits": sections.limits(records),
        "arms": sections.arms(records),
        "protocol": sections.protocol(records),
        "origin": sections.origin(records),
    }
