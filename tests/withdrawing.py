"""Forgetting what a process may import and has imported: tests share one."""

import sys
from pathlib import Path

from harness.code import resolve


def withdrawn() -> None:
    """Take back what was admitted and entrusted, and forget the modules that came from it."""
    admitted, trust = resolve._Admitted, resolve._Trust
    trust.given = None
    code, admitted.code, admitted.sources = admitted.code, None, {}
    if code is not None:
        sys.path.remove(str(code.folder))
        for name, module in list(sys.modules.items()):
            file = getattr(module, "__file__", None)
            if isinstance(file, str) and Path(file).is_relative_to(code.folder):
                del sys.modules[name]
