"""What a command prints, for as long as somebody reads it: a closed pipe or terminal ends no command."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, TextIO, cast


class _Lasting:
    """Pass text on to a stream for as long as somebody takes it; what it cannot encode goes as escapes."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.loss: Exception | None = None
        """Why nothing is passed on any more."""

    def write(self, text: str) -> int:
        encoding = getattr(self._stream, "encoding", None) or "utf-8"
        self._try(lambda: self._stream.write(text.encode(encoding, "backslashreplace").decode(encoding)))
        return len(text)

    def flush(self) -> None:
        self._try(self._stream.flush)

    def _try(self, write: Callable[[], object]) -> None:
        if self.loss is not None:
            return
        try:
            write()
        except (OSError, ValueError) as error:
            self.loss = error
            with suppress(OSError, ValueError):  # the interpreter flushes what is left at its end
                nowhere = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, self._stream.fileno())
                os.close(nowhere)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextmanager
def surviving_output() -> Iterator[None]:
    """Let no print fail while the context lasts."""
    before = sys.stdout, sys.stderr
    streams = [_Lasting(stream) for stream in before]
    sys.stdout, sys.stderr = (cast("TextIO", stream) for stream in streams)
    try:
        yield
    finally:
        for stream in streams:
            stream.flush()
        sys.stdout, sys.stderr = before


def is_lost(stream: object) -> bool:
    """Tell whether nobody reads a stream any more."""
    return getattr(stream, "loss", None) is not None
