"""Lines of a journal: one JSON object each, and how a damaged one is told.

The last key, `crc`, is the CRC-32 of the line without it, continued from the line before, so a flipped byte,
a lost line and a repeated block are all seen.
"""

import re
import zlib

from pydantic import ValidationError

from harness.errors import ResultsError
from harness.records.events import EVENT, Event

_SEALED = re.compile(rb'(?P<body>\{.*),"crc":"(?P<crc>[0-9a-f]{8})"\}\n', re.DOTALL)


def _seal(crc: int) -> bytes:
    """Return the end of a line: what follows the event without its closing brace."""
    return b',"crc":"%08x"}\n' % crc


_SEAL_LENGTH = len(_seal(0))


def seal(body: bytes, previous: int) -> tuple[bytes, int]:
    """Return a journal line and its checksum.

    Args:
        body: An event as a JSON object on one line.
        previous: The checksum of the line before; 0 for the first.
    """
    crc = zlib.crc32(body, previous)
    return body[:-1] + _seal(crc), crc


def unseal(line: bytes) -> tuple[bytes, int] | None:
    """Return a line's event and the checksum it carries; None when it is not a whole journal line."""
    match = _SEALED.fullmatch(line)
    return (match["body"] + b"}", int(match["crc"], 16)) if match else None


def follows(line: bytes, previous: int) -> bool:
    """Return whether a line is whole and continues a line with this checksum."""
    unsealed = unseal(line)
    return unsealed is not None and zlib.crc32(unsealed[0], previous) == unsealed[1]


def checked_line(line: bytes, previous: int, place: str) -> tuple[Event, int]:
    """Return a line's event and checksum.

    Raises:
        ResultsError: The line was cut, changed, or does not follow the one before.
    """
    # Without `unseal`: nearly every line is sound, and a large study has millions.
    start = line[:-_SEAL_LENGTH]
    crc = zlib.crc32(b"}", zlib.crc32(start, previous))
    if line[-_SEAL_LENGTH:] != _seal(crc):
        raise _damaged(line, place)
    body = start + b"}"
    try:
        return EVENT.validate_json(body), crc
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise ResultsError(
            f"{place}: not an event this version knows ({first['msg']}): {body[:120]!r}. "
            f"Remedy: use the version of the harness that wrote it.",
            place=place,
        ) from error


def converted(place: str) -> ResultsError:
    """Return what is told of a journal whose lines a copy, an editor or git has given other ends.

    Args:
        place: Its path, or that of a line.
    """
    return ResultsError(
        f"{place}: lines end with CR LF, as a copy for Windows has them. Nothing is lost or changed. "
        f"Remedy: take the CR away, with `sed -i 's/\\r$//'` and the journal's name, and copy as it is.",
        place=place,
    )


def _damaged(line: bytes, place: str) -> ResultsError:
    if line.endswith(b"\r\n"):
        return converted(place)
    if unseal(line) is None:
        return ResultsError(
            f"{place}: not a whole line of a journal: {line[:120]!r}. "
            f"Remedy: cut the file before this line; everything above it is intact.",
            place=place,
        )
    return ResultsError(
        f"{place}: the checksum does not fit: this line was changed, or lines before it are missing or "
        f"repeated. Remedy: cut the file before this line; everything above it is intact.",
        place=place,
    )
