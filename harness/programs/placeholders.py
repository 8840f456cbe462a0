"""A command with `{names}` in it, and the words that are started for one configuration."""

import json
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

GIVEN = ("seed", "epochs", "phase", "run_dir")
"""Placeholders that every run has, besides the parameters of its arm."""

NAME = r"[a-z_]\w*"
"""Of a parameter: what a placeholder can say."""

_PLACEHOLDER = re.compile(rf"\{{({NAME})\}}", re.ASCII)


def placeholders(command: Iterable[str]) -> list[str]:
    """Return the names that stand in braces, each once, in the command's order."""
    return list(dict.fromkeys(name for word in command for name in _PLACEHOLDER.findall(word)))


def words_of(command: Sequence[str], values: Mapping[str, Any]) -> list[str]:
    """Return the words to start, every placeholder replaced in one pass: what a value holds stays as it is.

    Args:
        command: Words with placeholders; a first word `python` means the interpreter that runs the harness.
        values: Name to value: text as it is, everything else as JSON writes it.
    """
    words = [_PLACEHOLDER.sub(lambda match: as_word(values[match[1]]), word) for word in command]
    return [sys.executable, *words[1:]] if words[0] == "python" else words


def as_word(value: Any) -> str:
    """Return a value as a command line has it."""
    return value if isinstance(value, str) else json.dumps(value)
