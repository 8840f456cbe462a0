"""`recipe-harness COMMAND ...`: every command under one name, as an installed package has it."""

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib import import_module

from harness.arguments import EXIT_CODES, ArgumentsError
from harness.edge import deliver, run_command
from harness.errors import EXIT_COMPLETE, EXIT_REFUSED, nearest

PROGRAM = "recipe-harness"

Run = Callable[[list[str]], int]
"""The `main` of a command: takes the words after its name, returns its exit code."""


@dataclass(frozen=True, kw_only=True)
class Command:
    """One command: the module whose `main` is called, imported when it is, and what it does."""

    module: str
    does: str


COMMANDS: Mapping[str, Command] = {
    "sweep": Command(module="harness.commands.sweep", does="run a study, or the rest of it"),
    "lr-finder": Command(module="harness.commands.lr_finder", does="run learning-rate range tests"),
    "submit": Command(module="harness.commands.submit", does="run a study on a cluster"),
    "report": Command(module="analysis.report", does="write reports again, or compare studies"),
    "winner": Command(
        module="harness.commands.winner", does="take a winner away: study file, script, weights, card"
    ),
    "studies": Command(module="harness.commands.studies", does="list the shipped studies, or print one"),
    "ls": Command(module="analysis.listing", does="list studies with state, age and rulings"),
    "watch": Command(
        module="harness.commands.watch", does="show a running study, from anywhere that sees its folder"
    ),
    "import": Command(
        module="harness.commands.importing", does="report another tool's runs, exploratory and unruled"
    ),
    "export": Command(module="analysis.export", does="export results to a tracker or plain files"),
    "reproduction": Command(
        module="analysis.reproduction", does="say whether a study that was run again agrees with its results"
    ),
    "completion": Command(
        module="harness.commands.completion", does="print what completes all this in a shell"
    ),
    "verdict": Command(module="analysis.verdict", does="say how claims are ruled, in the exit code too"),
}


def main() -> int:
    """Run the command that the first argument names; return its exit code."""
    os.environ.pop(
        "MPLBACKEND", None
    )  # figures need none, and an unknown one keeps matplotlib from importing
    named: list[Run] = []
    code = run_command(partial(_begin, sys.argv[1:], named))
    if code != EXIT_COMPLETE or not named:
        return code
    code = named[0](sys.argv[2:])
    if sys.argv[1] in {"sweep", "lr-finder"}:
        from harness.tuning.interruption import hear_no_more

        hear_no_more()
    return code


def _begin(arguments: Sequence[str], named: list[Run]) -> int:
    """Import the command that is named, which ends itself from then on; or answer.

    Raises:
        ArgumentsError: There is none of this name.
    """
    if not arguments or arguments[0] in {"-h", "--help"}:
        deliver(_help())
        return EXIT_COMPLETE if arguments else EXIT_REFUSED
    if arguments[0] == "--version":
        from importlib import metadata

        deliver(f"{PROGRAM} {metadata.version(PROGRAM)}")
        return EXIT_COMPLETE
    command = COMMANDS.get(arguments[0])
    if command is None:
        raise ArgumentsError(f"there is no command {arguments[0]!r}. {nearest(arguments[0], COMMANDS)}.")
    named.append(import_module(command.module).main)
    return EXIT_COMPLETE


def _help() -> str:
    width = max(map(len, COMMANDS))
    lines = [f"  {name:<{width}}  {command.does}" for name, command in COMMANDS.items()]
    head = f"usage: {PROGRAM} COMMAND ...\n\ncommands ({PROGRAM} COMMAND --help says more):"
    return "\n".join([head, *lines, "", f"exit codes: those of the commands; {EXIT_CODES}."])
