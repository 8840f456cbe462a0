"""May a study be continued as it is asked for now? What was declared stays as it was, to the byte."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pydantic import BaseModel

from harness.declaration import Declaration
from harness.errors import ResultsError
from harness.manifest import CONFIRM_SEEDS, REPEATS, Change, Manifest
from harness.recipe.data import DatasetSpec
from harness.records.events import Event
from harness.records.folder import ResultsFolder
from harness.records.provenance import DECIDING_VERSIONS
from harness.seal import Declarations, seal_of
from harness.study.plan import plan_study
from harness.study.study import Study
from harness.tuning.declaration import declare
from harness.tuning.parent import named_again

_ABSENT = "absent"

_DERIVED = {"plan", "search_seeds", "confirm_seeds", "order"}
"""Keys of a declaration that follow from others: told only where nothing else differs."""

_DERIVED_OF_ARM = {"search_runs", "confirm_runs", "max_epochs"}
"""Such keys of an arm."""


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
    found = list(_differences((), json.loads(before), json.loads(now)))
    given = [difference for difference in found if not _is_derived(difference[0])]
    changes = [
        Change(field=".".join(place), before=there, after=here) for place, there, here in given or found
    ]
    return changes or [Change(field="declaration.json", before="other bytes", after="other bytes")]


def _is_derived(place: tuple[str, ...]) -> bool:
    match place:
        case ("arms", _, key, *_):
            return key in _DERIVED_OF_ARM
        case (key, *_):
            return key in _DERIVED
        case _:
            return False


def _differences(place: tuple[str, ...], before: Any, now: Any) -> Iterator[tuple[tuple[str, ...], Any, Any]]:
    """Yield where two declarations differ, with what either says there."""
    if isinstance(before, dict) and isinstance(now, dict):
        for key in sorted({*before, *now}):
            yield from _differences((*place, key), before.get(key, _ABSENT), now.get(key, _ABSENT))
    elif before != now:
        yield place, before, now


def _deciding_versions(before: Manifest, now: Manifest) -> list[tuple[str, Any, Any]]:
    return [
        (f"version of {name}", before.versions.get(name), now.versions.get(name))
        for name in DECIDING_VERSIONS
    ]


def _changes(pairs: Sequence[tuple[str, Any, Any]]) -> list[Change]:
    """Return the entries (field, before, after) whose two values differ."""
    return [Change(field=name, before=there, after=here) for name, there, here in pairs if there != here]


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
