"""One folder of an object storage, and a sweep's results folder mirrored into it.

An object appears whole or not at all, and nothing can be appended to it: a journal is stored by storing all
of it again. Storages have no locks either; that two sweeps do not overwrite each other rests on the journal,
whose lines carry checksums chained from the first one on.
"""

import re
from pathlib import Path

from harness.errors import EnvironmentMismatchError, ResultsError
from harness.records.folder import ResultsFolder
from harness.records.whole_file import replacing

_ADDRESS = re.compile(r"(s3|gs|abfs|abfss)://[A-Za-z0-9][A-Za-z0-9._@-]*(/[A-Za-z0-9_][A-Za-z0-9._=-]*)*/?")

_BLOCK_BYTES = 8 * 1024**2
_TAIL_BYTES = 2**16
"""Longer than any line of a journal."""

_SCRATCH_SUFFIXES = frozenset({".lock", ".new", ".part", ".tmp"})


def check_address(text: str) -> None:
    """Refuse what names no object storage, or carries a secret.

    Raises:
        EnvironmentMismatchError: It does.
    """
    if "@" in text and not text.startswith("abfs"):
        raise EnvironmentMismatchError(
            f"storage: the address of a bucket has no @: credentials come from --service-account or "
            f"--secret, never from an address. Remedy: --storage {text.partition(':')[0]}://BUCKET/FOLDER"
        )
    if not _ADDRESS.fullmatch(text):
        raise EnvironmentMismatchError(
            f"storage: {text!r}: must be pvc:NAME, or an address such as s3://BUCKET/FOLDER, "
            f"gs://BUCKET/FOLDER or abfs://CONTAINER@ACCOUNT.dfs.core.windows.net/FOLDER, with letters, "
            f"digits and ._=- only; an endpoint of your own is given with --env AWS_ENDPOINT_URL=URL. "
            f"Remedy: --storage s3://BUCKET/FOLDER"
        )


class ObjectStorage:
    """Objects below one address; every method raises OSError where the storage does not answer or refuses."""

    def __init__(self, address: str) -> None:
        """Find the storage; nothing is asked of it yet.

        Raises:
            EnvironmentMismatchError: The address is none.
        """
        import pyarrow as pa
        from pyarrow.fs import FileSystem

        self.address = address.rstrip("/")
        try:
            self._files, self._root = FileSystem.from_uri(self.address + _options(self.address))
        except (pa.ArrowInvalid, OSError) as error:
            raise EnvironmentMismatchError(
                f"{self.address}: is no address of an object storage ({error}). Remedy: s3://BUCKET/FOLDER",
                place=self.address,
            ) from error

    def size(self, name: str) -> int | None:
        """Return an object's bytes; None where there is none."""
        size: int | None = self._files.get_file_info(self._path(name)).size
        return size

    def fetch(self, name: str, to: Path) -> None:
        """Write an object to a file that appears whole or not at all."""
        with (
            self._files.open_input_stream(self._path(name)) as stream,
            replacing(to) as partial,
            partial.open("wb") as file,
        ):
            while block := stream.read(_BLOCK_BYTES):
                file.write(block)

    def store(self, path: Path, name: str, length: int) -> None:
        """Make the first `length` bytes of a file an object; the one before stays until all is there."""
        place = self._path(name)
        if self._files.type_name == "local":  # elsewhere folders are but names
            self._files.create_dir(place.rpartition("/")[0], recursive=True)
        with path.open("rb") as file, self._files.open_output_stream(place) as stream:
            while length > 0 and (block := file.read(min(length, _BLOCK_BYTES))):
                stream.write(block)
                length -= len(block)

    def read(self, name: str, start: int, length: int) -> bytes:
        """Return a part of an object."""
        with self._files.open_input_file(self._path(name)) as file:
            content: bytes = file.read_at(length, start)
        return content

    def _path(self, name: str) -> str:
        return f"{self._root}/{name}"


def _options(address: str) -> str:
    """Return what is asked of Arrow besides: small objects in one request, and no patience of 15 minutes."""
    options = {"s3": "?allow_delayed_open=true", "gs": "?retry_limit_seconds=60"}
    return options.get(address.partition(":")[0], "")


