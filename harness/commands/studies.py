"""The shipped study files: `recipe-harness studies [NAME]` lists them, or prints one to begin with."""

import re
import shlex
import textwrap
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from harness.arguments import EXIT_CODES, Parser
from harness.edge import deliver, run_command
from harness.errors import EXIT_COMPLETE, REMEDY, StudyError, nearest
from harness.screen import say

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
        raise StudyError(f"there is no study {name!r} here. {nearest(name, files)}.")
    deliver(_as_a_copy(known).rstrip("\n"))
    modules = _own_modules(known)
    if modules:
        folder = shlex.quote(str(_FOLDER.resolve()))
        what = ", ".join(modules)
        say(f"{what}: imported, and not beside a copy. {REMEDY}run that with --code {folder}")
    return EXIT_COMPLETE


def _as_a_copy(path: Path) -> str:
    """Return a study file's text, the places in its comments as they are for a copy elsewhere."""
    text = path.read_text(encoding="utf-8").replace(f"{_FOLDER.name}/{path.name}", path.name)
    return text.replace("$schema=", f"$schema={_FOLDER.resolve()}/", 1)


def _own_modules(path: Path) -> list[str]:
    """Return the modules that a study file imports from beside itself."""
    from harness.code.named import named_code
    from harness.code.sources import local_part
    from harness.study.reading.parse import load_study

    code = named_code(load_study(path))
    return [module for module in code.modules if local_part(module, code.folder)]


def _row(name: str, path: Path, width: int) -> str:
    """Return a study's name and question; a shipped file has it on one line."""
    found = re.search(r"^question: (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    lines = textwrap.wrap(found[1] if found else "", _WIDTH - width - 2)
    return f"{name:<{width}}  " + f"\n{'':<{width}}  ".join(lines)
