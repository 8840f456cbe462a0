"""What every kind of cluster is asked, what it can do, and the states a submitted study can be in.

A target is a kind of cluster that studies are submitted to, and nothing else here is called so.
"""

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol

from harness.cluster.submit_folder import SubmitFolder, SubmitRecord
from harness.code.named import named_code
from harness.code.sources import hash_sources, local_part
from harness.code.trust import trust_sha256
from harness.errors import (
    EXIT_BUG,
    EXIT_COMPLETE,
    EXIT_INTERRUPTED,
    EXIT_REFUSED,
    EXIT_SOME_FAILED,
    EnvironmentMismatchError,
    ResultsError,
)
from harness.study.study import Study

JobPhase = Literal["pending", "running", "completed", "interrupted", "failed", "cancelled", "unknown"]
"""`interrupted`: it ended in good order and `resume` finishes it; `unknown`: the cluster knows it no more."""

PHASE_OF_EXIT_CODE: Mapping[int, JobPhase] = {
    EXIT_COMPLETE: "completed",
    EXIT_SOME_FAILED: "failed",
    EXIT_REFUSED: "failed",
    EXIT_BUG: "failed",
    EXIT_INTERRUPTED: "interrupted",
}
"""How a job is over whose sweep ended so; any other number is not a sweep's, but that of a crash."""

REASON_OF_EXIT_CODE: Mapping[int | None, str] = {
    EXIT_COMPLETE: "",
    EXIT_SOME_FAILED: "some runs failed, and the report names the reasons",
    EXIT_BUG: "a bug of the harness; `logs` holds its traceback",
    EXIT_REFUSED: "refused or could not start; `logs` names the reason",
    EXIT_INTERRUPTED: "`resume` finishes it",
}
"""What an exit code of a sweep means, where nothing better is known."""

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")

OVER: frozenset[JobPhase] = frozenset({"completed", "interrupted", "failed", "cancelled", "unknown"})


def named(texts: Mapping[str, str], name: str, folder: SubmitFolder) -> str:
    """Return one of a submission's texts.

    Raises:
        ResultsError: It is not among them: somebody removed its file.
    """
    if name not in texts:
        raise ResultsError(
            f"{folder.root / name}: is missing. Remedy: submit the study again with the same --run-dir"
        )
    return texts[name]


def utf8(place: str, value: str) -> str:
    """Return a value that the files of a submission can hold: bytes that are no text do not arrive.

    Args:
        place: Where it was given.
        value: A path, or what an argument says.

    Raises:
        EnvironmentMismatchError: It is not UTF-8.
    """
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise EnvironmentMismatchError(
            f"{place}: {value!r} is not UTF-8, in which a submission is written and clusters take it. "
            f"Remedy: write it in UTF-8",
            place=place,
        ) from error
    return value


def checked_variables(environment: Mapping[str, str], reserved: Collection[str]) -> Mapping[str, str]:
    """Return the variables that the user gives to a job.

    Args:
        environment: Name to value, which may be secret: no message tells it.
        reserved: Names that the harness or this kind of cluster sets, beside those of every Ray.

    Raises:
        EnvironmentMismatchError: One would not arrive as it is, or is not the user's to set.
    """
    for name, value in environment.items():
        if not _VARIABLE.fullmatch(name):
            raise EnvironmentMismatchError(
                f"--env {name}=...: a variable's name has letters, digits and _ only, no digit first. "
                f"Remedy: another name"
            )
        if name in reserved or name == "RAY_ADDRESS" or name.startswith("RAY_AUTH_"):
            raise EnvironmentMismatchError(
                f"--env {name}=...: is set by the harness or by the cluster itself. Remedy: leave it out; a "
                f"token that opens a cluster belongs into this shell's own environment"
            )
        if "\0" in utf8(f"--env {name}", value):
            raise EnvironmentMismatchError(
                f"--env {name}=...: no variable can hold a NUL character. Remedy: another value"
            )
    return environment


class UnreachableError(EnvironmentMismatchError):
    """Report a cluster that does not answer."""


