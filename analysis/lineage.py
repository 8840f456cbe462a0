"""What a study took over from its parent: the parent as the journal keeps it, and what was known before.

A study that names a parent was declared with the parent's results in sight, and with those of the parent's
own ancestors. Which of its arms were *known* by that, because their results were there or are foretold by
them, is decided here, by declarations alone.
"""

import itertools
import json
import math
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from analysis.records import StudyRecords
from harness.declaration import Declaration, DeclaredArm
from harness.errors import ResultsError
from harness.recipe.configuration import resolve
from harness.recipe.imported import nested
from harness.records.documents import validated
from harness.seal import Seal
from harness.study.domains import Domain, extremes
from harness.study.study import Arm


def ancestors_of(records: StudyRecords) -> list[Declaration]:
    """Return the declarations of a study's ancestors, its parent last.

    Raises:
        ResultsError: The journal keeps others than those that the declarations name.
    """
    journal = records.folder.journal
    found = [
        validated(Declaration, _document(kept.text, records), journal) for kept in records.lineage
    ]  # each text has the hash that its event says
    named = [declaration.parent for declaration in [*found, records.declaration]]
    kept = [None, *(event.sha256 for event in records.lineage)]
    has_begun = records.seal.reason != "nothing run"
    if [parent and parent.sha256 for parent in named] != kept and has_begun:
        raise ResultsError(
            f"{journal}: keeps other ancestors than {records.declared_in} names. "
            f"Remedy: bring back the journal as it was written."
        )
    return found


def _document(text: str, records: StudyRecords) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise ResultsError(
            f"{records.folder.journal}: the declaration of a parent is no JSON text ({error}). "
            f"Remedy: bring back the journal as it was written."
        ) from error


def parent_of(records: StudyRecords) -> StudyRecords | None:
    """Return a study's parent as its records were, of the runs that were taken over from it.

    None where nothing was taken over. Where arms were left out, their runs are missing in it.
    """
    if not records.lineage:
        return None
    declaration, kept = ancestors_of(records)[-1], records.lineage[-1]
    taken = {run_id for run_id, origin in records.origins.items() if kept.sha256 in origin.declarations}
    runs = records.runs[records.runs["run_id"].isin(taken)].reset_index(drop=True)
    winners = {
        arm: {repeat: won for repeat, won in own.items() if won is None or won in taken}
        for arm, own in records.winners_by_repeat.items()
        if arm in declaration.arms
    }
    return replace(
        records,
        declaration=declaration,
        manifest=records.manifest.model_copy(update={"resumed": []}),
        seal=Seal(sha256=kept.sha256, journal_sha256=kept.sha256, reason="sealed"),
        runs=runs,
        winners_by_repeat=winners,
        audits={search: audit for search, audit in records.audits.items() if audit in taken},
        allowed=dict.fromkeys(declaration.arms, declaration.plan.looks[-1]),
        next_look=None,
        lineage=records.lineage[:-1],
    )


def known_arms(here: Declaration, ancestors: Iterable[Declaration]) -> frozenset[str]:
    """Return the arms of which results, or results that foretell them, were seen before the declaration.

    These are arms that an ancestor had by the same name and, where all arms share their seeds, those that
    differ from an ancestor's arm in numbers only: on the same seeds a copy with another learning rate comes
    out much like the original. Of a program nobody knows what its parameters do, so there any difference is
    taken for one of these.
    """
    known = set()
    for there in ancestors:
        is_seeded_alike = here.plan.seeds_are_common and there.plan.seeds_are_common
        names = {name for arm in there.arms for name in (arm, there.plain_name(arm))}
        kinds = [_kinds_of(there, arm) for arm in there.arms.values()] if is_seeded_alike else []
        for name, arm in here.arms.items():
            own = _kinds_of(here, arm)
            if {name, here.plain_name(name)} & names or any(_may_be_alike(own, kind) for kind in kinds):
                known.add(name)
    return frozenset(known)


_Kinds = frozenset[str] | None
"""Configurations that an arm can train, each without its numbers; None where nobody knows."""

_MOST_KINDS = 1000


def _may_be_alike(one: _Kinds, other: _Kinds) -> bool:
    return one is None or other is None or not one.isdisjoint(other)


def _kinds_of(declaration: Declaration, arm: DeclaredArm) -> _Kinds:
    """Return what an arm can train, apart from numbers and from the data."""
    if declaration.trial is not None:
        return None
    kinds: set[str] = set()
    for world, _ in Arm(name="", fixed=arm.fixed, space=arm.space).worlds():
        values = [_examples(value) for value in world.values()]
        if math.prod(map(len, values)) > _MOST_KINDS:
            return None
        for chosen in itertools.product(*values):
            try:
                configuration = resolve(nested(dict(zip(world, chosen, strict=True))))
            except ValueError:  # of a version that knew other fields
                return None
            settings = configuration.model_dump(mode="json", exclude={"dataset"})
            kinds.add(json.dumps(_without_numbers(settings), sort_keys=True))
    return frozenset(kinds)


def _examples(value: Any) -> list[Any]:
    """Return the values of a field that differ in more than a number."""
    if not isinstance(value, Domain):
        return [value]
    return list({json.dumps(_without_numbers(each)): each for each in extremes(value)}.values())


def _without_numbers(value: Any) -> Any:
    """Return a value with every number in it, and every list of numbers, left out."""
    match value:
        case bool() | str():
            return value
        case dict():
            inner = {key: _without_numbers(each) for key, each in value.items()}
            return {key: each for key, each in inner.items() if each is not None}
        case list() | tuple():
            return [each for each in map(_without_numbers, value) if each is not None] or None
    return None
