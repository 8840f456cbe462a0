"""May a study be continued as it is asked for now? What was declared is compared with the manifest."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from harness.declaration import CONFIRM_SEEDS, REPEATS, Change, DeclaredArm, Manifest, written_claim
from harness.errors import ResultsError
from harness.records.events import EpochEnded, Event, PhaseEnded, RunEnded, RunStarted
from harness.records.provenance import DECIDING_VERSIONS
from harness.study.domains import undeclared_field
from harness.study.plan import confirm_seeds_of, search_seeds_of


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
        ("study", before.study, now.study),
        ("protocol version", before.protocol_version, now.protocol_version),
        ("arms", list(before.arms), list(now.arms)),
        ("data", before.dataset.model_dump(), now.dataset.model_dump()),
        ("baseline", before.baseline, now.baseline),
        *_unequal_budgets(before, now),
        ("claims", [written_claim(c) for c in before.claims], [written_claim(c) for c in now.claims]),
        *(
            (f"version of {name}", before.versions.get(name), now.versions.get(name))
            for name in DECIDING_VERSIONS
        ),
    ]
    there, here = before.search.model_dump(mode="json"), now.search.model_dump(mode="json")
    pairs += [
        (f"search.{key}", there[key], here[key]) for key in here if key not in {"trials", "audit", "repeats"}
    ]
    for name in before.arms.keys() & now.arms.keys():
        old, new = _fields(before.arms[name]), _fields(now.arms[name])
        pairs += [(f"arms.{name}.{f}", old.get(f), new.get(f)) for f in sorted({*old, *new})]
    return [change.in_words() for change in _changes(pairs)]


def _unequal_budgets(before: Manifest, now: Manifest) -> list[tuple[str, Any, Any]]:
    """Return budgets on which seeds depend: each repeat of several has its own, derived with their number."""
    there, here = before.search.repeats, now.search.repeats
    may_grow = isinstance(there, int) and isinstance(here, int) and 1 < there <= here
    repeats = [] if may_grow else [(REPEATS, there, here)]
    if before.search.max_repeats == 1:
        return repeats
    return [*repeats, (CONFIRM_SEEDS, before.confirm.max_seeds, now.confirm.max_seeds)]


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


def check_journal_belongs(declared: Manifest, events: Sequence[Event], journal: Path) -> None:
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
    for event in events:
        reason = None
        match event:
            case RunStarted() if event.run_id in ended:
                reason = f"run {event.run_id} begins again after its end, as if two studies were written here"
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
                f"{journal}: is not the journal of the study that manifest.json declares: {reason}. Nothing "
                f"was started. Remedy: bring back the manifest and the journal that belong together, or "
                f"start anew with --results DIR."
            )


def _no_such_arm(declared: Manifest, arm: str) -> str:
    return f"it has the arm {arm}, the manifest only {', '.join(declared.arms)}"


def _foreign_run(declared: Manifest, run: RunStarted) -> str | None:
    """Return why a run cannot have been handed out by this study."""
    arm = declared.arms.get(run.arm)
    if arm is None:
        return _no_such_arm(declared, run.arm)
    n_repeats = declared.search.max_repeats
    if run.repeat >= n_repeats:
        return f"run {run.run_id} is of repeat {run.repeat + 1}, of {n_repeats} planned"
    seeds, planned = search_seeds_of(declared.search, run.arm, run.repeat), arm.search_runs // n_repeats
    if run.phase == "confirm":
        seeds = confirm_seeds_of(declared.search, declared.confirm, run.arm, run.repeat)
        planned = arm.confirm_runs // n_repeats
    if run.number >= planned:
        return f"run {run.run_id} is number {run.number + 1}, of {planned} planned"
    if run.seed not in (seeds[run.number : run.number + 1] if run.phase == "confirm" else seeds):
        return f"run {run.run_id} has the seed {run.seed}, declared {', '.join(map(str, seeds))}"
    field = undeclared_field(arm.fixed, arm.space, run.configuration)
    if field is not None:
        return (
            f"run {run.run_id} has {field} = {run.configuration.get(field)!r}, which its arm does not declare"
        )
    return None


def _foreign_end(declared: Manifest, end: RunEnded, run: RunStarted | None) -> str | None:
    """Return why a run cannot have trained on this study's data."""
    if run is None:
        return f"run {end.run_id} ends without having begun"
    steps = -(-declared.dataset.train_samples // run.configuration["batch_size"])
    if end.steps_per_epoch in {None, steps}:
        return None
    return f"run {end.run_id} took {end.steps_per_epoch} steps an epoch, where the declared data take {steps}"


def _harmless(before: Manifest, now: Manifest) -> list[Change]:
    pairs: list[tuple[str, Any, Any]] = [
        ("search.trials", before.search.trials, now.search.trials),
        ("search.audit", before.search.audit, now.search.audit),
        (REPEATS, before.search.max_repeats, now.search.max_repeats),
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
