"""Options that several benchmarks read alike."""

import argparse
from pathlib import Path


def positive(text: str) -> int:
    """Read an integer above 0.

    Raises:
        argparse.ArgumentTypeError: The text is none.
    """
    if not (text.isascii() and text.isdigit() and int(text) > 0):
        raise argparse.ArgumentTypeError(f"must be an integer above 0, got {text!r}")
    return int(text)


def check_json(parser: argparse.ArgumentParser, path: Path | None) -> None:
    """Refuse where the file for the numbers has no folder, before anything is measured."""
    if path is not None and not path.absolute().parent.is_dir():
        parser.error(f"--json {path}: there is no such folder to write in")
