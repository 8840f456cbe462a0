"""Training without torch's compiler in memory, until something asks for it.

Every optimizer of torch 2.15 imports `torch._dynamo`, which takes longer than torch itself, to call two
functions of it that do nothing where nothing is compiled. What stands in its place here has these two, and
turns into the real module at the first question for anything else, as `torch.compile` asks.
"""

import importlib
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

import torch

_NAME = "torch._dynamo"


class _Deferred(ModuleType):
    """Stands for the compiler."""

    @staticmethod
    def graph_break(*_: Any, **__: Any) -> None:
        """Do nothing, as outside a compiled function."""

    @staticmethod
    def disable(function: Callable[..., Any], *_: Any, **__: Any) -> Callable[..., Any]:
        """Return the function: nothing compiles what it calls."""
        return function

    def __getattr__(self, name: str) -> Any:
        """Import the compiler, which takes this module's place, and ask it."""
        if name.startswith("__") and name != "__path__":  # which tools ask of every module
            raise AttributeError(name)
        if sys.modules.get(_NAME) is self:
            del sys.modules[_NAME]
            vars(torch).pop("_dynamo", None)
        return getattr(importlib.import_module(_NAME), name)


def defer_compiler() -> None:
    """Keep torch's compiler out of this process while nothing asks for it; where it is, it stays."""
    if _NAME not in sys.modules:
        deferred = _Deferred(_NAME)
        sys.modules[_NAME] = deferred
        torch._dynamo = deferred  # noqa: SLF001 - where torch looks for it
