"""What the user is shown. The terminal, pipe or file behind it may go away: nothing depends on it."""

import os
import select
import shutil
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, TextIO, cast

_MOST_WAITING = 1000
"""Texts kept for a reader who does not read; what comes then is dropped."""

_USUAL_WIDTH = 80
"""Letters in a line where no terminal says how many fit."""

_CANNOT_DRAW = ("dumb", "unknown")
"""Terminals (`TERM`) that only take line after line."""


def width_of_screen() -> int:
    """Return how many letters fit into a line: what COLUMNS says, else the terminal, else 80."""
    return max(20, shutil.get_terminal_size((_USUAL_WIDTH, 24)).columns)


def is_terminal(stream: TextIO) -> bool:
    """Whether what a stream shows can be drawn anew: it is a terminal, and no dumb one.

    Rich is told, and not asked: it takes a `FORCE_COLOR`, which wants colours in a log, for a terminal.
    """
    try:
        return stream.isatty() and os.environ.get("TERM", "").lower() not in _CANNOT_DRAW
    except ValueError:  # somebody closed it
        return False


def say(message: str) -> None:
    """Tell the user what goes on, beside what the command answers."""
    print(message, file=sys.stderr, flush=True)  # noqa: T201 - what a command says


class LastingStream:
    """Pass text on to a stream for as long as somebody takes it, and drop the rest.

    It stands in for `sys.stdout` and `sys.stderr`, so that argparse, rich, warnings and every library write
    through it too. Characters that the stream cannot encode are written as escapes.
    """

    def __init__(self, stream: TextIO, patience: float | None = None) -> None:
        """Stand in for a stream.

        Args:
            stream: What is written to.
            patience: Seconds that a reader who does not read (Ctrl-S, a connection that hangs) may cost; None
                waits for him.
        """
        self._stream = stream
        self._patience = patience
        self._loss: Exception | None = None
        self._pump: _Pump | None = None
        if patience is not None:
            with suppress(OSError, ValueError):  # a stream without a descriptor is no terminal and no pipe
                self._pump = _Pump(stream.fileno())

    @property
    def loss(self) -> Exception | None:
        """Why nothing is passed on any more."""
        return self._loss or (self._pump.loss if self._pump else None)

    def write(self, text: str) -> int:
        """Write text, or drop it."""
        if self._pump is None:
            self._survive(lambda: self._write(text))
        else:
            self._pump.put(text.encode(self._stream.encoding or "ascii", "backslashreplace"))
        return len(text)

    def _write(self, text: str) -> None:
        try:
            self._stream.write(text)
        except UnicodeEncodeError:
            encoding = self._stream.encoding or "ascii"
            self._stream.write(text.encode(encoding, "backslashreplace").decode(encoding))

    def writelines(self, lines: Iterable[str]) -> None:
        """Write lines, or drop them."""
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        """Hand on what is held back, if somebody takes it in time."""
        if self._pump is None:
            self._survive(self._stream.flush)
        else:
            self._pump.drain(self._patience)

    def hand_over(self) -> None:
        """Hand on everything, however long the reader takes."""
        if self._pump is None:
            self.flush()
        else:
            self._pump.drain(None)

    def finish(self) -> None:
        """Hand on the rest, or drop it: the interpreter makes an error of what it cannot at its end."""
        self.flush()
        if self._pump is not None:
            self._pump.end()
        elif self.loss is None:
            try:
                self._stream.flush()
            except BlockingIOError as error:
                self._lose(error)

    def _survive(self, write: Callable[[], object]) -> None:
        if self.loss is not None:
            return
        try:
            write()
        except BlockingIOError:
            pass  # made not to wait for a reader who does not keep up: what fits the buffer comes later
        except (OSError, ValueError) as error:  # ValueError: somebody closed it
            self._lose(error)

    def _lose(self, error: Exception) -> None:
        """Let nothing more be written, not even what the stream still holds."""
        self._loss = error
        with suppress(OSError, ValueError):  # a stream without a descriptor has nothing behind it
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self._stream.fileno())
            os.close(nowhere)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


class _Pump:
    """Writes to a descriptor in a thread of its own, which may have to wait for a reader while others go on.

    It writes past Python's stream: with a lock held by a waiting thread, the interpreter aborts at its end.
    """

    def __init__(self, descriptor: int) -> None:
        self.loss: Exception | None = None
        self._descriptor = descriptor
        self._waiting: deque[bytes] = deque()
        self._is_stuck = False
        self._is_over = False
        self._changed = threading.Condition()
        threading.Thread(target=self._run, daemon=True).start()

    def put(self, data: bytes) -> None:
        """Have data written, or dropped where too much is waiting."""
        with self._changed:
            if self.loss is None and len(self._waiting) < _MOST_WAITING:
                self._waiting.append(data)
                self._changed.notify_all()

    def drain(self, patience: float | None) -> None:
        """Wait until everything is written; of a reader who did not read in this time before, for nothing."""
        with self._changed:
            if not self._is_stuck or patience is None:
                self._is_stuck = not self._changed.wait_for(self._is_done, patience)

    def end(self) -> None:
        """Have the thread end once everything is written."""
        with self._changed:
            self._is_over = True
            self._changed.notify_all()

    def _is_done(self) -> bool:
        return not self._waiting or self.loss is not None

    def _run(self) -> None:
        while self.loss is None:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._is_over)
                if not self._waiting:
                    return
                data = self._waiting[0]
            loss = self._write(data)
            with self._changed:
                self.loss = loss
                self._is_stuck = False
                self._waiting.popleft()
                self._changed.notify_all()

    def _write(self, data: bytes) -> OSError | None:
        """Write data; return why that is not possible."""
        while data:
            try:
                data = data[os.write(self._descriptor, data) :]
            except BlockingIOError:
                select.select([], [self._descriptor], [])
            except OSError as error:
                return error
        return None


@contextmanager
def lasting_screen(patience: float | None = None) -> Iterator[None]:
    """Let nothing that is written to standard output or errors fail, for as long as the context lasts.

    Args:
        patience: See `LastingStream`.
    """
    _open_standard_descriptors()
    before = sys.stdout, sys.stderr
    streams = [LastingStream(stream or _nowhere(), patience) for stream in before]
    sys.stdout, sys.stderr = (cast("TextIO", stream) for stream in streams)
    try:
        yield
    finally:
        for stream in streams:
            stream.finish()
        sys.stdout, sys.stderr = before


def _nowhere() -> TextIO:
    return open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123 - open as long as the process


def _open_standard_descriptors() -> None:
    """Put nothing in the place of input, output and errors that were closed.

    Else the next file that is opened, such as a journal, gets their number, and children write into it.
    """
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            nowhere = os.open(os.devnull, os.O_RDWR)
            os.dup2(nowhere, descriptor, inheritable=True)
            if nowhere != descriptor:
                os.close(nowhere)
