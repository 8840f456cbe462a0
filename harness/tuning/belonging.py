"""Is a journal that of the study whose declaration lies beside it?"""

from collections.abc import Sequence
from pathlib import Path

from harness.declaration import Declaration
from harness.errors import ResultsError
from harness.recipe.imported import value_at
from harness.records.events import EpochEnded, Event, PhaseEnded, RunEnded, RunStarted
from harness.study.domains import undeclared_field
from harness.study.plan import confirm_seeds_of, search_seeds_of


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
