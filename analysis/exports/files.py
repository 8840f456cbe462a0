"""Files that targets write: named safely, and left alone where they are already what they should be."""

import argparse
import re
from pathlib import Path

from analysis.exports.content import Outcome, Study
from harness.arguments import path_argument, resolved
from harness.errors import ResultsError
from harness.records.whole_file import unwritable, write_file

_UNSAFE = re.compile(r"^\.+|[%/\\\x00-\x1f\x7f]")
"""What may not stand in the name of a file, and `%`, by which it is written."""


def root_of(study: Study, uri: str | None, target: str) -> Path:
    """Return the folder that `--uri` names, or the target's own below the working directory.

    Raises:
        ResultsError: It is no folder's name, or lies in the results that are exported.
    """
    if uri is not None and "://" in uri:
        raise ResultsError(
            f"--uri {uri}: --to {target} writes files below a folder, and sends nothing. "
            f"Remedy: give a folder, or leave --uri away for exports/{target} below the working directory."
        )
    try:
        root = resolved(Path("exports", target) if uri is None else path_argument(uri))
    except argparse.ArgumentTypeError as error:
        raise ResultsError(f"--uri {error}. Remedy: write the path out.") from error
    if root.is_relative_to(study.results.folder):
        raise ResultsError(
            f"--uri {root}: lies in the results that are exported, which an export never changes. "
            f"Remedy: give a folder elsewhere."
        )
    return root


def folder_of(study: Study, uri: str | None, target: str) -> Path:
    """Return the study's own folder at a target; raises as `root_of` does."""
    return root_of(study, uri, target) / file_name(study.key)


def file_name(text: str) -> str:
    """Return a name for a file that no other text gives; all but a few signs stay as they are."""
    return _UNSAFE.sub(lambda match: "".join(f"%{ord(sign):02X}" for sign in match[0]), text)


def put(path: Path, content: bytes) -> Outcome:
    """Have a file hold this, written only where it does not yet; one that began so is added to.

    Who reads along (TensorBoard keeps a file open) misses nothing that is added.

    Raises:
        ResultsError: It cannot be written.
    """
    try:
        before = path.read_bytes() if path.exists() else None
        if before == content:
            return "same"
        if before and content.startswith(before):
            with path.open("ab") as file:
                file.write(content[len(before) :])
            return "changed"
    except OSError as error:
        raise unwritable(path, error) from error
    write_file(path, content)
    return "new" if before is None else "changed"
