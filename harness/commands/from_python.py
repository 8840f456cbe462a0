"""`harness.run_study` and `harness.results`: the commands for programs and notebooks.

A study runs as `python -m harness.sweep` in a process of its own, so that a notebook keeps its signals, its
threads and its memory, and its numbers are those of the command.
"""

import json
import re
import signal
import subprocess
import sys
import tempfile
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from os import PathLike
from pathlib import Path
from typing import Any

from analysis.results import Results, results
from harness.arguments import resolved
from harness.errors import (
    EXIT_COMPLETE,
    EXIT_INTERRUPTED,
    EXIT_REFUSED,
    EXIT_SOME_FAILED,
    HarnessError,
    StudyError,
)

__all__ = ["Results", "results", "run_study"]

_LAST_LINES, _MOST_LINES = 40, 2000
"""Of the sweep's output, kept for the message if a bug ends it, and of one that is refused."""

_HEAD = re.compile(r"^(?:python -m harness\.sweep: )?error: ", re.MULTILINE)
"""How a refusal begins, of arguments by argparse too; its reason may hold the same words further on."""

_READABLE = {EXIT_COMPLETE, EXIT_SOME_FAILED, EXIT_INTERRUPTED}
"""How a sweep ends that leaves results, if not all of them."""


class SweepError(HarnessError):
    """Report that a sweep was refused, or ended by a bug; the message is what the command said last."""


def run_study(
    study: str | PathLike[str] | Mapping[str, Any],
    *,
    results_folder: str | PathLike[str] = "results",
    overrides: Mapping[str, Any] | None = None,
    resume: bool = False,
    trust: bool | str | None = False,
    address: str = "local",
    report: bool = True,
    quiet: bool = False,
) -> Results:
    """Run a study to its end, as `python -m harness.sweep` does, and return its results.

    Args:
        study: Path of a study file, or what one holds as a mapping; code that a mapping names is
            looked for in the working directory.
        results_folder: Folder of all results; the study's own is `<results_folder>/<study>`.
        overrides: Settings to override, by their dotted key: `{"recipe.epochs": 2}`.
        resume: Go on with a study that has begun; begin it where it has not.
        trust: Let code run that the study names: True as it is now, or the SHA-256 that `--dry-run` showed.
        address: `local`, or `auto` or `HOST:PORT` of a running Ray cluster.
        report: Write the report too.
        quiet: Show nothing while it runs.

    Returns:
        The results; where runs failed or the sweep was interrupted, of what there is (`missing` says so).

    Raises:
        StudyError: The study has problems.
        SweepError: The sweep was refused, or a bug ended it.
        KeyboardInterrupt: The caller was interrupted; the sweep has then ended in good order, and `resume`
            goes on with it.
    """
    from harness.study.reading.parse import load_study, parse_study

    given = tuple(f"{key}={_plain(value)}" for key, value in (overrides or {}).items())
    if isinstance(study, Mapping):  # a mistake is told of it, not of a file that nobody knows
        parse_study(_plain(study, indent=2), "study", given)
    with _study_file(study) as path:
        name = load_study(path, given).name
        arguments = [str(path), "--results", str(resolved(Path(results_folder))), "--address", address]
        arguments += [word for override in given for word in ("--set", override)]
        arguments += ["--resume-if-begun"] if resume else []
        arguments += [] if report else ["--no-report"]
        arguments += ["--code", str(Path.cwd())] if isinstance(study, Mapping) else []
        if trust is not None and trust is not False:
            arguments += ["--trust" if trust is True else f"--trust={trust}"]
        code, said = _sweep(arguments, quiet=quiet)
    if code not in _READABLE:
        raise SweepError(said or f"the sweep ended with {code}")
    return results(Path(results_folder) / name)


@contextmanager
def _study_file(study: str | PathLike[str] | Mapping[str, Any]) -> Iterator[Path]:
    """Yield the path of a study file; a mapping is written to one, which is gone afterwards.

    Raises:
        StudyError: The mapping holds what no study file can hold.
    """
    if not isinstance(study, Mapping):
        yield Path(study)
        return
    with tempfile.TemporaryDirectory(prefix="study-") as folder:
        path = Path(folder) / "study.yaml"
        path.write_text(_plain(study, indent=2) + "\n", encoding="utf-8")  # JSON is YAML
        yield path


def _plain(value: Any, indent: int | None = None) -> str:
    """Return a value as a study file may hold it.

    Raises:
        StudyError: None may.
    """
    if isinstance(value, str) and indent is None:
        return value  # as `--set` takes it
    try:
        return json.dumps(value, indent=indent, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise StudyError(
            f"{value!r}: no study file can hold this ({error}). Remedy: numbers, text, lists and mappings of "
            f"them; of NumPy's numbers their .item()."
        ) from error


def _sweep(arguments: Iterable[str], *, quiet: bool) -> tuple[int, str]:
    """Run the command; return its exit code, and of a refusal or a bug what it said last."""
    last: deque[str] = deque(maxlen=_MOST_LINES)
    with subprocess.Popen(  # noqa: S603 - our own command, without a shell
        [sys.executable, "-m", "harness.sweep", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        text=True,
        encoding="utf-8",
        errors="replace",
        start_new_session=True,  # Ctrl-C comes to it from here, once
    ) as sweep:
        lines = sweep.stdout or ()
        try:
            for line in lines:
                last.append(line)
                if not quiet:
                    sys.stdout.write(line)
                    sys.stdout.flush()
        except KeyboardInterrupt:
            sweep.send_signal(signal.SIGINT)
            for line in lines:  # what it says while it ends
                sys.stdout.write(line)
            raise
    if sweep.returncode == EXIT_REFUSED:
        return sweep.returncode, _reason("".join(last))
    return sweep.returncode, "".join([*last][-_LAST_LINES:])


def _reason(said: str) -> str:
    """Return a refusal as the command told it, without what it printed before."""
    head = _HEAD.search(said)
    return said if head is None else said[head.end() :].strip()
