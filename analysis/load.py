"""Read one results folder: declaration, manifest and journal, nothing else, into a study's records.

The parquet files are never read: they are written from the same frames.
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from analysis.consistency import Journaled, check_consistency
from analysis.records import StudyRecords
from harness.declaration import Declaration
from harness.errors import ResultsError, unusable
from harness.manifest import CONFIRM_SEEDS, Manifest
from harness.recipe.metrics import record_names
from harness.records.events import Event, LookTaken, Origin, ParentDeclared, Phase
from harness.records.folder import ResultsFolder
from harness.records.frames import frames_from_events
from harness.records.journal import opened_journal, read_journal
from harness.seal import Declarations, seal_of
from harness.study.seeds import confirm_seeds


def load_study(path: Path, expected: str | None = None) -> StudyRecords:
    """Read a results folder.

    Args:
        path: The folder.
        expected: SHA-256 of its declaration as it was kept elsewhere, if it was.

    Raises:
        ResultsError: The folder is missing or is not a results folder, a file of it is damaged, or its
            journal and declaration belong to different studies.
    """
    _check_folder(path)
    folder = ResultsFolder(path)
    manifest, declaration = Manifest.read(folder.manifest), Declaration.read(folder)
    marks = _Marks()
    events = marks.noted(read_journal(folder))
    names = record_names(declaration.metrics)
    arms = declaration.arms if declaration.dataset or declaration.datasets else ()  # else a program
    samples = {arm: declaration.data_of(arm).train_samples for arm in arms}
    frames = frames_from_events(declaration.study, events, samples, names)
    frames = frames.ordered(_order(frames.runs, list(declaration.arms)))
    records = StudyRecords(
        folder=folder,
        declaration=declaration,
        manifest=manifest,
        seal=seal_of(folder, manifest, marks.declarations, expected),
        frames=frames,
        runs=frames.runs.to_pandas(),
        epochs=frames.epochs_frame(),
        winners_by_repeat=marks.winners,
        given_up=marks.given_up,
        allowed=declaration.allowed_by(marks.looks),
        next_look=_next_look(declaration, marks.looks),
        audits=marks.audits(),
        origins=marks.origins,
        lineage=tuple(marks.lineage),
        journal_sha256=_journal_sha256(folder),
    )
    check_consistency(
        Journaled(
            root=folder.root,
            declared_in=records.declared_in,
            declaration=declaration,
            confirm_seeds=_confirm_seeds(records),
            runs=records.runs,
            winners=records.winners_by_repeat,
            predictions=frames.predictions,
        )
    )
    pa.default_memory_pool().release_unused()  # what sorting took: as much as the records themselves
    return records


def _check_folder(path: Path) -> None:
    try:
        is_folder = path.is_dir()
        is_whole = is_folder and ResultsFolder(path).manifest.exists()
        inside = sorted(p.parent for p in path.glob("*/manifest.json")) if is_folder and not is_whole else []
    except OSError as error:
        raise ResultsError(unusable(path, "read", error), place=path) from error
    if not is_folder:
        raise ResultsError(
            f"{path}: no such folder. Remedy: give a folder that python -m harness.sweep wrote, "
            f"such as results/optimizers.",
            place=path,
        )
    if inside:
        raise ResultsError(
            f"{path}: holds the results of several studies but is not one itself. "
            f"Remedy: give {' or '.join(str(p) for p in inside[:5])}.",
            place=path,
        )


@dataclass
class _Marks:
    """What the two tables do not hold, noted while a journal is read once."""

    winners: dict[str, dict[int, str | None]] = field(default_factory=dict)
    given_up: dict[str, dict[int, str]] = field(default_factory=dict)
    looks: list[LookTaken] = field(default_factory=list)
    declarations: Declarations = field(default_factory=Declarations)
    origins: dict[str, Origin] = field(default_factory=dict)
    lineage: list[ParentDeclared] = field(default_factory=list)
    _numbered: dict[Phase, dict[tuple[str, int, int], str]] = field(
        default_factory=lambda: {"search": {}, "audit": {}}
    )
    """Of each phase, the run by its arm, repeat and number."""

    def noted(self, events: Iterable[Event]) -> Iterator[Event]:
        """Pass events through."""
        for event in events:
            if event.event == "phase_ended" and event.phase == "search":
                self.winners.setdefault(event.arm, {})[event.repeat] = event.winner
                if event.reason is not None:
                    self.given_up.setdefault(event.arm, {})[event.repeat] = event.reason
            if event.event == "look_taken":
                self.looks.append(event)
            if event.event == "parent_declared":
                self.lineage.append(event)
            if event.event == "run_started" and event.origin is not None:
                self.origins[event.run_id] = event.origin
            if event.event == "run_started" and event.phase in self._numbered:
                self._numbered[event.phase][event.arm, event.repeat, event.number] = event.run_id
            self.declarations.note(event)
            yield event

    def audits(self) -> dict[str, str]:
        """Return the audit run of each search run that has one."""
        search, audit = self._numbered["search"], self._numbered["audit"]
        return {search[place]: run_id for place, run_id in audit.items() if place in search}


def _next_look(declaration: Declaration, taken: Sequence[LookTaken]) -> int | None:
    is_over = bool(taken) and not taken[-1].arms
    further = () if is_over else declaration.plan.looks[len(taken) : -1]
    return further[0] if further else None


def _order(runs: pa.Table, arms: list[str]) -> NDArray[np.int64]:
    """Return the rows of the runs sorted by arm (in the given order), phase and run id."""
    keys = runs.select(["arm", "phase", "run_id"]).to_pandas()
    keys["position"] = keys["arm"].map({arm: position for position, arm in enumerate(arms)})
    order: NDArray[np.int64] = keys.sort_values(["position", "phase", "run_id"]).index.to_numpy()
    return order


def _journal_sha256(folder: ResultsFolder) -> str:
    digest = hashlib.sha256()
    with opened_journal(folder) as journal:
        while block := journal.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _confirm_seeds(records: StudyRecords) -> Sequence[int]:
    """Return the confirm seeds that were declared, and those that were added to them later."""
    declaration, added = records.declaration, records.manifest.grown(CONFIRM_SEEDS)
    if not added or records.seal.sha256 is None:  # older versions rewrote what they declared
        return declaration.confirm_seeds
    search = declaration.search
    return confirm_seeds(search.seed, "", 0, max(map(int, added)), common=True, searched=search.seeds)
