"""What an overview says of each study below a folder, and which folders are studies."""

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from analysis import claims
from analysis.blocks.results import compute_results
from analysis.claims.verdict import count_rulings
from analysis.facts import Facts
from analysis.metrics import Metric
from analysis.page import caveats, progress
from analysis.page.together import Traits
from analysis.render import numbers
from harness.declaration import Declaration
from harness.errors import HarnessError
from harness.records.folder import ResultsFolder
from harness.records.provenance import GitState
from harness.study.datasets import name_on

_MOST_ARMS = 12
"""Arms whose headline metric is shown; a study of more keeps the rest to its own report."""

_VARYING = {"study", "search", "search_seeds", "confirm_seeds"}
"""Of a declaration, what may differ where a study is run again with another seed."""


@dataclass(frozen=True, kw_only=True)
class Summary:
    """One study in the overview."""

    place: str
    """Its folder, relative to the overview's, with forward slashes."""
    study: str
    question: str
    seal: str
    """Whether its declaration is sealed."""
    seed: int
    """From which everything random in it derives."""
    kin: str
    """The same in all studies whose declarations differ in name and seed at most."""
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
    """Each arm's mean of the headline metric with its interval, or why there is none; then n."""
    measured: Metric
    """The headline metric."""
    warnings: int
    train_seconds: float
    """Over all runs that ended, evaluation excluded."""
    verdicts: Sequence[claims.Verdict]
    traits: Traits
    """What it may share with others."""
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


def is_collection(path: Path) -> bool:
    """Return whether a folder is no results folder itself but holds some."""
    try:
        is_folder = path.is_dir()
    except OSError:
        return False
    return is_folder and not _is_study(path) and bool(study_folders(path))


def study_folders(path: Path) -> list[Path]:
    """Return the results folders directly below a folder and one level further down, by name.

    A folder counts as one if it has a manifest, a declaration or a journal, damaged or not. What lies inside
    a results folder belongs to that study.
    """
    studies: list[Path] = []
    for child in _folders(path):
        studies += [child] if _is_study(child) else [inner for inner in _folders(child) if _is_study(inner)]
    return studies


def _folders(path: Path) -> list[Path]:
    return sorted(inside for inside in path.iterdir() if inside.is_dir() and not inside.name.startswith("."))


def _is_study(path: Path) -> bool:
    """Return whether a folder is a study's; one that cannot be read is taken for one, so that it is told."""
    folder = ResultsFolder(path)
    try:
        list(path.iterdir())
        files = (folder.manifest, folder.declaration, folder.journal, folder.compressed_journal)
        return any(file.exists() for file in files)
    except OSError:
        return True


def summarise(facts: Facts, root: Path) -> Summary:
    """Return what the overview in `root` says of a study."""
    records, manifest = facts.records, facts.records.manifest
    declaration = records.declaration
    return Summary(
        place=_place(records.folder.root, root),
        study=declaration.study,
        question=declaration.question,
        seal=records.seal.state,
        seed=declaration.search.seed,
        kin=_kin(declaration),
        progress=progress.progress(records),
        started=manifest.created_at[:16].replace("T", " "),
        commit=_commit(manifest.git),
        command=manifest.command,
        runs=len(records.runs),
        arms=len(records.arms),
        rulings=count_rulings(facts.verdicts),
        headline=_headline(facts),
        measured=records.metrics.headline,
        warnings=len(caveats.warnings(facts)),
        train_seconds=float(records.runs["train_seconds"].sum()),
        verdicts=facts.verdicts,
        traits=Traits.of(facts, _place(records.folder.root, root)),
        has_report=(records.folder.report / "index.html").exists(),
    )


def _kin(declaration: Declaration) -> str:
    """Return what a declaration says but for its name, its seed, and what follows from that."""
    whole = declaration.model_dump(mode="json")
    search = {name: value for name, value in whole["search"].items() if name != "seed"}
    same = {name: value for name, value in whole.items() if name not in _VARYING}
    return json.dumps(same | {"search": search}, sort_keys=True)


def _place(folder: Path, root: Path) -> str:
    return Path(os.path.relpath(folder, root)).as_posix()


def _commit(git: GitState) -> str:
    commit = (git.commit or "")[:10] or "unknown"
    return f"{commit} with changes" if git.dirty else commit


def _headline(facts: Facts) -> list[str]:
    if not facts.records.has_confirm:
        return ["none: no confirm phase"]
    rows = [] if facts.parts else compute_results(facts).to_dict("records")
    for name, part in facts.parts.items():
        rows += [row | {"arm": name_on(row["arm"], name)} for row in compute_results(part).to_dict("records")]
    metric = facts.records.metrics.headline
    lines = [f"{row['arm']}: {_amount(row, metric)}" for row in rows[:_MOST_ARMS]]
    if len(rows) > _MOST_ARMS:
        lines.append(f"and {len(rows) - _MOST_ARMS} further arms")
    return [*lines, f"n = {numbers.span(row['n'] for row in rows)}"]


def _amount(row: dict[Any, Any], metric: Metric) -> str:
    if row["diverged"]:
        return f"{row['diverged']} of {row['ended']} diverged"
    if not row["ended"]:
        return "no confirm run yet"
    return metric.amount(row[metric.name], row[f"{metric.name}_half_width"])
