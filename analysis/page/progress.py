"""How much of a study has run, and how much is planned."""

from typing import get_args

from analysis import audit
from analysis.records import StudyRecords
from harness.records.events import Phase


def counted(records: StudyRecords) -> tuple[int, int]:
    """Return how many runs have ended, and how many are planned as far as looks have allowed."""
    planned = sum(planned_runs(records, arm) for arm in records.arms)
    return sum(len(records.runs_of(phase)) for phase in get_args(Phase)), planned


def planned_runs(records: StudyRecords, arm: str) -> int:
    """Return how many runs of an arm are planned as far as looks have allowed."""
    declared, plan = records.declaration.arms[arm], records.declaration.plan
    of_each = declared.confirm_runs // records.max_repeats
    if plan.unit == "repeat":
        confirm = of_each * records.allowed[arm]
    else:
        is_sequential = len(plan.looks) > 1
        confirm = min(declared.confirm_runs, records.allowed[arm]) if is_sequential else declared.confirm_runs
    without_winner = records.winners_of(arm).count(None) * of_each
    searches = planned_searches(records, arm)
    return searches + confirm - without_winner + audit.planned_runs(records, arm)


def planned_searches(records: StudyRecords, arm: str) -> int:
    """Return how many search runs of an arm are planned as far as looks have allowed.

    Of a search that was given up, those that ended: the others will never start.
    """
    is_repeated = records.declaration.plan.unit == "repeat"
    repeats = range(records.allowed[arm] if is_repeated else records.max_repeats)
    given_up = [repeat for repeat in repeats if repeat in records.given_up.get(arm, {})]
    of_each = records.declaration.arms[arm].search_runs // records.max_repeats
    ended = records.runs_of("search", arm)["repeat"].isin(given_up).sum()
    return of_each * (len(repeats) - len(given_up)) + int(ended)


def given_up(records: StudyRecords) -> list[str]:
    """Return a sentence for each search that was given up, which says why."""
    return [
        f"{f'Search {repeat}' if records.is_repeated else 'The search'} of arm {arm} was given up: {why}."
        for arm, searches in records.given_up.items()
        for repeat, why in sorted(searches.items())
    ]


def progress(records: StudyRecords) -> str | None:
    """Return how much of the study is missing, as a sentence without its stop; None when all has ended."""
    ended, planned = counted(records)
    if ended >= planned and records.next_look is None:
        return None
    due = "" if ended < planned else f", the look at {records.next_look} is still to come"
    return f"Unfinished: {ended} of {planned} planned runs have ended{due}"


def unconfirmed(records: StudyRecords) -> str | None:
    """Return what a study without a confirm phase has in place of results, or None where it has one."""
    if records.has_confirm:
        return None
    return (
        "This study has no confirm phase and so no table of results: its numbers are those of search runs, "
        "and no run has seen the test set."
    )
