"""The templates of what is written, and how values stand in them."""

import json
from collections.abc import Mapping
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined


def literal(value: Any) -> str:
    """Return a value as Python writes it, text in double quotes."""
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{literal(name)}: {literal(own)}' for name, own in value.items())}}}"
    return json.dumps(value) if isinstance(value, str) else repr(value)


def _inline(text: str) -> str:
    """Return a name as it can stand in a docstring."""
    return text.replace("\\", "/").replace('"', "'")


def _cell(text: Any) -> str:
    """Return a text as it can stand in a cell of a table in Markdown."""
    return str(text).replace("\\", "\\\\").replace("|", "\\|").replace("\n", " ")


TEXTS = Environment(
    loader=PackageLoader("harness.winning"),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
    autoescape=False,  # noqa: S701 - what is written is Python and Markdown
)
TEXTS.filters |= {"literal": literal, "inline": _inline, "cell": _cell}
