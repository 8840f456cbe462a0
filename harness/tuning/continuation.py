"""May a study be continued as it is asked for now? What was declared is compared with the manifest."""

from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel

from harness.declaration import CONFIRM_SEEDS, Change, DeclaredArm, Manifest, written_claim
from harness.errors import ResultsError
from harness.records.events import Event, PhaseEnded, RunStarted
from harness.records.provenance import DECIDING_VERSIONS


def accepted_changes(before: Manifest, now: Manifest, events: Sequence[Event]) -> list[Change]:
    """Return what differs and does no harm: more trials, more seeds, resources, the machine.

    Args:
        before: What the results folder declares.
        now: What is asked for.
        events: What has happened so far.

    Raises:
        ResultsError: Something differs that would make the parts incomparable; all of it is told.
    """
    refused = [*_differences(before, now), *_shrunk_budgets(before, now), *_late_trials(before, now, events)]
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
    return _harmless(before, now)


def _differences(before: Manifest, now: Manifest) -> list[str]:
    """Return what must be equal and is not."""
    pairs: list[tuple[str, Any, Any]] = [
        ("protocol version", before.protocol_version, now.protocol_version),
        ("arms", list(before.arms), list(now.arms)),
        ("data", before.dataset.model_dump(), now.dataset.model_dump()),
        ("baseline", before.baseline, now.baseline),
        ("claims", [written_claim(c) for c in before.claims], [written_claim(c) for c in now.claims]),
        *(
            (f"version of {name}", before.versions.get(name), now.versions.get(name))
            for name in DECIDING_VERSIONS
        ),
    ]
    there, here = before.search.model_dump(mode="json"), now.search.model_dump(mode="json")
    pairs += [(f"search.{key}", there[key], here[key]) for key in here if key not in {"trials", "audit"}]
    for name in before.arms.keys() & now.arms.keys():
        old, new = _fields(before.arms[name]), _fields(now.arms[name])
        pairs += [(f"arms.{name}.{f}", old.get(f), new.get(f)) for f in sorted({*old, *new})]
    return [change.in_words() for change in _changes(pairs)]


def _fields(arm: DeclaredArm) -> dict[str, Any]:
    """Return an arm's recipe fields as a study file writes them."""
    return {**{field: domain.as_written for field, domain in arm.space.items()}, **arm.fixed}


def _changes(pairs: Sequence[tuple[str, Any, Any]]) -> list[Change]:
    """Return the entries (field, before, after) whose two values differ."""
    return [Change(field=name, before=there, after=here) for name, there, here in pairs if there != here]


def _shrunk_budgets(before: Manifest, now: Manifest) -> list[str]:
    """Return budgets that became smaller: runs beyond them may already exist."""
    pairs = [
        ("search.trials", before.search.trials or 0, now.search.trials or 0),
        ("search.audit", before.search.audit, now.search.audit),
        (CONFIRM_SEEDS, len(before.confirm_seeds), len(now.confirm_seeds)),
    ]
    return [f"{what}: {there} before, only {here} now" for what, there, here in pairs if here < there]


def _late_trials(before: Manifest, now: Manifest, events: Sequence[Event]) -> list[str]:
    """Refuse more trials once a winner was shown the test set: another one would be chosen knowing it."""
    has_grown = (now.search.trials or 0) > (before.search.trials or 0)
    has_confirmed = any(isinstance(event, RunStarted) and event.phase == "confirm" for event in events)
    if not (has_grown and has_confirmed):
        return []
    closed = [event.arm for event in events if isinstance(event, PhaseEnded) and event.phase == "search"]
    there, here = before.search.trials, now.search.trials
    confirmed = f"the winners of {', '.join(closed)} have been confirmed on the test set already"
    return [f"search.trials: {there} before, {here} now, but {confirmed}"]


def _harmless(before: Manifest, now: Manifest) -> list[Change]:
    pairs: list[tuple[str, Any, Any]] = [
        ("search.trials", before.search.trials, now.search.trials),
        ("search.audit", before.search.audit, now.search.audit),
        (CONFIRM_SEEDS, len(before.confirm_seeds), len(now.confirm_seeds)),
        ("question", before.question, now.question),
        *_of_part("resources", before.resources, now.resources),
        *_of_part("machine", before.machine, now.machine),
        ("commit", before.git.commit, now.git.commit),
        *(
            (f"version of {name}", before.versions.get(name), version)
            for name, version in now.versions.items()
            if name not in DECIDING_VERSIONS
        ),
    ]
    return _changes(pairs)


def _of_part(name: str, before: BaseModel, now: BaseModel) -> list[tuple[str, Any, Any]]:
    there, here = before.model_dump(mode="json"), now.model_dump(mode="json")
    return [(f"{name}.{key}", there[key], value) for key, value in here.items()]
