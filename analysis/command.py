"""What the three commands share: their arguments, what they print, and their exit codes."""

import argparse
import sys
from collections.abc import Callable, Sequence
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
    parser = argparse.ArgumentParser(prog=f"python -m {module}", description=description)
    parser.add_argument(
        "folders", nargs="+", type=Path, metavar="RESULTS_DIR", help="such as results/optimizers"
    )
    exit_code = 0
    for folder in parser.parse_args(arguments).folders:
        try:
            for path in write(folder):
                sys.stdout.write(f"{path}\n")
        except HarnessError as error:
            sys.stderr.write(f"error: {error}\n")
            exit_code = max(exit_code, error.exit_code)
    return exit_code