class NoAnswerError(EnvironmentMismatchError):
    """Report a cluster that did not answer in time: what it was asked for may have happened."""


@dataclass(frozen=True, kw_only=True)
class Request:
    """A study, and where its run is kept."""

    study: Study
    run_dir: Path
    """Absolute; the study's results folder."""
    name: str
    """What the cluster calls the job; any printable line."""

    def __post_init__(self) -> None:
        """Refuse what no cluster can be told.

        Raises:
            EnvironmentMismatchError: The folder's path or the name is not UTF-8.
        """
        utf8("--run-dir", str(self.run_dir))
        utf8("--name", self.name)

    @property
    def folder(self) -> SubmitFolder:
        """The paths of this submission."""
        return SubmitFolder(self.run_dir)

    def sweep_arguments(self, study_file: str, run_dir: str, address: str) -> list[str]:
        """Return the arguments of `python -m harness.sweep` that begin this study, or go on with it.

        Args:
            study_file: Where the study lies for the driver.
            run_dir: Where its results go, as the driver sees it.
            address: The Ray cluster, as the driver reaches it.
        """
        overrides = [f"--set={argument}" for argument in self.study.overrides]
        code = trusted_arguments(self.study)
        return [
            study_file,
            "--run-dir",
            run_dir,
            "--address",
            address,
            "--resume-if-begun",
            *overrides,
            *code,
        ]


def trusted_arguments(study: Study) -> list[str]:
    """Return what lets the sweep run the code that a study names, as it is now; of files, where they are."""
    code = named_code(study)
    if code.is_empty:
        return []
    has_files = code.commands or any(local_part(module, code.folder) for module in code.modules)
    folder = ["--code", utf8("--code", str(code.folder))] if has_files else []
    return [f"--trust={trust_sha256(code, hash_sources(code))}", *folder]


@dataclass(frozen=True, kw_only=True)
class JobState:
    """How a submitted study is doing."""

    phase: JobPhase
    reason: str = ""
    """In the cluster's words: why it waits, how it ended."""
    exit_code: int | None = None
    """Of the sweep, once it is over: 0 complete, 1 some runs failed, 2 refused, 75 interrupted."""
    facts: Mapping[str, str] = field(default_factory=dict)
    """What else the cluster tells: nodes, restarts, start."""

    @property
    def is_over(self) -> bool:
        """Whether nothing more will happen by itself."""
        return self.phase in OVER


class Target(Protocol):
    """One kind of cluster.

    `render` is pure. Errors a user can mend are `HarnessError`s that give place, value, rule and remedy.
    """

    def render(self, request: Request) -> Mapping[str, str]:
        """Return the files of a submission: name below `RUN_DIR/submit/` to text; the first one is shown.

        Raises:
            HarnessError: A value cannot be written into such a file safely, or is missing.
        """

    def check(self, texts: Mapping[str, str], folder: SubmitFolder) -> str | None:
        """Ask the cluster, where its tools are at hand, whether it would take what was rendered.

        Args:
            texts: What `render` returned, or what `folder` holds of it. They need not be on disk.
            folder: Of the submission before this one, if there was one; it stays as it is.

        Returns: Its answer in a line; None where nobody could be asked.

        Raises:
            HarnessError: It would refuse them, or let them wait for ever.
        """

    def submit(self, folder: SubmitFolder) -> SubmitRecord:
        """Hand the written files to the cluster, byte for byte.

        Raises:
            NoAnswerError: The cluster did not answer, or a KeyboardInterrupt ended the wait for its answer.
            HarnessError: The cluster cannot be reached, or refuses.
        """

    def state(self, record: SubmitRecord, folder: SubmitFolder) -> JobState:
        """Return how a submitted study is doing, from the cluster and from the launcher's own log."""

    def logs(self, record: SubmitRecord, folder: SubmitFolder, *, follow: bool) -> Iterator[str]:
        """Yield the driver's output, over restarts; with `follow` until it is over. Text, not whole lines."""

    def cancel(self, record: SubmitRecord, folder: SubmitFolder) -> None:
        """Ask the cluster to end it, in good order where the cluster gives the time for that."""
