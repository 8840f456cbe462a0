"""The lines that a program prints, piece by piece as they come, and which of them are objects."""

import json
from dataclasses import dataclass
from typing import Any

_MOST_BYTES = 2**20
"""Of a line; of a longer one only the beginning is kept."""

_QUOTED = 200
"""Letters of a line in a message."""


class BadLineError(Exception):
    """Say what is wrong with a line; `str(error)` is the end of a run's reason."""


@dataclass(frozen=True)
class Line:
    """What a program printed up to the end of a line."""

    text: str
    is_whole: bool = True
    """Whether it was short enough to be kept."""

    @property
    def quoted(self) -> str:
        """The line in a message, a long one cut."""
        return repr(self.text if len(self.text) <= _QUOTED else f"{self.text[:_QUOTED]}...")


class Lines:
    """Gather a program's output to lines.

    Of a line that was written over, as progress bars do with carriage returns, the last writing counts.
    """

    def __init__(self) -> None:
        self._rest = b""
        self._is_whole = True

    @property
    def rest(self) -> Line | None:
        """What came after the last end of a line; None where there is nothing."""
        return _line(self._rest, is_whole=self._is_whole) if self._rest.strip() else None

    def feed(self, chunk: bytes) -> list[Line]:
        """Return the lines that a piece of output completes."""
        *ended, rest = chunk.split(b"\n")
        lines = []
        for piece in ended:
            self._append(piece)
            lines.append(_line(self._rest, is_whole=self._is_whole))
            self._rest, self._is_whole = b"", True
        self._append(rest)
        return lines

    def _append(self, piece: bytes) -> None:
        text = self._rest + piece
        written_over = text.rfind(b"\r", 0, -1)  # a last one may belong to the end of the line
        if written_over >= 0:
            text, self._is_whole = text[written_over + 1 :], True
        if len(text) > _MOST_BYTES:
            text, self._is_whole = text[:_QUOTED], False
        elif not self._is_whole:
            text = text[:_QUOTED]
        self._rest = text


def _line(raw: bytes, *, is_whole: bool) -> Line:
    return Line(raw.rstrip(b"\r").decode("utf-8", errors="replace").strip(), is_whole)


def object_of(line: Line) -> dict[str, Any] | None:
    """Return the JSON object that a line is; None for one that does not begin with `{`, which is log.

    Raises:
        BadLineError: It begins like an object, and is not one and nothing else.
    """
    if not line.text.startswith("{"):
        return None
    if not line.is_whole:
        raise BadLineError(f"printed a line of more than {_MOST_BYTES:,} bytes: {line.quoted}")
    try:
        parsed: dict[str, Any] = json.loads(line.text, object_pairs_hook=_with_names_once)
    except (ValueError, RecursionError) as error:
        hint = (
            " Remedy: json.dumps writes JSON, and each object needs a line of its own; "
            "a line that does not begin with { is log"
        )
        raise BadLineError(
            f"printed a line that begins with {{ and is not one JSON object ({error}): {line.quoted}.{hint}"
        ) from error
    return parsed


def _with_names_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = [name for name, _ in pairs]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ValueError(f"it has {twice} twice")
    return dict(pairs)