class Mirror:
    """Keep what a results folder holds in an object storage too."""

    def __init__(self, storage: ObjectStorage, folder: ResultsFolder) -> None:
        self._storage = storage
        self._folder = folder
        self._stored: dict[Path, tuple[int, int]] = {}

    def fetch(self) -> bool:
        """Bring what a sweep continues from into the folder; return whether there was any.

        Raises:
            ResultsError: The storage holds a journal without its manifest, or the folder holds another one.
            OSError: The storage does not answer or refuses.
        """
        folder, storage = self._folder, self._storage
        if storage.size(folder.manifest.name) is None:
            if storage.size(folder.journal.name) is not None:
                raise ResultsError(
                    f"{storage.address}: holds a journal without its manifest. Remedy: give another folder, "
                    f"or bring manifest.json back",
                    place=storage.address,
                )
            return False
        folder.root.mkdir(parents=True, exist_ok=True)
        there, here = self._stored_length(), _whole_lines(folder.journal)
        if not self._agree(min(there, here)):
            raise self._another(f"what {folder.journal} on this machine holds")
        if there > here:
            storage.fetch(folder.journal.name, folder.journal)
        for path in (folder.study_file, folder.declaration, folder.manifest):
            if (there > here or not path.exists()) and storage.size(path.name) is not None:
                storage.fetch(path.name, path)
        return True

    def store(self) -> int:
        """Store every file that changed, what a resume needs first; return how many.

        Raises:
            ResultsError: Another sweep has written its journal there.
            OSError: The storage does not answer or refuses.
        """
        changed = [path for path in self._kept_files() if _stamp(path) != self._stored.get(path)]
        for path in changed:
            stamp = _stamp(path)
            if path == self._folder.journal:
                self._store_journal()
            else:
                self._storage.store(path, path.relative_to(self._folder.root).as_posix(), stamp[1])
            self._stored[path] = stamp
        return len(changed)

    def _kept_files(self) -> list[Path]:
        """Return the files worth keeping: first those without which a journal says little.

        What programs write into their runs' folders stays where it is: it comes and goes, and may be large.
        """
        folder = self._folder
        first = [folder.study_file, folder.declaration, folder.manifest, folder.journal]
        places = [place for place in folder.root.glob("*") if place != folder.program_runs]
        found = sorted(path for place in places for path in (place, *place.rglob("*")))
        others = [path for path in found if path.is_file() and path not in first]
        return [path for path in first if path.exists()] + [path for path in others if self._is_kept(path)]

    def _is_kept(self, path: Path) -> bool:
        parts = path.relative_to(self._folder.root).parts
        is_hidden = any(part.startswith(".") for part in parts)
        return path.suffix not in _SCRATCH_SUFFIXES and not is_hidden and not path.is_symlink()

    def _store_journal(self) -> None:
        journal = self._folder.journal
        there, here = self._stored_length(), _whole_lines(journal)
        if there > here or not self._agree(there):
            raise self._another(f"the beginning of {journal}")
        if there < here:
            self._storage.store(journal, journal.name, here)

    def _another(self, expected: str) -> ResultsError:
        return ResultsError(
            f"{self._storage.address}/{self._folder.journal.name}: is not {expected}: another sweep has "
            f"written there, and is not overwritten. Remedy: end one of the two, or give each "
            f"a folder of its own"
        )

    def _stored_length(self) -> int:
        """Return the bytes of the stored journal up to its last newline; 0 if there is none."""
        name = self._folder.journal.name
        length = self._storage.size(name) or 0
        start = max(0, length - _TAIL_BYTES)
        return start + self._storage.read(name, start, length - start).rfind(b"\n") + 1 if length else 0

    def _agree(self, length: int) -> bool:
        """Return whether stored and local journal are equal up to this length.

        Their last lines tell: each line's checksum is continued from the line before.
        """
        if length == 0:
            return True
        start = max(0, length - _TAIL_BYTES)
        with self._folder.journal.open("rb") as file:
            file.seek(start)
            here = file.read(length - start)
        return here == self._storage.read(self._folder.journal.name, start, length - start)


def _stamp(path: Path) -> tuple[int, int]:
    """Return what changes with a file: time of writing, bytes."""
    status = path.stat()
    return status.st_mtime_ns, status.st_size


def _whole_lines(path: Path) -> int:
    """Return the bytes of a file up to its last newline: a sweep may be writing the line after it."""
    if not path.exists():
        return 0
    length = path.stat().st_size
    with path.open("rb") as file:
        start = max(0, length - _TAIL_BYTES)
        file.seek(start)
        return start + file.read(length - start).rfind(b"\n") + 1
