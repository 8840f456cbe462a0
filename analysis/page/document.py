"""The parts of a study's report, and the documents: one-file HTML and Markdown, rendered by templates.

The templates hold no numbers and no judgements. Text of a study file is untrusted: HTML escapes it by Jinja's
autoescape, Markdown by `escape_markdown`.
"""

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, get_args

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from analysis.blocks import Section
from analysis.blocks.registry import BLOCKS, PLOTS, TABLES
from analysis.facts import Facts
from analysis.page import sections
from analysis.render.figure import RenderedFigure
from analysis.render.style import arm_styles
from analysis.render.table import RenderedTable, escape_markdown


@dataclass(frozen=True, kw_only=True)
class Content:
    """What both documents are rendered from."""

    facts: Facts
    tables: dict[str, RenderedTable]
    figures: dict[str, RenderedFigure]


def render_tables(facts: Facts) -> dict[str, RenderedTable]:
    """Return by name every table that is for this study."""
    return {name: table.rendered(name, facts) for name, table in TABLES.items() if table.is_for(facts)}


def render_figures(facts: Facts) -> dict[str, RenderedFigure]:
    """Return by name every figure that is for this study; one without data has a caption and no drawing."""
    styles = arm_styles(facts.records.arms)
    return {name: plot.rendered(name, facts, styles) for name, plot in PLOTS.items() if plot.is_for(facts)}


def render_html(content: Content) -> str:
    """Return the one-file HTML report: figures and style inside, no address outside."""
    drawings = {name: figure.inline_svg() for name, figure in content.figures.items() if figure.svg}
    return render("index.html", _context(content) | {"drawings": drawings})


def render_markdown(content: Content) -> str:
    """Return the report for readers of plain files and GitHub; figures are links to their files."""
    return render("report.md", _context(content))


def _context(content: Content) -> dict[str, Any]:
    facts = content.facts
    return {
        "manifest": facts.records.manifest,
        "tables": content.tables,
        "figures": content.figures,
        "blocks": _names_by_section(content),
        "progress": sections.progress(facts.records),
        "rulings": sections.count_rulings(verdict.ruling for verdict in facts.verdicts),
        "unconfirmed": sections.unconfirmed(facts.records),
        "warnings": sections.warnings(facts),
        "limits": sections.limits(facts.records),
        "arms": sections.arms(facts.records),
        "protocol": sections.protocol(facts.records),
        "origin": sections.origin(facts.records),
    }


def _names_by_section(content: Content) -> dict[Section, list[str]]:
    """Return what stands in each section of the report, in the order of reading."""
    present = content.tables.keys() | content.figures.keys()
    return {
        section: [block.name for block in BLOCKS if block.section == section and block.name in present]
        for section in get_args(Section)
    }


def render(template: str, context: Mapping[str, Any]) -> str:
    """Return a document.

    Args:
        template: A file of `analysis/page/templates/`; its suffix says how text is escaped.
        context: What the template names.
    """
    text = _environment().get_template(template).render(context)
    return re.sub(r"\n{3,}", "\n\n", text) if template.endswith(".md") else text


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("analysis.page", "templates"),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["md"] = escape_markdown
    environment.filters["code_md"] = _in_code_block
    environment.filters["shell"] = shlex.join
    environment.filters["slug"] = lambda text: re.sub(r"[^a-z]+", "-", str(text).lower())
    return environment


def _in_code_block(text: str) -> str:
    """Return one line that cannot end the code block of a Markdown document."""
    return text.replace("```", "").replace("\n", " ")
