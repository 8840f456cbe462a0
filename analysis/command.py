"""What the commands share: their arguments, what they print, and their exit codes."""

import argparse
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from harness.errors import HarnessError


def run(
    arguments: Sequence[str] | None, *, module: str, description: str, write: Callable[[Path], Sequence[Path]]
) -> int:
    """Write something for every results folder named and print the paths written.

    Args:
        arguments: The command line without the program; None takes the process's own.
        module: Name of the module the user runs.
        description: One sentence for `--help`.
        write: Writes for one results folder and returns the paths worth printing.

    Returns: The exit code: 0, or 2 where a folder was at fault; the message is on stderr, and other folders
        are still written.
    """
    folders = parser(module, description).parse_args(arguments).folders
    return exit_code([attempt(partial(write, folder)) for folder in folders])


def parser(module: str, description: str) -> argparse.ArgumentParser:
    """Return a parser of `python -m <module> RESULTS_DIR ...`, to which options may be added."""
    made = argparse.ArgumentParser(prog=f"python -m {module}", description=description)
    made.add_argument(
        "folders", nargs="+", type=Path, metavar="RESULTS_DIR", help="such as results/optimizers"
    )
    return made


def attempt(write: Callable[[], Sequence[Path]]) -> HarnessError | None:
    """Write something and print the paths written, or print on stderr what is wrong and return it."""
    try:
        for path in write():
            sys.stdout.write(f"{path}\n")
    except HarnessError as error:
        sys.stderr.write(f"error: {error}\n")
        return error
    return None


def exit_code(errors: Sequence[HarnessError | None]) -> int:
    """Return the exit code of several attempts: 0, or the highest of what went wrong."""
    return max((error.exit_code for error in errors if error is not None), default=0)
