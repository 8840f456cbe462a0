"""A sweep with results in an object storage: `python -m harness.cluster.stored_sweep ADDRESS -- ARGUMENTS`.

A sweep needs a folder it can append to and fsync. It gets a local one; what the storage holds is fetched
before, and what changed is stored every half minute and at the end.
"""

import argparse
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path

from harness.cluster.launch.processes import end_child
from harness.cluster.object_storage import Mirror, ObjectStorage
from harness.edge import run_command
from harness.errors import (
    EXIT_COMPLETE,
    EXIT_INTERRUPTED,
    EXIT_SOME_FAILED,
    EnvironmentMismatchError,
    ResultsError,
)
from harness.records.folder import STORED_IN, ResultsFolder
from harness.screen import say

_FORWARDED = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1, signal.SIGHUP)
LAST_WAITS_SECONDS = (0, 1, 2, 4, 8, 16)
"""Before each attempt to store the end of a sweep."""


def main(arguments: list[str] | None = None) -> int:
    """Run the command; return the sweep's exit code, or 75 if its end could not be stored."""
    words = sys.argv[1:] if arguments is None else arguments
    return run_command(partial(_act, words))


def _act(words: list[str]) -> int:
    at = words.index("--") if "--" in words else len(words)
    options = _parser().parse_args(words[:at])
    return _run(options.address, words[at + 1 :], options.every)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m harness.cluster.stored_sweep",
        usage="%(prog)s [--every SECONDS] ADDRESS -- SWEEP_ARGUMENTS",
        description="Run python -m harness.sweep with results in an object storage.",
    )
    parser.add_argument("address", help="folder of the study's results, such as s3://BUCKET/STUDY")
    parser.add_argument(
        "--every", type=float, default=30.0, metavar="SECONDS", help="how often to store (30)"
    )
    return parser


def _run(address: str, sweep_arguments: Sequence[str], every: float) -> int:
    """Fetch, sweep and store; return the exit code."""
    folder = ResultsFolder(_run_dir(sweep_arguments))
    mirror = Mirror(ObjectStorage(address), folder)
    try:
        is_continued = mirror.fetch()
    except OSError as error:
        raise EnvironmentMismatchError(
            f"{address}: cannot be read ({error}). Nothing was started. Remedy: check the address, and the "
            f"credentials in the environment",
            place=address,
        ) from error
    say(f"{'continuing from' if is_continued else 'storing results in'} {address}")
    child = _Sweep(sweep_arguments, address)
    try:
        while child.is_running(every):
            _store_some(mirror)
    except ResultsError:
        child.end()
        raise
    if not store_rest(mirror, LAST_WAITS_SECONDS):
        say(
            f"error: the end of this sweep is not in {address}; all of it is in {folder.root} on this "
            f"machine. Remedy: copy that folder while it exists; a resume runs again what is not stored"
        )
        return EXIT_INTERRUPTED
    say(f"results are stored in {address}")
    return child.exit_code


def _run_dir(sweep_arguments: Sequence[str]) -> Path:
    """Return the results folder that the sweep is told."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--run-dir", type=Path)
    run_dir: Path | None = parser.parse_known_args(list(sweep_arguments))[0].run_dir
    if run_dir is None:
        raise EnvironmentMismatchError(
            "the arguments of the sweep lack --run-dir. Remedy: -- STUDY --run-dir DIR"
        )
    return run_dir.resolve()


class _Sweep:
    """A sweep as a process of its own, so that its results are stored however it ends."""

    def __init__(self, arguments: Sequence[str], address: str) -> None:
        early: list[int] = []
        is_kept = signal.getsignal(signal.SIGHUP) == signal.SIG_IGN  # nohup: the sweep ignores it likewise
        forwarded = [number for number in _FORWARDED if number != signal.SIGHUP or not is_kept]
        for number in forwarded:
            signal.signal(number, lambda number, _: early.append(number))
        command = [sys.executable, "-u", "-m", "harness.sweep", *arguments]
        environment = {**os.environ, STORED_IN: address}
        self._process = subprocess.Popen(command, env=environment)  # noqa: S603 - our own module, no shell
        self._told_to_end = False
        for number in forwarded:
            signal.signal(number, lambda number, _: self._forward(number))
        for sent in early:
            self._forward(sent)

    def _forward(self, number: int) -> None:
        self._told_to_end = True
        self._process.send_signal(number)

    def is_running(self, seconds: float) -> bool:
        """Wait for the end so long; return whether it has not come."""
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return True
        return False

    @property
    def exit_code(self) -> int:
        """Of a sweep that ended; 75 where a forwarded signal ended it before it could answer in good order.

        While Ray starts, its handlers exit with the signal's number.
        """
        code = int(self._process.returncode)
        if code < 0:
            say(f"the sweep was killed by signal {-code}")
            code = EXIT_INTERRUPTED if -code in _FORWARDED else 128 - code
        if self._told_to_end and code not in {EXIT_COMPLETE, EXIT_SOME_FAILED}:
            return EXIT_INTERRUPTED
        return code

    def end(self) -> None:
        """Ask for the end in good order, and wait for it."""
        end_child(self._process, patience_seconds=30)


def _store_some(mirror: Mirror) -> None:
    """Store what changed; a storage that does not answer gets it next time."""
    try:
        mirror.store()
    except OSError as error:
        say(f"warning: results not stored this time ({error}); tried again later")


def store_rest(mirror: Mirror, waits: Iterable[float]) -> bool:
    """Store what a sweep left, with some patience; return whether it worked.

    Args:
        mirror: Of the sweep's folder.
        waits: Seconds before each attempt.

    Raises:
        ResultsError: Another sweep has written its journal there.
    """
    for wait in waits:
        time.sleep(wait)
        try:
            mirror.store()
        except OSError as error:
            say(f"warning: results not stored ({error})")
        else:
            return True
    return False


if __name__ == "__main__":
    sys.exit(main())
