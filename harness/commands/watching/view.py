"""What `watch` writes on a terminal, and in a line where there is none."""

import textwrap
from collections import Counter
from collections.abc import Iterator
from datetime import datetime

from analysis.claims.standing import OPEN, standing_lines
from analysis.listing import in_words, rulings, state, state_of
from analysis.page.progress import given_up
from analysis.results import Results
from harness.commands.watching.progress import ArmProgress, Progress
from harness.text_table import table_lines
from harness.tuning.progress import clock

_HEADS = ("arm", "ended", "running", "bad", "epochs", "best")


def view_lines(found: Results, progress: Progress, ago: str, width: int) -> Iterator[str]:
    """Yield everything: state, pace, looks, what each arm has done, how each claim stands.

    Args:
        found: The study's results.
        progress: How far it is.
        ago: How long ago the last event was.
        width: Letters in a line.
    """
    head = f"{found.declaration.study}: {state(found)}, last event {ago} ago"
    for told in (head, pace_in_words(found, progress), _looks(found), *given_up(found.facts.records)):
        yield from textwrap.wrap(told, width)
    yield from table_lines(_HEADS, [_cells(arm) for arm in progress.arms], width)
    legend = f"best: {found.declaration.search.metric} of a full search run; bad: diverged or failed"
    yield from textwrap.wrap(legend, width)
    yield from standing_lines(found.claims, width)


def line(found: Results, progress: Progress, now: datetime) -> str:
    """Return the same in one line."""
    arms = ", ".join(f"{arm.arm} {arm.ended}/{arm.planned}" for arm in progress.arms)
    pace = pace_in_words(found, progress)
    told = [f"{now:%H:%M:%S} {found.declaration.study}: {state(found)}", pace, arms, in_words(rulings(found))]
    return " | ".join(part for part in told if part)


def pace_in_words(found: Results, progress: Progress) -> str:
    """Return the pace, and the time left where the study goes on; empty where it is unknown."""
    if progress.epochs_per_second is None:
        return ""
    pace = f"{progress.epochs_per_second:.3g} epochs/s"
    if state_of(found) != "running" or progress.seconds_left is None:
        return pace
    until = "" if found.facts.records.next_look is None else " until the next look"
    return f"{pace}, about {clock(progress.seconds_left)} left{until}"


def _looks(found: Results) -> str:
    """Return which looks the plan takes and which is next; empty where it takes one at its end only."""
    plan, records = found.declaration.plan, found.facts.records
    if len(plan.looks) < 2:
        return ""
    ruled = Counter(claim.ruling in OPEN for claim in found.claims)
    after = "none is left" if records.next_look is None else f"the next one at {records.next_look}"
    return f"looks at {', '.join(map(str, plan.looks))} {plan.unit}s: {after}, {ruled[True]} claims open"


def _cells(arm: ArmProgress) -> list[str]:
    best = "" if arm.best is None else f"{arm.best:.4f}"
    counts = (f"{arm.ended}/{arm.planned}", arm.running, arm.bad, arm.epochs)
    return [arm.arm, *map(str, counts), best]
