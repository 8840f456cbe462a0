"""How commands take their arguments: one parser, and what paths and pauses may be."""

import argparse
import sys
from collections.abc import Callable
from contextlib import suppress
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, NoReturn

from harness.errors import EXIT_BUG, EXIT_REFUSED, ErrorKind, HarnessError, ResultsError

if TYPE_CHECKING:
    from _typeshed import SupportsWrite

EXIT_CODES = f"{EXIT_BUG} a bug of the harness, whose traceback is printed"
"""The end of every command's list of exit codes."""


class ArgumentsError(HarnessError):
    """Report arguments that no command takes."""

    kind: ClassVar[ErrorKind] = "arguments"


class RefusedArguments(SystemExit):
    """End as argparse does, with what it told."""

    def __init__(self, error: ArgumentsError) -> None:
        super().__init__(EXIT_REFUSED)
        self.error = error


_ASKED: ContextVar[list["Parser"] | None] = ContextVar("asked", default=None)
"""Takes the parsers whose help is asked for, in place of printing it."""


class Parser(argparse.ArgumentParser):
    """Parse a command line; what is refused is told to programs too."""

    def print_help(self, file: "SupportsWrite[str] | None" = None) -> None:
        """Print the help, or hand over the parser to who asks for it."""
        asked = _ASKED.get()
        if asked is None:
            super().print_help(file)
        else:
            asked.append(self)

    def error(self, message: str) -> NoReturn:
        """Tell what is wrong, and end."""
        self.print_usage(sys.stderr)
        self._print_message(f"{self.prog}: error: {message}\n", sys.stderr)
        cause = sys.exception()
        name = cause.argument_name if isinstance(cause, argparse.ArgumentError) else None
        told = message.removeprefix(f"argument {name}: ")
        raise RefusedArguments(ArgumentsError(told if name is None else f"{name}: {told}", place=name))


def parser_of(main: Callable[[list[str]], int]) -> Parser:
    """Return the parser with which a command reads its arguments."""
    asked: list[Parser] = []
    token = _ASKED.set(asked)
    try:
        with suppress(SystemExit):
            main(["--help"])
    finally:
        _ASKED.reset(token)
    return asked[0]


def add_results(options: "argparse._ActionsContainer") -> None:
    """Add `--results` to the options of a command that writes below a folder of all results."""
    options.add_argument(
        "--results",
        type=path_argument,
        default=Path("results"),
        metavar="DIR",
        help="folder of all results (results)",
    )


def add_overrides(options: "argparse._ActionsContainer", example: str) -> None:
    """Add `--set` to the options of a command that reads a study file."""
    options.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        dest="overrides",
        help=f"override a setting by its dotted key, such as {example}; may be repeated",
    )


def path_argument(text: str) -> Path:
    """Return the path that a user gives; `~` is the home folder also where the shell leaves it (`--x=~/y`).

    Raises:
        argparse.ArgumentTypeError: There is no such user.
    """
    try:
        return Path(text).expanduser()
    except RuntimeError as error:
        raise argparse.ArgumentTypeError(f"{text}: no home folder is known for it ({error})") from None


def pause_argument(text: str) -> float:
    """Return a pause in seconds, as given on the command line.

    Raises:
        argparse.ArgumentTypeError: It is none, or too short or long to be meant.
    """
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0.1 <= seconds <= 3600:
        raise argparse.ArgumentTypeError(f"{text!r} is no pause. Remedy: seconds from 0.1 to 3600")
    return seconds


def resolved(path: Path) -> Path:
    """Return a path from the root on, symbolic links followed; `~` is the home folder.

    Raises:
        ResultsError: It cannot be: it holds a NUL character, links go round in a circle, the working
            directory or a home is gone.
    """
    try:
        place = path.expanduser()
    except RuntimeError as error:
        raise ResultsError(
            f"{path}: no home folder is known for it ({error}). Remedy: write the path out.", place=path
        ) from None
    try:
        return place.resolve()
    except RuntimeError:
        raise ResultsError(
            f"{path}: its symbolic links go round in a circle. Remedy: mend them, or name another place.",
            place=path,
        ) from None
    except ValueError:
        raise ResultsError(
            f"{str(path)!r} holds a NUL character, which no path can. Remedy: leave it out."
        ) from None
    except FileNotFoundError as error:
        raise ResultsError(
            f"{path}: the working directory is gone, so no path can start there. "
            f"Remedy: cd to a folder that exists.",
            place=path,
        ) from error
