"""The one description of an API that old versions of kubectl ask for, in the one encoding they read.

Before a dry run, kubectl 1.20 looks in the server's OpenAPI document, encoded as protobuf, for a parameter
`dryRun` of the type's PATCH. Field numbers are those of openapi_v2.proto in github.com/google/gnostic.
"""

from collections.abc import Iterable


def openapi(kinds: Iterable[tuple[str, str, str]]) -> bytes:
    """Return a document that says of each (group, version, kind) no more than that it can be tried."""
    paths = [_message(2, _path(f"/{kind}", *names)) for names in kinds for kind in [names[2]]]
    return _message(1, b"2.0") + _message(8, b"".join(paths))


def _path(name: str, group: str, version: str, kind: str) -> bytes:
    """Return a NamedPathItem whose PATCH has the parameter."""
    query = _message(2, b"query") + _message(4, b"dryRun")
    parameter = _message(1, _message(2, _message(3, query)))
    what = f"group: {group!r}\nversion: {version}\nkind: {kind}\n".encode()
    extension = _message(1, b"x-kubernetes-group-version-kind") + _message(2, _message(2, what))
    patch = _message(8, parameter) + _message(13, extension)
    return _message(1, name.encode()) + _message(2, _message(8, patch))


def _message(field: int, content: bytes) -> bytes:
    """Return a length-delimited field of protobuf."""
    return bytes([field << 3 | 2]) + _varint(len(content)) + content


def _varint(number: int) -> bytes:
    low, rest = number & 0x7F, number >> 7
    return bytes([low | 0x80]) + _varint(rest) if rest else bytes([low])
