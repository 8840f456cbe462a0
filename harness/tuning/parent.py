"""The finished study whose runs a new one takes over: read, and refused where it cannot be one."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from harness import PROTOCOL_VERSION
from harness.arguments import resolved
from harness.declaration import Declaration, DeclaredParent
from harness.errors import ResultsError, StudyError
from harness.manifest import Manifest
from harness.records.events import Event, LookTaken, ParentDeclared, PhaseEnded, RunEnded, RunStarted
from harness.records.folder import ResultsFolder
from harness.records.journal import read_journal
from harness.records.provenance import DECIDING_VERSIONS, utc_now, versions
from harness.seal import Declarations, seal_of, sha256_of_declaration
from harness.study.study import Study

_TAKES = "Only runs of a finished and sealed study of this version can be taken over"


@dataclass(frozen=True, kw_only=True)
class Parent:
    """A study whose runs may be taken over."""

    folder: ResultsFolder
    text: str
    """Of its `declaration.json`."""
    declaration: Declaration
    manifest: Manifest
    events: Sequence[Event]

    @classmethod
    def of(cls, study: Study) -> "Parent | None":
        """Read the parent that a study names; None where it names none.

        Raises:
            StudyError: It is no results folder, damaged, unfinished, not sealed, of another version of the
                protocol, or was trained by other versions of what decides numbers or on other resources.
        """
        if study.parent is None:
            return None
        try:
            parent = cls._read(ResultsFolder(resolved(study.parent)))
        except ResultsError as error:
            raise StudyError(f"{study.path}: parent: {error}", place=study.path) from error
        refused = next(parent.refusals(study), None)
        if refused is not None:
            raise StudyError(f"{study.path}: parent: {study.parent}: {refused}", place=study.path)
        return parent

    @classmethod
    def _read(cls, folder: ResultsFolder) -> "Parent":
        manifest, declaration = Manifest.read(folder.manifest), Declaration.read(folder)
        events = list(read_journal(folder))
        has_own = folder.declaration.exists()
        text = folder.declaration.read_bytes().decode() if has_own else ""
        return cls(folder=folder, text=text, declaration=declaration, manifest=manifest, events=events)

    @property
    def sha256(self) -> str:
        """Of its declaration."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    @property
    def declared(self) -> DeclaredParent:
        """It as its child's declaration names it."""
        return DeclaredParent(study=self.declaration.study, sha256=self.sha256)

    @property
    def lineage(self) -> list[ParentDeclared]:
        """The declarations of its own ancestors and its own, the oldest first."""
        before = [event for event in self.events if isinstance(event, ParentDeclared)]
        own = ParentDeclared(time=utc_now("microseconds"), sha256=self.sha256, text=self.text)
        return [*before, own]

    def refusals(self, study: Study) -> Iterator[str]:
        """Yield why its runs cannot be taken over."""
        declarations = Declarations()
        for event in self.events:
            declarations.note(event)
        seal = seal_of(self.folder, self.manifest, declarations)
        if seal.state != "sealed":
            yield (
                f"{seal.in_words()}. {_TAKES}. Remedy: leave parent out, and every run is trained; or give "
                f"another folder"
            )
        if self.declaration.protocol_version != PROTOCOL_VERSION:
            yield (
                f"protocol {self.declaration.protocol_version}, and this version has {PROTOCOL_VERSION}, "
                f"whose numbers may be others. {_TAKES}. Remedy: leave parent out, and every run is trained"
            )
        missing = unfinished(self.declaration, self.events)
        if missing is not None:
            yield (
                f"not finished ({missing}). {_TAKES}. Remedy: python -m harness.sweep "
                f"{self.folder.study_file} --run-dir {self.folder.root} --resume, and then this"
            )
        yield from self._other_machinery(study)

    def _other_machinery(self, study: Study) -> Iterator[str]:
        """Yield what its runs were trained by that this study's are not."""
        here, there = versions(), self.manifest.versions
        for name in DECIDING_VERSIONS:
            if here.get(name) != there.get(name):
                yield (
                    f"trained with {name} {there.get(name)}, here is {here.get(name)}, by which the same run "
                    f"may give other numbers. Remedy: the parent's version, or leave parent out"
                )
        for name in ("cpu", "gpu"):
            asked, had = getattr(study.resources, name), getattr(self.manifest.resources, name)
            if asked != had:
                yield (
                    f"its runs had resources.{name} = {had:g}, this study asks for {asked:g}, by which the "
                    f"same run may give other numbers. Remedy: --set resources.{name}={had:g}, or leave "
                    f"parent out"
                )


def named_again(study: Study, declared: Declaration) -> DeclaredParent | None:
    """Return the parent that a study names which is continued: its folder may be gone, it stands on its own.

    Args:
        study: The study.
        declared: What was declared when it began.

    Raises:
        ResultsError: The parent's folder is there and cannot be read.
    """
    if study.parent is None:
        return None
    folder = ResultsFolder(resolved(study.parent))
    sha256 = sha256_of_declaration(folder)
    if sha256 is None:
        return declared.parent
    return DeclaredParent(study=Declaration.read(folder).study, sha256=sha256)


def unfinished(declaration: Declaration, events: Sequence[Event]) -> str | None:
    """Return what a study has not run yet, in words; None of a finished one.

    Args:
        declaration: What it declared.
        events: Its journal.
    """
    ended = {event.run_id for event in events if isinstance(event, RunEnded)}
    begun = {event.run_id: event for event in events if isinstance(event, RunStarted)}
    running = sorted(begun.keys() - ended)
    if running:
        return f"run {running[0]} has not ended"
    looks = [event for event in events if isinstance(event, LookTaken)]
    planned = declaration.plan.looks
    if len(looks) < len(planned) - 1 and not (looks and not looks[-1].arms):
        return f"the look at {planned[len(looks)]} replicates was not taken"
    winners = {
        (event.arm, event.repeat): event.winner
        for event in events
        if isinstance(event, PhaseEnded) and event.phase == "search"
    }
    allowed = declaration.allowed_by(looks)
    for name, arm in declaration.arms.items():
        by_repeat = declaration.plan.unit == "repeat"
        for repeat in range(allowed[name] if by_repeat else 1):
            if arm.search_runs and (name, repeat) not in winners:
                return f"a search of {name} has not ended"
            is_lost = bool(arm.search_runs) and winners[name, repeat] is None
            seeds = declaration.confirm.max_seeds if by_repeat else min(arm.confirm_runs, allowed[name])
            confirmed = [
                run
                for run in begun.values()
                if run.phase == "confirm" and (run.arm, run.repeat) == (name, repeat)
            ]
            if len(confirmed) < seeds and not is_lost and arm.confirm_runs:
                return f"{len(confirmed)} of {seeds} confirm runs of {name} have ended"
    return None
