"""What the overview says of one study, computed from its records like its own report."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from analysis import claims
from analysis.blocks.results import compute_results
from analysis.facts import Facts
from analysis.page import sections
from analysis.records import StudyRecords
from analysis.render import numbers
from analysis.tables.claims import compute_claims, lay_out_claims
from harness.errors import HarnessError

_MOST_ARMS = 12
"""Arms whose accuracy is shown; a study of more keeps the rest to its own report."""


@dataclass(frozen=True, kw_only=True)
class DecidedClaim:
    """A claim as the overview shows it; text as readers see it."""

    says: str
    ruling: claims.Ruling
    measured: str
    """The effect with its interval, or the mark for an absent value."""
    n: str
    reason: str
    source: str
    """As declared, or the mark for an absent value."""


@dataclass(frozen=True, kw_only=True)
class Summary:
    """One study in the overview."""

    place: str
    """Its folder, relative to the overview's, with forward slashes."""
    study: str
    question: str
    progress: str | None
    """What is missing; None for a finished study."""
    started: str
    """UTC, to the minute."""
    commit: str
    command: list[str]
    runs: int
    """That ended."""
    arms: int
    rulings: list[tuple[str, int]]
    """How many claims have each ruling."""
    headline: list[str]
    """Each arm's mean test accuracy in percent with its interval, or why there is none; then n."""
    warnings: int
    train_seconds: float
    """Over all runs that ended, evaluation excluded."""
    claims: list[DecidedClaim]
    has_report: bool
    """Whether its report is on disk, so that links lead somewhere."""

    @property
    def hours(self) -> str:
        """Training hours of all runs."""
        return f"{self.train_seconds / 3600:.2f}"


@dataclass(frozen=True, kw_only=True)
class Unreadable:
    """A results folder whose report could not be written."""

    place: str
    reason: str

    @classmethod
    def of(cls, folder: Path, root: Path, error: HarnessError) -> "Unreadable":
        """Return what the overview says of a folder; its own path is named relative to the overview."""
        place = _place(folder, root)
        return cls(place=place, reason=str(error).replace(str(folder), place))


def summarise(facts: Facts, root: Path) -> Summary:
    """Return what the overview in `root` says of a study."""
    records, manifest = facts.records, facts.records.manifest
    return Summary(
        place=_place(records.folder.root, root),
        study=manifest.study,
        question=manifest.question,
        progress=_progress(records),
        started=manifest.created_at[:16].replace("T", " "),
        commit=_commit(manifest.git),
        command=manifest.command,
        runs=len(records.runs),
        arms=len(records.arms),
        rulings=sections.rulings(records),
        headline=_headline(facts),
        warnings=len(sections.warnings(records)),
        train_seconds=float(records.runs["train_seconds"].sum()),
        claims=_claims(records),
        has_report=(records.folder.report / "index.html").exists(),
    )


def _progress(records: StudyRecords) -> str | None:
    """Return the first sentence only: the second is about what stands below it in the study's report."""
    said = sections.progress(records)
    return None if said is None else said.partition(". ")[0]


def _place(folder: Path, root: Path) -> str:
    return Path(os.path.relpath(folder, root)).as_posix()


def _commit(git: dict[str, Any]) -> str:
    commit = str(git.get("commit") or "")[:10] or "unknown"
    return f"{commit} with changes" if git.get("dirty") else commit


def _headline(facts: Facts) -> list[str]:
    if not facts.records.has_confirm:
        return ["none: no confirm phase"]
    rows = compute_results(facts).to_dict("records")
    shown = [f"{row['arm']}: {_accuracy(row)}" for row in rows[:_MOST_ARMS]]
    if len(rows) > _MOST_ARMS:
        shown.append(f"and {len(rows) - _MOST_ARMS} further arms")
    return [*shown, f"n = {numbers.span(row['n'] for row in rows)}"]


def _accuracy(row: dict[Any, Any]) -> str:
    if row["diverged"]:
        return f"{row['diverged']} of {row['ended']} diverged"
    if not row["ended"]:
        return "no confirm run yet"
    return numbers.with_uncertainty(
        row["test_accuracy"], row["test_accuracy_half_width"], scale=100, decimals=2
    )


def _claims(records: StudyRecords) -> list[DecidedClaim]:
    frame = compute_claims(records)
    cells = lay_out_claims(frame)
    return [
        DecidedClaim(
            says=row["Claim"],
            ruling=row["Verdict"],
            measured=row["Measured"],
            n=row["n"],
            reason=reason,
            source=row.get("Source", numbers.ABSENT),
        )
        for row, reason in zip(cells.to_dict("records"), frame["reason"], strict=True)
    ]
