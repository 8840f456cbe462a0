"""May a study be continued as it is asked for now? What was declared stays as it was, to the byte."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from harness.declaration import Declaration
from harness.errors import ResultsError
from harness.manifest import CONFIRM_SEEDS, REPEATS, Change, Manifest
from harness.recipe.data import DatasetSpec
from harness.recipe.imported import value_at
from harness.records.events import EpochEnded, Event, PhaseEnded, RunEnded, RunStarted
from harness.records.folder import ResultsFolder
from harness.records.provenance import DECIDING_VERSIONS
from harness.seal import Declarations, seal_of
from harness.study.domains import undeclared_field
from harness.study.plan import confirm_seeds_of, plan_study, search_seeds_of
from harness.study.study import Study
from harness.tuning.declaration import declare
from harness.tuning.parent import named_again

_ABSENT = "absent"

_DERIVED = {"search_runs", "confirm_runs", "max_epochs", "plan", "search_seeds", "confirm_seeds", "order"}
"""Keys of a declaration that follow from others: told only where nothing else differs."""


@dataclass(frozen=True, kw_only=True)
class Begun:
    """What a results folder holds of a study that was begun."""

    declaration: Declaration
    text: bytes
    """Of `declaration.json`."""
    manifest: Manifest

    @classmethod
    def read(cls, folder: ResultsFolder) -> "Begun":
        """Read it.

        Raises:
            ResultsError: A file is missing or damaged, or the first version of the harness began the study.
        """
        manifest = Manifest.read(folder.manifest)
        declaration = Declaration.read(folder)
        if manifest.declaration_sha256 is None:
            raise ResultsError(
                f"{folder.root}: begun by an older version, which recorded no hash of what it declared: "
                f"this one cannot continue it. Nothing was started. Remedy: finish it with the version "
                f"that began it (commit {(manifest.git.commit or 'unknown')[:10]}), or start anew with "
                f"--results DIR."
            )
        return cls(declaration=declaration, text=folder.declaration.read_bytes(), manifest=manifest)

    @property
    def sha256(self) -> str:
        """Of the declaration."""
        return hashlib.sha256(self.text).hexdigest()

    def growth(self, study: Study) -> Change | None:
        """Return how a study asks for more replicates than before, or for fewer; None where it does not."""
        budget = self._budget(study)
        if budget is None:
            return None
        field, declared, asked = budget
        most = max([declared, *map(int, self.manifest.grown(field))])
        return Change(field=field, before=most, after=asked) if asked != most else None

    def ungrown(self, study: Study) -> Study:
        """Return a study that may ask for more replicates with the number that was declared."""
        match self._budget(study):
            case (field, declared, _) if field == REPEATS:
                return replace(study, search=study.search.model_copy(update={"repeats": declared}))
            case (field, declared, _):
                return replace(study, confirm=study.confirm.model_copy(update={"seeds": declared}))
            case _:
                return study

    def _budget(self, study: Study) -> tuple[str, int, int] | None:
        """Return the budget that may grow: its name, the number declared, and the one that is asked for.

        Seeds of several repeats depend on each other's number, and a study that decides at looks has a last
        one: neither may grow.
        """
        search, confirm = self.declaration.search, self.declaration.confirm
        field, declared, asked = (REPEATS, search.repeats, study.search.repeats)
        if search.max_repeats == 1:
            field, declared, asked = (CONFIRM_SEEDS, confirm.seeds, study.confirm.seeds)
        if isinstance(declared, int) and isinstance(asked, int) and 0 < declared <= asked:
            return field, declared, asked
        return None


def check_sealed(folder: ResultsFolder, begun: Begun, events: Sequence[Event]) -> None:
    """Refuse to continue where declaration, manifest and journal do not belong together.

    Raises:
        ResultsError: They do not.
    """
    declarations = Declarations()
    for event in events:
        declarations.note(event)
    seal = seal_of(folder, begun.manifest, declarations)
    if seal.state == "broken":
        raise ResultsError(
            f"{folder.root}: {seal.in_words()}. Nothing was started. Remedy: bring back the files that "
            f"belong together, or start anew with --results DIR."
        )


def accepted_changes(
    begun: Begun, study: Study, specs: Sequence[DatasetSpec], manifest: Manifest
) -> list[Change]:
    """Return what differs and does no harm: more replicates, resources, the machine.

    More replicates do not change what was declared: they are exploratory, and no claim is ruled by them.

    Args:
        begun: What the results folder holds.
        study: What is asked for.
        specs: Its data sets in its order, with the SHA-256 of their files.
        manifest: Of what is asked for, here.

    Raises:
        ResultsError: Something differs that would make the parts incomparable; all of it is told.
    """
    growth, ungrown = begun.growth(study), begun.ungrown(study)
    parent = named_again(study, begun.declaration)
    now = declare(ungrown, plan_study(ungrown), *specs, parent=parent).as_bytes()
    differences = declared_differences(begun.text, now) if now != begun.text else []
    differences += _changes(_deciding_versions(begun.manifest, manifest))
    if growth is not None and growth.after < growth.before:
        differences.append(growth)
    refused = [change.in_words() for change in differences]
    if refused:
        raise ResultsError(
            "\n".join(
                [
                    "--resume: the study differs from the one in the results folder, nothing was started",
                    *(f"  {line}" for line in refused),
                    "  Remedy: undo these changes, or start anew with --results DIR.",
                ]
            )
        )
    return [*([growth] if growth else []), *_changes(_harmless(begun.manifest, manifest))]


def declared_differences(before: bytes, now: bytes) -> list[Change]:
    """Return every difference of two declarations, those that follow from others only where they are alone.

    Args:
        before: The text of a `declaration.json`.
        now: That of another one.
    """
    changes = list(_differences("", json.loads(before), json.loads(now)))
    given = [change for change in changes if _DERIVED.isdisjoint(change.field.split("."))]
    return given or changes or [Change(field="declaration.json", before="other bytes", after="other bytes")]


def _differences(place: str, before: Any, now: Any) -> Iterator[Change]:
    if isinstance(before, dict) and isinstance(now, dict):
        for key in sorted({*before, *now}):
            inner = f"{place}.{key}" if place else key
            yield from _differences(inner, before.get(key, _ABSENT), now.get(key, _ABSENT))
    elif before != now:
        yield Change(field=place, before=before, after=now)


def _deciding_versions(before: Manifest, now: Manifest) -> list[tuple[str, Any, Any]]:
    return [
        (f"version of {name}", before.versions.get(name), now.versions.get(name))
        for name in DECIDING_VERSIONS
    ]


def _changes(pairs: Sequence[tuple[str, Any, Any]]) -> list[Change]:
    """Return the entries (field, before, after) whose two values differ."""
    return [Change(field=name, before=there, after=here) for name, there, here in pairs if there != here]


def check_journal_belongs(declared: Declaration, events: Sequence[Event], journal: Path) -> None:
    """Refuse to continue a journal whose runs the study cannot have made.

    Args:
        declared: What the study declares, its budgets as asked for now.
        events: What the journal holds.
        journal: Its path, for the message.

    Raises:
        ResultsError: The journal is another study's, or that of two.
    """
    begun: dict[str, RunStarted] = {}
    ended: set[str] = set()
    of_parent = declared.parent.sha256 if declared.parent else None
    for event in events:
        reason = None
        match event:
            case RunStarted() if event.run_id in ended:
                reason = f"run {event.run_id} begins again after its end, as if two studies were written here"
            case RunStarted() if event.origin is not None and event.origin.declarations[-1] != of_parent:
                reason = f"run {event.run_id} was taken over from a study that it does not name as parent"
            case RunStarted():
                begun[event.run_id] = event
                reason = _foreign_run(declared, event)
            case RunEnded():
                ended.add(event.run_id)
                reason = _foreign_end(declared, event, begun.get(event.run_id))
            case EpochEnded() if event.run_id not in begun:
                reason = f"run {event.run_id} reports an epoch without having begun"
            case PhaseEnded() if event.arm not in declared.arms:
                reason = _no_such_arm(declared, event.arm)
            case _:
                pass
        if reason is not None:
            raise ResultsError(
                f"{journal}: is not the journal of the study that declaration.json declares: {reason}. "
                f"Nothing was started. Remedy: bring back the declaration and the journal that belong "
                f"together, or start anew with --results DIR."
            )


def _no_such_arm(declared: Declaration, arm: str) -> str:
    return f"it has the arm {arm}, the declaration only {', '.join(declared.arms)}"


def _foreign_run(declared: Declaration, run: RunStarted) -> str | None:
    """Return why a run cannot have been handed out by this study."""
    arm = declared.arms.get(run.arm)
    if arm is None:
        return _no_such_arm(declared, run.arm)
    n_repeats, seeded_by = declared.search.max_repeats, declared.plain_name(run.arm)
    if run.repeat >= n_repeats:
        return f"run {run.run_id} is of repeat {run.repeat + 1}, of {n_repeats} planned"
    seeds, planned = search_seeds_of(declared.search, seeded_by, run.repeat), arm.search_runs // n_repeats
    if run.phase == "confirm":
        seeds = confirm_seeds_of(declared.search, declared.confirm, seeded_by, run.repeat)
        planned = arm.confirm_runs // n_repeats
    if run.number >= planned:
        return f"run {run.run_id} is number {run.number + 1}, of {planned} planned"
    if run.seed not in (seeds[run.number : run.number + 1] if run.phase == "confirm" else seeds):
        return f"run {run.run_id} has the seed {run.seed}, declared {', '.join(map(str, seeds))}"
    field = undeclared_field(arm.fixed, arm.space, run.configuration)
    if field is not None:
        value = value_at(run.configuration, field)
        return f"run {run.run_id} has {field} = {value!r}, which its arm does not declare"
    return None


def _foreign_end(declared: Declaration, end: RunEnded, run: RunStarted | None) -> str | None:
    """Return why a run cannot have trained on this study's data."""
    if run is None:
        return f"run {end.run_id} ends without having begun"
    if declared.trial is not None:
        return None
    data = declared.data_of(run.arm)
    steps = -(-data.train_samples // run.configuration["batch_size"])
    if data.is_grouped or end.steps_per_epoch in {None, steps}:
        return None
    return f"run {end.run_id} took {end.steps_per_epoch} steps an epoch, where the declared data take {steps}"


def _harmless(before: Manifest, now: Manifest) -> list[tuple[str, Any, Any]]:
    """Return what may differ between two sessions, as (field, before, after)."""
    return [
        *_of_part("resources", before.resources, now.resources),
        *_of_part("machine", before.machine, now.machine),
        ("commit", before.git.commit, now.git.commit),
        *(
            (f"version of {name}", before.versions.get(name), version)
            for name, version in now.versions.items()
            if name not in DECIDING_VERSIONS
        ),
    ]


def _of_part(name: str, before: BaseModel, now: BaseModel) -> list[tuple[str, Any, Any]]:
    there, here = before.model_dump(mode="json"), now.model_dump(mode="json")
    return [(f"{name}.{key}", there[key], value) for key, value in here.items()]
