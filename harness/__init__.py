"""Run training-recipe studies: fair search, fresh-seed confirmation, faithful records."""

import os
import sys
from importlib import import_module
from typing import Any

if sys.argv[:1] == ["-m"]:  # what starts is a command, and no notebook or program of the user's
    # Figures need no backend, and one that matplotlib does not know would keep it from being imported.
    os.environ.pop("MPLBACKEND", None)
    # Of large studies' tables, Arrow's own pool keeps tens of MB that were freed.
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
    if not sys.flags.safe_path and sys.path[0] != os.path.dirname(os.path.dirname(__file__)):  # noqa: PTH120
        # The working directory comes first, where a user's random.py would take the place of Python's; in a
        # checkout it is where the packages are.
        del sys.path[0]

__version__ = "0.1.0"

PROTOCOL_VERSION = "2"
"""Raised whenever a change of the code changes the numbers of a study (CHANGELOG tag: Protocol)."""

_FROM_PYTHON = ("results", "run_study")


def __getattr__(name: str) -> Any:
    """Return what programs and notebooks call, imported when it is asked for: commands need none of it."""
    if name not in _FROM_PYTHON:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module("harness.commands.from_python"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_FROM_PYTHON})
