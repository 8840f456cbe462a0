"""May a study be continued as it is asked for now? What was declared is compared with the manifest."""

from collections.abc import Sequence
from typing import Any

from harness.errors import ResultsError
from harness.records.events import Event, PhaseEnded, RunStarted
from harness.records.manifest import Manifest
from harness.study.file import Search

_DECIDING_VERSIONS = ("python", "torch", "numpy", "optuna", "ray")
"""Versions that can change a number or a choice; others may change."""


def accepted_changes(before: Manifest, now: Manifest, events: Sequence[Event]) -> list[str]:
    """Return, in words, what differs and does no harm: more trials, more seeds, resources, the machine.

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
        ("data", before.dataset, now.dataset),
        ("baseline", before.baseline, now.baseline),
        ("claims", before.claims, now.claims),
        *(
            (f"version of {name}", before.versions.get(name), now.versions.get(name))
            for name in _DECIDING_VERSIONS
        ),
    ]
    settings = Search.model_validate(before.search, strict=False).model_dump(mode="json")
    keys = [key for key in now.search if key not in {"trials", "audit"}]
    pairs += [(f"search.{key}", settings[key], now.search[key]) for key in keys]
    for name in before.arms.keys() & now.arms.keys():
        old, new = before.arms[name], now.arms[name]
        for field in sorted({*old.fixed, *old.space, *new.fixed, *new.space}):
            there = old.fixed.get(field, old.space.get(field))
            here = new.fixed.get(field, new.space.get(field))
            pairs.append((f"arms.{name}.{field}", there, here))
    return [f"{what}: {there!r} before, {here!r} now" for what, there, here in pairs if there != here]


def _shrunk_budgets(before: Manifest, now: Manifest) -> list[str]:
    """Return budgets that became smaller: runs beyond them may already exist."""
    pairs = [
        ("search.trials", before.search.get("trials") or 0, now.search.get("trials") or 0),
        ("search.audit", before.search.get("audit") or 0, now.search.get("audit") or 0),
        ("confirm.seeds", len(before.confirm_seeds), len(now.confirm_seeds)),
    ]
    return [f"{what}: {there} before, only {here} now" for what, there, here in pairs if here < there]


def _late_trials(before: Manifest, now: Manifest, events: Sequence[Event]) -> list[str]:
    """Refuse more trials once a winner was shown the test set: another one would be chosen knowing it."""
    has_grown = (now.search.get("trials") or 0) > (before.search.get("trials") or 0)
    has_confirmed = any(isinstance(event, RunStarted) and event.phase == "confirm" for event in events)
    if not (has_grown and has_confirmed):
        return []
    closed = [event.arm for event in events if isinstance(event, PhaseEnded) and event.phase == "search"]
    there, here = before.search.get("trials"), now.search.get("trials")
    confirmed = f"the winners of {', '.join(closed)} have been confirmed on the test set already"
    return [f"search.trials: {there} before, {here} now, but {confirmed}"]


def _harmless(before: Manifest, now: Manifest) -> list[str]:
    pairs: list[tuple[str, Any, Any]] = [
        ("search.trials", before.search.get("trials"), now.search.get("trials")),
        ("search.audit", before.search.get("audit") or 0, now.search.get("audit") or 0),
        ("confirm.seeds", len(before.confirm_seeds), len(now.confirm_seeds)),
        ("question", before.question, now.question),
        *((f"resources.{key}", before.resources.get(key), now.resources.get(key)) for key in now.resources),
        *((f"machine.{key}", before.machine.get(key), now.machine.get(key)) for key in now.machine),
        ("commit", before.git.get("commit"), now.git.get("commit")),
        *(
            (f"version of {name}", before.versions.get(name), version)
            for name, version in now.versions.items()
            if name not in _DECIDING_VERSIONS
        ),
    ]
    return [f"{what}: {there!r} before, {here!r} now" for what, there, here in pairs if there != here]
