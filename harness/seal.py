"""The seal: does the declaration that lies in a folder belong to the first line of the journal beside it?

The chain of checksums has no key: whoever writes declaration, manifest and journal anew, all three fitting
each other, is not found out. Only a hash that was kept elsewhere shows that.
"""

import hashlib
from dataclasses import dataclass, field
from typing import Literal

from harness.errors import ResultsError, unusable
from harness.manifest import Manifest
from harness.records.events import Event, StudyDeclared
from harness.records.folder import ResultsFolder

Reason = Literal[
    "sealed",
    "first version",
    "nothing run",
    "no event",
    "several events",
    "no declaration",
    "declaration changed",
    "other manifest",
    "other than expected",
]
"""Why a declaration is sealed, not sealed or broken."""

_BROKEN: frozenset[Reason] = frozenset(
    ["no event", "several events", "no declaration", "declaration changed", "other manifest",
     "other than expected"]
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Seal:
    """What is known of a declaration: every hash is a SHA-256 in hexadecimal digits, or None."""

    sha256: str | None
    """Of `declaration.json` as it lies there; None in a folder of the first version."""
    journal_sha256: str | None = None
    """That the journal's first event names."""
    manifest_sha256: str | None = None
    """That the manifest names."""
    expected_sha256: str | None = None
    """That the reader kept elsewhere."""
    reason: Reason

    @property
    def state(self) -> Literal["sealed", "not sealed", "broken"]:
        """Whether journal and declaration agree, cannot disagree, or disagree."""
        if self.reason == "sealed":
            return "sealed"
        return "broken" if self.reason in _BROKEN else "not sealed"

    @property
    def short(self) -> str:
        """As much of the declaration's hash as tells two apart."""
        return _short(self.sha256)

    def in_words(self) -> str:
        """Return what is known, with the hashes that show it."""
        here, journal = self.short, _short(self.journal_sha256)
        manifest, expected = _short(self.manifest_sha256), _short(self.expected_sha256)
        words: dict[Reason, str] = {
            "sealed": f"declaration {here} sealed by the journal's first event",
            "first version": "declaration not sealed: an older version wrote it, and no hash of it",
            "nothing run": f"declaration {here} not sealed yet: no run has begun",
            "no event": f"declaration.json ({here}) is not sealed: the journal does not begin with its hash",
            "several events": f"the journal declares a study more than once, first {journal}",
            "no declaration": f"the journal was begun for declaration {journal}, which is not there any more",
            "declaration changed": f"declaration.json is {here}, but the journal was begun for {journal}",
            "other manifest": f"declaration.json is {here}, but manifest.json belongs to {manifest}",
            "other than expected": f"the declaration is {here}, not {expected} as expected",
        }
        return words[self.reason]


def _short(sha256: str | None) -> str:
    """Return as much of a hash as tells two apart."""
    return "none" if sha256 is None else sha256[:12]


@dataclass
class Declarations:
    """The declarations of a journal, noted while it is read."""

    n_events: int = 0
    found: list[StudyDeclared] = field(default_factory=list)
    is_first: bool = False
    """Whether the journal begins with one."""

    def note(self, event: Event) -> None:
        """Take one event, in the journal's order."""
        if isinstance(event, StudyDeclared):
            self.found.append(event)
            self.is_first |= self.n_events == 0
        self.n_events += 1


def sha256_of_declaration(folder: ResultsFolder) -> str | None:
    """Return the hash of `declaration.json`, over its bytes; None where there is none.

    Raises:
        ResultsError: It cannot be read.
    """
    try:
        return hashlib.sha256(folder.declaration.read_bytes()).hexdigest()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ResultsError(unusable(folder.declaration, "read", error), place=folder.declaration) from error


def seal_of(
    folder: ResultsFolder, manifest: Manifest, declarations: Declarations, expected: str | None = None
) -> Seal:
    """Return what is known of a folder's declaration.

    Args:
        folder: The results folder.
        manifest: Its manifest.
        declarations: What its journal says.
        expected: The hash that was kept elsewhere, if it was.

    Raises:
        ResultsError: The declaration cannot be read.
    """
    here, there = sha256_of_declaration(folder), manifest.declaration_sha256
    journal = declarations.found[0].sha256 if declarations.found else None
    findings: list[tuple[Reason, bool]] = [
        ("other than expected", expected is not None and expected != here),
        ("first version", here is None and there is None and journal is None),
        ("no declaration", here is None),
        ("other manifest", there != here),
        ("nothing run", declarations.n_events == 0),
        ("no event", not declarations.is_first),
        ("several events", len(declarations.found) > 1),
        ("declaration changed", journal != here),
        ("sealed", True),
    ]
    return Seal(
        sha256=here,
        journal_sha256=journal,
        manifest_sha256=there,
        expected_sha256=expected,
        reason=next(reason for reason, holds in findings if holds),
    )
