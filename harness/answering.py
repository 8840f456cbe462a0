"""`--json`: standard output is for one JSON object at the end; what is said before goes elsewhere."""

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, TextIO

from harness.errors import HarnessError, ResultsError, unusable

if TYPE_CHECKING:
    import argparse

    from harness.json_output import Answer

OPTION = "--json"


class Answering:
    """Keeps what a command answers, and writes it once the command has ended, however it ended."""

    def __init__(self, command: str, arguments: Sequence[str] | None) -> None:
        """Look whether an answer is asked for.

        Args:
            command: The command's name, for an answer that tells nothing but an error.
            arguments: Those of the command; None takes the process's own.
        """
        given = list(sys.argv[1:] if arguments is None else arguments)
        own = given[: given.index("--")] if "--" in given else given
        self.command = command
        self.is_asked = any(word[:3] == OPTION[:3] and OPTION.startswith(word) for word in own)  # as argparse
        self._answer: Answer | None = None
        self._error: HarnessError | None = None

    def give(self, answer: "Answer") -> None:
        """Keep what is answered, in place of what was kept before."""
        self._answer = answer

    def fail(self, error: HarnessError) -> None:
        """Keep why the command did not do all that was asked for: the first reason, of several."""
        self._error = self._error or error

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keep standard output for the answer, and write it at the end.

        Until then all that is written there, by child processes too, goes to standard errors.

        Raises:
            ResultsError: Standard output takes nothing, as its disk is full for instance.
        """
        if not self.is_asked:
            yield
            return
        with _aside() as stream:
            try:
                yield
            except SystemExit as end:
                if end.code:  # else it was asked for help
                    self._write(stream)
                raise
            self._write(stream)

    def _write(self, stream: TextIO) -> None:
        try:
            stream.write(f"{self._text()}\n")
            stream.flush()
        except BrokenPipeError:  # the reader has seen enough
            _drop(stream)
        except OSError as error:
            _drop(stream)
            raise ResultsError(unusable("standard output", "written", error)) from error

    def _text(self) -> str:
        from harness.json_output import Error, Refused

        error = None if self._error is None else Error.of(self._error)
        if self._answer is not None:
            return self._answer.model_copy(update={"error": error}).text()
        unsaid = HarnessError("ended without an answer; standard errors may say why")
        return Refused(command=self.command, error=error or Error.of(unsaid)).text()


@contextmanager
def _aside() -> Iterator[TextIO]:
    """Yield what was standard output; meanwhile what is written there goes to standard errors."""
    before = sys.stdout
    sys.stdout = sys.stderr
    try:
        number = before.fileno()
        errors = sys.stderr.fileno()
    except (OSError, ValueError):  # streams of a program that calls the command as a function
        try:
            yield before
        finally:
            sys.stdout = before
        return
    before.flush()
    kept = os.dup(number)
    os.dup2(errors, number)
    try:
        with open(kept, "w", encoding="ascii") as stream:  # noqa: PTH123 - a descriptor
            try:
                yield stream
            finally:
                with suppress(OSError, ValueError):
                    stream.flush()
                os.dup2(kept, number)
    finally:
        sys.stdout = before


def _drop(stream: TextIO) -> None:
    """Let what a stream still holds go nowhere: closing it would raise once more."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


def add_json(parser: "argparse.ArgumentParser") -> None:
    """Add the option; whether it is given, `Answering` sees before anything is parsed."""
    parser.add_argument(
        OPTION, action="store_true", help="print one JSON object at the end, and all words to standard errors"
    )
