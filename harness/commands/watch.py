"""Show a running study: `recipe-harness watch DIR`.

Reads the folder's files and nothing else, so it works from anywhere that sees the folder, such as a login
node of a cluster, and can disturb nothing.
"""

import argparse
import sys
import textwrap
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

from rich.console import Console
from rich.live import Live
from rich.text import Text

from analysis.exports.reading import JournalReader
from analysis.listing import ago, state_of
from analysis.results import Results, results
from harness.arguments import EXIT_CODES, Parser, path_argument, pause_argument, resolved
from harness.commands.watching.job import Job
from harness.commands.watching.progress import progress_of
from harness.commands.watching.view import line, view_lines
from harness.edge import deliver, run_command
from harness.errors import EXIT_COMPLETE, EXIT_INTERRUPTED
from harness.records.folder import ResultsFolder
from harness.screen import is_terminal, width_of_screen

if TYPE_CHECKING:
    from pathlib import Path

_SECONDS, _LINE_SECONDS = 5.0, 30.0
"""Between two looks on a terminal, and between two lines elsewhere."""
_READING_SHARE = 10
"""Times as long as reading takes, it is not read again: it shares a machine with what trains."""
_SILENT_SECONDS = 600.0
"""After so long without an event, a folder that no sweep is seen to hold is one that waits for a resume."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    return run_command(partial(_watch, arguments), interrupted="no longer watched; the study goes on")


class Watched:
    """A study that is looked at again and again."""

    def __init__(self, root: "Path", every: float | None) -> None:
        """Read what there is.

        Raises:
            ResultsError: There is neither a study nor a submission, or a file is damaged.
        """
        self.folder = ResultsFolder(root)
        self.job = Job(root)
        self.found: Results | None = None
        self._every = every
        self._reader = JournalReader(self.folder)
        self._size = -1
        self._cost = 0.0
        self.look()

    def look(self) -> bool:
        """Read what is new; return whether there was something."""
        self.job.ask()
        if self.job.record is not None and not self.folder.manifest.exists():
            return False
        size = _size(self.folder)
        if size == self._size:
            return False
        began = time.monotonic()
        self.found = results(self.folder.root)
        self._reader.read()
        self._size, self._cost = size, time.monotonic() - began
        return True

    def wait(self, usual: float, least: float = 0.0) -> None:
        """Let time pass until the next look: what the user asks for, or what is usual."""
        time.sleep(max(self._every or usual, least, _READING_SHARE * self._cost))

    @property
    def has_ended(self) -> bool:
        """Whether all has run."""
        return self.found is not None and self.found.missing is None

    @property
    def end(self) -> int | None:
        """How the command ends now; None where it goes on."""
        if self.has_ended or (self.found is None and self.job.is_over):
            return EXIT_COMPLETE
        if self.found is None or state_of(self.found) == "running":
            return None
        if self.job.state is not None:
            return EXIT_INTERRUPTED if self.job.is_over else None
        return EXIT_INTERRUPTED if self._silent_seconds > _SILENT_SECONDS else None

    @property
    def _silent_seconds(self) -> float:
        last = self._reader.last_at
        return 0.0 if last is None else (datetime.now(UTC) - last).total_seconds()

    def lines(self) -> Iterator[str]:
        """Yield what is shown."""
        width = width_of_screen()
        if not self.has_ended and (told := self.job.in_words()):
            yield from textwrap.wrap(told, width, subsequent_indent="    ")
        if self.found is None:
            where = self.job.elsewhere
            seen = f"its results are in {where}, not in a folder that is seen from here" if where else ""
            yield seen or f"no results yet in {self.folder.root}"
            return
        now = datetime.now(UTC)
        progress = progress_of(self.found, self._reader.runs, now)
        yield from view_lines(self.found, progress, ago(self._silent_seconds), width)
        if self.end == EXIT_INTERRUPTED:
            told = "no sweep is seen to work on it; the command that began it finishes it, with --resume"
            yield from textwrap.wrap(told, width)

    def line(self) -> str:
        """Return what is shown in one line."""
        now = datetime.now(UTC)
        if self.found is None:
            return f"{now:%H:%M:%S} {' '.join(self.lines())}"
        return line(self.found, progress_of(self.found, self._reader.runs, now), now)


def _size(folder: ResultsFolder) -> int:
    """Return how long the journal is."""
    return next(
        (path.stat().st_size for path in (folder.journal, folder.compressed_journal) if path.exists()), 0
    )


def _watch(arguments: Sequence[str] | None) -> int:
    options = _options(arguments)
    root = resolved(options.folder)
    if root.name == "submit" and (root / "submit.json").exists():
        root = root.parent
    watched = Watched(root, options.every)
    if options.page:
        from harness.commands.watching.page import serve

        return serve(watched, port=options.port)
    if options.once:
        deliver("\n".join(watched.lines()))
        return EXIT_COMPLETE
    return _on_terminal(watched) if is_terminal(sys.stdout) else _in_lines(watched)


def _in_lines(watched: Watched) -> int:
    """Print a line now and then, and everything at the end."""
    is_new = True
    while watched.end is None:
        if is_new:
            print(watched.line(), flush=True)
        watched.wait(usual=_LINE_SECONDS)
        is_new = watched.look()
    deliver("\n".join(watched.lines()))
    return watched.end


def _on_terminal(watched: Watched) -> int:
    """Keep everything on the screen; what does not fit its height is left out until the end."""
    with Live(console=Console(force_terminal=True), auto_refresh=False, transient=True) as screen:
        while True:
            screen.update(Text("\n".join(watched.lines())), refresh=True)
            if watched.end is not None:
                break
            watched.wait(usual=_SECONDS)
            watched.look()
    deliver("\n".join(watched.lines()))
    return watched.end


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = Parser(
        prog="recipe-harness watch",
        description="Show how far a study is and how its claims stand, until it ends. Nothing is written.",
        epilog=f"exit codes: 0 the study has ended, or was shown once; 2 no results folder; {EXIT_CODES}; 75 "
        "no longer watched, or no sweep works on it: --resume finishes it.",
    )
    parser.add_argument(
        "folder",
        type=path_argument,
        metavar="RESULTS_DIR",
        help="such as results/optimizers; of a submitted study its RUN_DIR",
    )
    ways = parser.add_mutually_exclusive_group()
    ways.add_argument("--once", action="store_true", help="show it once and end")
    ways.add_argument(
        "--page",
        action="store_true",
        help="serve its report, made anew as it goes on, to a browser on this machine",
    )
    parser.add_argument("--port", type=_port, default=0, metavar="N", help="of the page (one that is free)")
    parser.add_argument(
        "--every",
        type=pause_argument,
        metavar="SECONDS",
        help="look as often as that (5; without a terminal 30)",
    )
    return parser.parse_args(arguments)


def _port(text: str) -> int:
    """Return a port as given on the command line."""
    if not text.isdecimal() or not 1 <= int(text) <= 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is no port. Remedy: a number from 1024 to 65535")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
