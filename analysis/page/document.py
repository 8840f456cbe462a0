"""The documents of a study's report: one-file HTML and Markdown, rendered by templates.

The templates hold no numbers and no judgements. Text of a study file is untrusted: HTML escapes it by Jinja's
autoescape, Markdown by `escape_markdown`.
"""

import os
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, get_args
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from analysis.blocks import Section
from analysis.blocks.registry import BLOCKS, PLOTS, TABLES
from analysis.claims.verdict import count_rulings
from analysis.facts import Facts
from analysis.page import arms, by_dataset, captions, cards, caveats, progress, provenance, runs
from analysis.render import numbers
from analysis.render.figure import RenderedFigure
from analysis.render.svg import as_css
from analysis.render.table import RenderedTable, escape_markdown


@dataclass(frozen=True, kw_only=True)
class Content:
    """What both documents are rendered from."""

    facts: Facts
    tables: dict[str, RenderedTable]
    figures: dict[str, RenderedFigure]


def render_tables(facts: Facts) -> dict[str, RenderedTable]:
    """Return by name every table that is for this study."""
    tables = {name: by_dataset.table_of(name, table, facts) for name, table in TABLES.items()}
    return {name: table for name, table in tables.items() if table is not None}


def render_figures(facts: Facts) -> dict[str, RenderedFigure]:
    """Return by name every figure that is for this study; one without data has a caption and no drawing."""
    figures = (own for name, plot in PLOTS.items() for own in by_dataset.figures_of(name, plot, facts))
    return {figure.name: figure for figure in figures}


def render_html(content: Content) -> str:
    """Return the one-file HTML report: figures and style inside, no address outside."""
    facts = content.facts
    styles: dict[str, str] = {}
    table = runs.tabulate(facts)
    drawings = {
        name: figure.inline_svg(styles, table.numbers)
        for name, figure in content.figures.items()
        if figure.svg
    }
    texts = {
        f"{kind}-{own.name}": own.caption
        for kind, parts in (("table", content.tables), ("figure", content.figures))
        for own in parts.values()
    }
    told = captions.shared(texts.values())
    of_page = {
        "drawings": drawings,
        "drawing_css": as_css(styles),
        "cards": cards.cards(facts),
        "runs": table,
        "captions": {place: captions.folded(text, told) for place, text in texts.items()},
        "method": told,
        "most_cards": _MOST_CARDS,
        "opened": _opened(content),
    }
    return render("index.html", _context(content) | of_page)


def _opened(content: Content) -> set[str]:
    """Return the figures and tables that stand open before they are asked for."""
    names: set[str] = set()
    for block in BLOCKS:
        own = by_dataset.names_of(block.name, content.facts) if block.is_open else []
        names.update(name for name in own if block.plot is None or name in content.figures)
    return names


_MOST_CARDS = 8
"""Claims whose cards stand open; those of more are folded, undecided or not."""


def render_markdown(content: Content) -> str:
    """Return the report for readers of plain files and GitHub; figures are links to their files."""
    return render("report.md", _context(content))


def _context(content: Content) -> dict[str, Any]:
    facts = content.facts
    return {
        "declaration": facts.records.declaration,
        "manifest": facts.records.manifest,
        "tables": content.tables,
        "figures": content.figures,
        "blocks": _names_by_section(content),
        "progress": progress.progress(facts.records),
        "rulings": count_rulings(facts.verdicts),
        "unconfirmed": progress.unconfirmed(facts.records),
        "warnings": caveats.warnings(facts),
        "limits": caveats.limits(facts),
        "answers": arms.answers(facts),
        "arms": arms.declared(facts.records),
        "common": _lines(arms.common_settings(facts.records)),
        "protocol": provenance.protocol(facts.records),
        "origin": provenance.origin(facts.records),
    }


def _lines(settings: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return settings with their values, one line each."""
    return [(name, numbers.value_in_words(value)) for name, value in settings.items()]


def _names_by_section(content: Content) -> dict[Section, list[str]]:
    """Return what stands in each section of the report, in the order of reading."""
    present = content.tables.keys() | content.figures.keys()
    names = {block: by_dataset.names_of(block.name, content.facts) for block in BLOCKS}
    return {
        section: [
            name
            for block, own in names.items()
            if block.section == section
            for name in own
            if name in present
        ]
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
    environment.filters["link"] = lambda path: quote(os.fsencode(path))  # its bytes, which need not be text
    environment.filters["shell"] = shlex.join
    environment.filters["slug"] = lambda text: re.sub(r"[^a-z]+", "-", str(text).lower())
    return environment


def _in_code_block(text: str) -> str:
    """Return one line that cannot end the code block of a Markdown document."""
    return text.replace("```", "").replace("\n", " ")
