"""The shipped study files: `recipe-harness studies [NAME]` lists them, or prints one to begin with."""

import re
import textwrap
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from harness.arguments import EXIT_CODES, Parser
from harness.edge import deliver, run_command
from harness.errors import EXIT_COMPLETE, StudyError

_FOLDER = Path(__file__).parents[1] / "search_spaces"
_WIDTH = 80


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    return run_command(partial(_show, arguments))


def shipped() -> Mapping[str, Path]:
    """Return the shipped study files by the names of their studies, sorted."""
    return {path.stem: path for path in sorted(_FOLDER.glob("*.yaml"))}


def _show(arguments: Sequence[str] | None) -> int:
    parser = Parser(
        prog="recipe-harness studies",
        description="List the studies that come with the harness, or print one to run or change.",
        epilog=f"exit codes: 0 shown; 2 there is no such study; {EXIT_CODES}.",
    )
    parser.add_argument("name", nargs="?", metavar="NAME", help="print this study file")
    name = parser.parse_args(arguments).name
    files = shipped()
    if name is None:
        deliver("\n".join(_row(own, path, max(map(len, files))) for own, path in files.items()))
        return EXIT_COMPLETE
    known = files.get(name.removesuffix(".yaml"))
    if known is None:
        raise StudyError(f"there is no study {name!r} here. Remedy: one of {', '.join(files)}.")
    deliver(known.read_text(encoding="utf-8").rstrip("\n"))
    return EXIT_COMPLETE


def _row(name: str, path: Path, width: int) -> str:
    """Return a study's name and question; a shipped file has it on one line."""
    found = re.search(r"^question: (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    lines = textwrap.wrap(found[1] if found else "", _WIDTH - width - 2)
    return f"{name:<{width}}  " + f"\n{'':<{width}}  ".join(lines)
