"""Values in the words of a study file."""

import json
import re
from collections.abc import Mapping
from typing import Any

_PLAIN = re.compile(r"[A-Za-z][\w./:-]*")
"""Text that YAML takes for text without quotes, unless it is one of its own words."""

_OWN_WORDS = {"null", "true", "false", "yes", "no", "on", "off", "y", "n"}


def as_written(value: Any) -> str:
    """Return a value of a parsed study file as a study file has it, on one line.

    Args:
        value: Null, a number, text, true or false, or a mapping or list of these.
    """
    match value:
        case Mapping():
            return f"{{{', '.join(f'{name}: {as_written(own)}' for name, own in value.items())}}}"
        case list() | tuple():
            return f"[{', '.join(map(as_written, value))}]"
        case str() if _PLAIN.fullmatch(value) and value.lower() not in _OWN_WORDS and not value.endswith(":"):
            return value
        case float():
            return f"{value!r}"
        case _:
            return json.dumps(value, ensure_ascii=False)
