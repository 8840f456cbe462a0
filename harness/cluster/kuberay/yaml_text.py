"""Objects as the YAML that Kubernetes reads.

That is YAML 1.1, where a plain `no` is false and `1e3` a number: every text that is not plainly a word is
quoted, and text of several lines is a block only where a block keeps it byte for byte.
"""

import io
import re
from collections.abc import Iterable, Mapping
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.scalarstring import DoubleQuotedScalarString, LiteralScalarString

_WORD = re.compile(r"[A-Za-z][A-Za-z0-9./_-]*")
_READ_OTHERWISE = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})
_BLOCK = re.compile(r"[!-~]([ -~]*\n)+")
"""Printable ASCII, beginning without space and ending with a newline: as plain as the studies we ship."""


def to_yaml(documents: Iterable[Mapping[str, Any]]) -> str:
    """Return documents as one YAML text, separated by `---`."""
    yaml = YAML()
    yaml.width = 2**20  # no text is folded
    yaml.indent(mapping=2, sequence=4, offset=2)
    yaml.allow_unicode = False
    text = io.StringIO()
    yaml.dump_all([_quoted(document) for document in documents], text)
    return text.getvalue()


def _quoted(value: Any) -> Any:
    match value:
        case Mapping():
            return {_quoted(key): _quoted(item) for key, item in value.items()}
        case list() | tuple():
            return [_quoted(item) for item in value]
        case str() if _BLOCK.fullmatch(value) and not value.endswith("\n\n"):
            return LiteralScalarString(value)
        case str() if not _WORD.fullmatch(value) or value.lower() in _READ_OTHERWISE:
            return DoubleQuotedScalarString(value)
        case _:
            return value
