"""A winner as a plain torch script, which trains its confirm runs again and compares.

What can follow from a row of a registry does: layers, their draws, the optimizer and the schedule are written
down from what the harness itself builds. The rest is text of `templates/reproduce.py.jinja`; a contract test
runs it for every row.
"""

import ast
import math
import sys
from collections.abc import Iterable

from harness.allocation import KEEPING_MEMORY
from harness.errors import StudyError
from harness.recipe.data import DatasetSpec, Format
from harness.winning.parts import Parts
from harness.winning.texts import TEXTS
from harness.winning.winner import Winner

SCRIPT = "reproduce.py"

READERS: dict[Format, tuple[str, str]] = {
    "idx": ("DATA", "folder with the four IDX files, plain or as .gz"),
    "npz": ("DATA.npz", "the .npz file"),
    "cifar": ("DATA.tar.gz", "the published archive of the binary version"),
    "vendored": ("", ""),
}
"""Layouts of data that plain code reads, each by a template of its name; what the script is given, if
anything: how usage and help call it."""

_IMPORTS = ("argparse", "copy", "gzip", "hashlib", "platform", "random", "sys", "tarfile")
"""Modules that some part of the template names."""


def script_of(winner: Winner, data: DatasetSpec) -> str:
    """Return the text of a script that trains a winner's confirm runs again.

    Args:
        winner: What was chosen; its code, if it names any, must be admitted.
        data: Its data set.

    Raises:
        StudyError: Plain code does not read this data set.
    """
    if data.format not in READERS:
        raise StudyError(
            f"a plain script does not read data of the layout {data.format} ({winner.recipe.dataset}), only "
            f"{', '.join(READERS)}. Remedy: the study file, which trains it with the harness"
        )
    argument, told = READERS[data.format]
    body = TEXTS.get_template("reproduce.py.jinja")
    parts = Parts(winner.recipe, data, winner.metrics)
    given = {
        "winner": winner,
        "usage": f"python {SCRIPT} {argument}".rstrip(),
        "data_argument": told,
        "data_format": data.format,
        "best_by": winner.best_by,
        "allocation": " ".join(f"{name}={value}" for name, value in KEEPING_MEMORY.items()),
        **parts.given(),
    }
    text = body.render(given, imports="")
    names = {node.id for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Name)}
    return body.render(given, imports=_imports(names, parts))


def _imports(names: Iterable[str], parts: Parts) -> str:
    """Return the import lines of what a script names, in three groups."""
    used = set(names)
    lines = {f"import {name}" for name in _IMPORTS if name in used} | parts.sources.imports
    lines |= {"from pathlib import Path", "import numpy as np", "import torch", "from torch import nn"}
    lines |= {
        f"from math import {name}" for name in ("isfinite", "sqrt") if name in used and hasattr(math, name)
    }
    lines |= {"from torch.nn import functional"} if "functional" in used else set()
    lines |= {"from sklearn.datasets import load_digits"} if "load_digits" in used else set()
    is_standard = {line: line.split()[1].partition(".")[0] in sys.stdlib_module_names for line in lines}
    ordered = sorted(lines, key=lambda line: (line.startswith("from"), line))
    standard = [line for line in ordered if is_standard[line]]
    others = [line for line in ordered if not is_standard[line]]
    groups = [standard, others, list(parts.own_imports.values())]
    return "\n\n".join("\n".join(_joined(group)) for group in groups if group)


def _joined(lines: Iterable[str]) -> list[str]:
    """Return import lines with those from one module in one."""
    by_module: dict[str, list[str]] = {}
    for line in lines:
        head, is_from, names = line.partition(" import ")
        by_module.setdefault(head if is_from and line.startswith("from") else line, []).append(names)
    return [
        f"{head} import {', '.join(names)}" if head.startswith("from") else head
        for head, names in by_module.items()
    ]
