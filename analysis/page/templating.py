"""The one Jinja environment of every document: studies, overviews, comparisons.

Text of a study file is untrusted: HTML escapes it by Jinja's autoescape, Markdown by `escape_markdown`.
"""

import re
import shlex
from collections.abc import Mapping
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from analysis.render.table import escape_markdown


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
