"""The two documents: the one-file HTML report and its Markdown twin, rendered by templates.

The templates hold no numbers and no judgements. Text of the study file is untrusted: HTML escapes it by
Jinja's autoescape, Markdown by `escape_markdown`.
"""

import re
from dataclasses import dataclass
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from analysis import sections
from analysis.load import StudyRecords
from analysis.placement import in_order
from analysis.plots.registry import PLOTS
from analysis.plots.rendering import RenderedFigure
from analysis.tables.registry import TABLES
from analysis.tables.rendering import RenderedTable, escape_markdown


@dataclass(frozen=True, kw_only=True)
class Content:
    """What both documents are rendered from."""

    records: StudyRecords
    tables: dict[str, RenderedTable]
    figures: dict[str, RenderedFigure]


def render_html(content: Content) -> str:
    """Return the one-file HTML report: figures and style inside, no address outside."""
    drawings = {name: figure.inline_svg() for name, figure in content.figures.items() if figure.svg}
    return _environment().get_template("index.html").render(_context(content), drawings=drawings)


def render_markdown(content: Content) -> str:
    """Return the report for readers of plain files and GitHub; figures are links to their files."""
    text = _environment().get_template("report.md").render(_context(content))
    return re.sub(r"\n{3,}", "\n\n", text)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("analysis", "templates"),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["md"] = escape_markdown
    environment.filters["slug"] = lambda text: re.sub(r"[^a-z]+", "-", str(text).lower())
    return environment


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
        "failures": sections.failures(records),
        "limits": sections.limits(records),
        "arms": sections.arms(records),
        "protocol": sections.protocol(records),
        "origin": sections.origin(records),
    }
