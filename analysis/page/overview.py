"""One page about all studies below a folder: what was asked, what came out, what every claim came to."""

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
from analysis.metrics import USUAL, Metric
from analysis.page import caveats, progress, together
from analysis.page.document import render
from analysis.page.together import Traits
from analysis.render import numbers
from harness.declaration import Declaration
from harness.errors import HarnessError
from harness.records.folder import ResultsFolder
from harness.records.provenance import GitState
from harness.records.whole_file import write_file
from harness.study.datasets import name_on

_MOST_ARMS = 12
"""Arms whose headline metric is shown; a study of more keeps the rest to its own report."""

_VARYING = {"study", "search", "search_seeds", "confirm_seeds"}
"""Of a declaration, what may differ where a study is run again with another seed."""

_CAPTIONS = {
    "studies": (
        "Verdicts: claims by how they were decided. {headline}: mean ± half-width of the 95 % Student "
        "t-interval over n replicates (whole searches where these are repeated, else confirm seeds), for "
        "each arm on its own; differences between arms are decided by the claims alone. Runs: those that "
        "ended, of every phase. Training hours: all runs together, evaluation excluded. Each study's report "
        "says how its numbers were made and what limits them."
    ),
    "claims": (
        "Claims as their studies declare them, with the source they name; each report says whether its "
        "declaration is sealed. Verdicts are Holm-corrected within their study, not over this page. Measured "
        "and n as in the study's own table of claims, which says more."
    ),
}


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


def reruns(summaries: Sequence[Summary]) -> dict[str, str]:
    """Return, by its folder, what is said of each study that was declared with several seeds.

    Whoever runs a study again until it suits has as many chances of a false verdict.
    """
    seeds: dict[str, set[int]] = {}
    for summary in summaries:
        seeds.setdefault(summary.kin, set()).add(summary.seed)
    return {
        summary.place: f"one of {len(seeds[summary.kin])} declarations of this question that stand here and "
        f"differ in their seed only: a verdict that suits is that much likelier by chance"
        for summary in summaries
        if len(seeds[summary.kin]) > 1
    }


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


def _heading(summaries: Sequence[Summary]) -> tuple[str, str]:
    """Return what studies show of their arms, in words and as a heading; of several metrics each is named."""
    measured = {summary.measured.heading: summary.measured for summary in summaries}
    if len(measured) > 1:
        return "Headline metric, which each study names", "Headline metric"
    metric = next(iter(measured.values()), USUAL.headline)
    return numbers.capitalised(metric.label), metric.heading


def _named(summary: Summary) -> list[str]:
    """Return a study's headline lines under the name of its metric."""
    return [f"{summary.measured.heading}:", *summary.headline]


def write_overview(root: Path, summaries: Sequence[Summary], unreadable: Sequence[Unreadable]) -> Path:
    """Write `index.html` and `index.md` about the studies below a folder.

    Args:
        root: The folder.
        summaries: One a study that could be read, in the order of reading.
        unreadable: One a study that could not.

    Returns:
        The path of `index.html`.

    Raises:
        ResultsError: The folder cannot be written.
    """
    for name, text in render_overview(summaries, unreadable).items():
        write_file(root / name, text)
    return root / "index.html"


def render_overview(summaries: Sequence[Summary], unreadable: Sequence[Unreadable]) -> dict[str, str]:
    """Return both documents under the names of their files."""
    words, heading = _heading(summaries)
    is_one = heading != "Headline metric"
    captions = _CAPTIONS | {"studies": _CAPTIONS["studies"].format(headline=words)}
    context: dict[str, Any] = {
        "heading": heading,
        "headlines": {
            summary.place: summary.headline if is_one else _named(summary) for summary in summaries
        },
        "studies": summaries,
        "unreadable": unreadable,
        "reruns": reruns(summaries),
        "rulings": count_rulings(verdict for summary in summaries for verdict in summary.verdicts),
        "totals": _totals(summaries),
        "captions": captions,
        "together": together.in_words([summary.traits for summary in summaries]),
        "absent": numbers.ABSENT,
    }
    return {f"index.{ending}": render(f"overview.{ending}", context) for ending in ("md", "html")}


def _totals(summaries: Sequence[Summary]) -> str:
    runs = sum(summary.runs for summary in summaries)
    hours = sum(summary.train_seconds for summary in summaries) / 3600
    return (
        f"{_counted(len(summaries), 'study', 'studies')}, {_counted(runs, 'run', 'runs')}, "
        f"{hours:,.2f} hours of training."
    )


def _counted(count: int, one: str, many: str) -> str:
    return f"{count:,} {one if count == 1 else many}"
