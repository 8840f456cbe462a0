"""The reference page of every command: what its own parser says with `--help`."""

import argparse
import os
from collections.abc import Callable
from importlib import import_module

from harness.commands.console import COMMANDS, PROGRAM

_HEAD = f"""# Commands

`pip install .` brings `{PROGRAM} COMMAND`; in a checkout `python -m MODULE` does the same, and is what the
texts below name. This page is made from the commands' own parsers.
"""


def parser_of(main: Callable[[list[str]], object]) -> argparse.ArgumentParser:
    """Return the parser with which a command reads its arguments."""
    asked: list[argparse.ArgumentParser] = []

    def ask(parser: argparse.ArgumentParser, *_: object, **__: object) -> None:
        asked.append(parser)
        raise SystemExit(0)  # as after --help

    reads, argparse.ArgumentParser.parse_args = argparse.ArgumentParser.parse_args, ask  # type: ignore[assignment]
    try:
        main([])
    except SystemExit:
        return asked[0]
    finally:
        argparse.ArgumentParser.parse_args = reads  # type: ignore[method-assign]
    return asked[0]


def parsers() -> dict[str, argparse.ArgumentParser]:
    """Return each command as a reader types it, with its parser; subcommands follow their command."""
    found: dict[str, argparse.ArgumentParser] = {}
    for name, command in COMMANDS.items():
        found[f"{PROGRAM} {name}"] = parser_of(import_module(command.module).main)
    for name, parser in list(found.items()):
        for verb, own in _verbs(parser).items():
            found[f"{name} {verb}"] = own
    return dict(sorted(found.items(), key=lambda item: _place(item[0])))


def _verbs(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    """Return the subcommands of a parser."""
    actions = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]  # noqa: SLF001
    return {name: own for action in actions for name, own in action.choices.items()}


def _place(name: str) -> tuple[int, str]:
    return list(COMMANDS).index(name.split()[1]), name


def page() -> str:
    """Return the page as Markdown."""
    os.environ["COLUMNS"] = "100"  # argparse breaks its lines by it
    rows = "\n".join(f"| [`{PROGRAM} {name}`](#{name}) | {row.does} |" for name, row in COMMANDS.items())
    parts = [_HEAD, f"| command | does |\n|---|---|\n{rows}\n"]
    for name, parser in parsers().items():
        words = name.removeprefix(f"{PROGRAM} ").split()
        level = "#" * (1 + len(words))
        parts.append(
            f"({'-'.join(words)})=\n{level} {name}\n\n```text\n{parser.format_help().strip()}\n```\n"
        )
    return "\n".join(parts)
