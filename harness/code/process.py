"""Asking a user's code something in a process of its own.

The commands stay without torch, and code that prints, raises or ends the program where it is imported ends in
a message. `python -m harness.code.process` is that process; what it prints besides is kept for the message.
"""

import importlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness.code.named import NamedCode
from harness.code.resolve import CodeError, admit, failure
from harness.errors import HarnessError

_PACKAGES = Path(__file__).parents[2]
_LAST_LINES = 5
"""Of what a process printed that ended before it answered."""


def ask(code: NamedCode, sources: Mapping[str, str], task: str, question: Any) -> Any:
    """Let a process of its own admit some code and call one of our functions; return its answer.

    Args:
        code: What a study names; nothing is imported here.
        sources: The hashes of its files.
        task: The function, as `package.module:name`; it takes the question.
        question: Whatever JSON can hold.

    Raises:
        CodeError: The code cannot be imported, or does not do what it should.
    """
    with tempfile.TemporaryDirectory() as folder:
        answer, output = Path(folder, "answer.json"), Path(folder, "output.txt")
        asked = {"code": code.as_plain(), "sources": dict(sources), "task": task, "question": question}
        paths = [str(_PACKAGES), *filter(None, [os.environ.get("PYTHONPATH")])]
        with output.open("wb") as stream:
            done = subprocess.run(  # noqa: S603 - this interpreter and a module of ours
                [sys.executable, "-P", "-m", "harness.code.process", str(answer)],
                input=json.dumps(asked).encode(),
                stdout=stream,
                stderr=subprocess.STDOUT,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
                check=False,
            )
        told = json.loads(answer.read_text(encoding="utf-8")) if answer.exists() else None
        if told is None:
            raise CodeError(_ended(code, done.returncode, output))
    if "refused" in told:
        raise CodeError(told["refused"])
    return told["answer"]


def _ended(code: NamedCode, status: int, output: Path) -> str:
    lines = output.read_text(encoding="utf-8", errors="replace").splitlines()[-_LAST_LINES:]
    how = f"signal {-status}" if status < 0 else f"exit code {status}"
    printed = "".join(f"\n  | {line}" for line in lines)
    return (
        f"{', '.join(code.references)}: the process that was to check this code ended by itself ({how}), "
        f"which the code must not do. Nothing was started.{printed}"
    )


def main() -> int:
    """Answer the question on standard input in the file that is named; return 0 where it could be told."""
    asked = json.loads(sys.stdin.buffer.read())
    module, _, name = asked["task"].partition(":")
    told: dict[str, Any]
    try:
        admit(NamedCode.of_plain(asked["code"]), asked["sources"])
        told = {"answer": getattr(importlib.import_module(module), name)(asked["question"])}
    except HarnessError as error:
        told = {"refused": str(error)}
    except SystemExit as error:
        told = {"refused": f"the code of this study ends the program: {failure(error)}"}
    Path(sys.argv[1]).write_text(json.dumps(told), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
