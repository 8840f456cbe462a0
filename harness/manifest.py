"""The manifest: on what machine and code a study ran, and what became of it in later sessions.

What was to be measured and ruled stands in `harness.declaration`. What an older version wrote is brought to
this form by `harness.records.older_manifests`.
"""

from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from harness.records.documents import NO_MANIFEST, SCHEMA_VERSION, parsed, validated
from harness.records.older_manifests import is_older, manifest_of
from harness.records.provenance import GitState, Machine
from harness.records.recovery import Loss
from harness.records.whole_file import write_file
from harness.study.file import Resources


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


CONFIRM_SEEDS = "confirm.seeds"
"""The field of a change in the number of confirm seeds."""

REPEATS = "search.repeats"
"""The field of a change in the number of repeats."""


class Change(_Part):
    """What was another when a study was continued."""

    field: str
    """Its dotted name in the study file, such as `confirm.seeds`, or what it is called."""
    before: Any
    after: Any

    def in_words(self) -> str:
        """Return what was another, as the screen and the report tell it."""
        return f"{self.field}: {self.before!r} before, {self.after!r} now"


class Resumption(_Part):
    """A later session that continued the study."""

    at: str
    """UTC, ISO 8601."""
    command: list[str]
    changes: list[Change]
    """What differed from before and was accepted."""
    loss: Loss | None
    """What was wrong with the journal and what became of it."""


class RunsBeside(_Part):
    """How fast runs trained beside each other where that was measured, and how many should."""

    number: int
    """Runs beside each other: the fewest that are as fast as any number."""
    steps_per_second: dict[int, float]
    """Of all runs together, by their number."""
    all_threads: float | None
    """Steps a second of a single run with a thread a core; null where every run has that many."""
    cores: int
    """That could be used."""
    at: str
    """UTC, ISO 8601."""

    def in_words(self) -> str:
        """Return the measurement, as the screen tells it."""
        rates = ", ".join(f"{number}: {rate:.3g}" for number, rate in self.steps_per_second.items())
        alone = f"; one with {self.cores} threads: {self.all_threads:.3g}" if self.all_threads else ""
        return f"{self.number} at a time (steps a second of all together, {rates}{alone}; measured {self.at})"


class Manifest(_Part):
    """Everything the report needs to know that neither the declaration nor the journal says."""

    schema_version: Literal[2] = SCHEMA_VERSION
    declaration_sha256: str | None
    """Of `declaration.json` as written; null in a folder of the first version, which had none."""
    resources: Resources
    git: GitState
    """Of the code that ran."""
    versions: dict[str, str]
    """Python and every package that can change a number."""
    machine: Machine
    slots: int
    """Runs that may train at the same time."""
    beside: RunsBeside | None = None
    """The measurement by which `slots` was chosen; null where the study said it, or nobody had measured."""
    command: list[str]
    created_at: str
    """UTC, ISO 8601."""
    resumed: list[Resumption] = []

    @property
    def changes(self) -> list[Change]:
        """Everything that was another in a later session."""
        return [change for session in self.resumed for change in session.changes]

    def grown(self, field: str) -> list[Any]:
        """Return what a budget was raised to in later sessions, in their order."""
        return [change.after for change in self.changes if change.field == field]

    def write(self, path: Path) -> None:
        """Write the manifest as indented JSON; at no moment is half of it there.

        Raises:
            ResultsError: The folder cannot be written.
        """
        write_file(path, self.model_dump_json(indent=2) + "\n")

    @classmethod
    def read(cls, path: Path) -> "Manifest":
        """Read a manifest of this version or an older one.

        Raises:
            ResultsError: It is missing, damaged, or written by a newer version.
        """
        document = parsed(path, absent=NO_MANIFEST)
        return validated(cls, manifest_of(document) if is_older(document) else document, path)
