"""Functions of ours as text that stands by itself: with what they call, and with the imports they need."""

import ast
import inspect
import math
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

Carried = Callable[..., Any] | type


@dataclass
class Sources:
    """Source text in the order in which it can be read, and the import lines above it."""

    texts: dict[str, str] = field(default_factory=dict)
    """By name."""
    imports: set[str] = field(default_factory=set)

    def take(self, item: Carried) -> None:
        """Add a function or class, after everything of its module that its text names.

        Raises:
            AssertionError: Its text names something of another of our modules: what a script cannot have.
        """
        if item.__name__ in self.texts:
            return
        text = inspect.getsource(item)
        names = dict(vars(sys.modules[item.__module__]))
        for name in _named(text):
            if name != item.__name__ and name in names:
                self._take_named(name, names[name], item.__module__)
        self.texts[item.__name__] = text.rstrip()

    def _take_named(self, name: str, value: Any, module: str) -> None:
        if isinstance(value, ModuleType):
            parent, _, last = value.__name__.rpartition(".")
            is_plain = name == value.__name__
            plain = f"import {name}" if is_plain else f"import {value.__name__} as {name}"
            self.imports.add(f"from {parent} import {name}" if parent and last == name else plain)
        elif getattr(math, name, None) is value:
            self.imports.add(f"from math import {name}")
        elif isinstance(value, int | float | str):
            self.texts[name] = f"{name} = {value!r}"
        elif value.__module__ == module:
            self.take(value)
        elif value.__module__.partition(".")[0] == "harness":
            raise AssertionError(f"{module} takes {name} from {value.__module__}: it cannot be carried alone")
        else:
            self.imports.add(f"from {value.__module__} import {name}")


def carried(items: Iterable[Carried]) -> Sources:
    """Return the text of functions and classes, and of all that they name.

    Raises:
        AssertionError: See `Sources.take`.
    """
    sources = Sources()
    for item in items:
        sources.take(item)
    return sources


def _named(text: str) -> list[str]:
    """Return the names that a text reads and does not set itself, in its order, each once."""
    nodes = list(ast.walk(ast.parse(text)))
    names = [node for node in nodes if isinstance(node, ast.Name)]
    own = {node.id for node in names if isinstance(node.ctx, ast.Store)}
    own |= {node.arg for node in nodes if isinstance(node, ast.arg)}
    return list(dict.fromkeys(node.id for node in names if node.id not in own))
