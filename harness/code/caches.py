"""Python's caches of compiled code: nothing says that one holds what the source beside it does.

Python trusts a `.pyc` for the time or the hash of a source that its header names, and whoever ships it
writes both. Sources are what a study hashes.
"""

from importlib.machinery import FileFinder, SourceFileLoader
from pathlib import Path
from types import CodeType

from harness.errors import StudyError, unusable

CACHE = "__pycache__"

_HASH_BASED = {1, 3}
"""Flags of a cache that Python runs by a hash in its header, unchecked and checked. Source: PEP 552."""


class _FromSource(SourceFileLoader):
    """Compile the source, whatever else lies beside it."""

    def get_code(self, fullname: str) -> CodeType:  # noqa: ARG002 - as importlib calls it
        code: CodeType = self.source_to_code(self.get_data(self.path), self.path)
        return code


sources_in = FileFinder.path_hook((_FromSource, [".py"]))
"""Returns what finds the modules of a folder, for `sys.path_hooks`: their sources and nothing else."""


def check_cache(folder: Path) -> None:
    """Refuse what Python would run in place of the sources in a folder.

    Caches that Python writes by itself name the time of their source, and a checkout gives that anew.

    Raises:
        StudyError: There is something.
    """
    for file in sorted((folder / CACHE).glob("*.pyc")):
        try:
            with file.open("rb") as opened:
                header = opened.read(8)
        except OSError as error:
            raise StudyError(unusable(file, "read", error), place=file) from error
        if int.from_bytes(header[4:], "little") in _HASH_BASED:
            raise StudyError(
                f"{file}: is compiled code that Python may run in place of the source that is hashed, and of "
                f"a kind that it does not write by itself. Remedy: remove it",
                place=file,
            )
