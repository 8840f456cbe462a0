"""What a reader must know before believing a verdict."""

from collections.abc import Sequence

import pandas as pd

from analysis import selection
from analysis.claims.verdict import Flag, Verdict
from analysis.records import StudyRecords

FEW_SEEDS = 5
"""Below this many, a verdict carries a flag."""


def arm_flags(records: StudyRecords) -> dict[str, list[Flag]]:
    """Return the flags of each arm: where its rate lies, and whether its seeds diverged."""
    search, confirm = records.runs_of("search"), records.runs_of("confirm")
    found = {}
    for arm, choice in selection.choices(records).items():
        flags = _place(arm, choice, search[search["arm"] == arm])
        found[arm] = flags + _diverged(arm, confirm[confirm["arm"] == arm])
    return found


def _place(arm: str, choice: selection.Choice, search: pd.DataFrame) -> list[Flag]:
    found = []
    if choice.edge:
        detail = f"the chosen rate of {arm} is at the {choice.edge} edge of its range"
        found.append(Flag(name="edge", arm=arm, detail=detail))
    if selection.is_stability_limited(search, choice):
        detail = f"the next larger rate that {arm} tried diverged"
        found.append(Flag(name="next to divergence", arm=arm, detail=detail))
    return found


def _diverged(arm: str, confirm: pd.DataFrame) -> list[Flag]:
    lost = int((confirm["status"] == "diverged").sum())
    detail = f"{lost} of {len(confirm)} confirm runs of {arm} diverged"
    return [Flag(name="diverged seeds", arm=arm, detail=detail)] if lost else []


def comparison_flags(records: StudyRecords, arms: Sequence[str], unequal: list[str]) -> list[Flag]:
    """Return the flags of comparing several arms: other budgets, other batch sizes at one learning rate."""
    if len(arms) < 2:
        return []
    found = [Flag(name="unequal budget", arm=None, detail="; ".join(unequal))] if unequal else []
    fixed = [records.manifest.arms[arm].fixed for arm in arms]
    sizes, rates = ([settings.get(field) for settings in fixed] for field in ("batch_size", "lr"))
    if len(set(sizes)) > 1 and len(set(rates)) == 1 and rates[0] is not None:
        detail = (
            "arms differ in batch size but share one learning rate, which suits some sizes and not others"
        )
        found.append(Flag(name="rate not tuned", arm=None, detail=detail))
    return found


def seed_flags(records: StudyRecords, verdict: Verdict) -> list[Flag]:
    """Return the flags of too few seeds, and of seeds that were added with first results in sight."""
    found = []
    if verdict.ruling != "not testable" and verdict.n < FEW_SEEDS:
        detail = f"a claim rests on {verdict.n} seeds, where an interval leans on the noise being normal"
        found.append(Flag(name="few seeds", arm=None, detail=detail))
    changes = [change for resumption in records.manifest.resumed for change in resumption.changes]
    added = [change for change in changes if change.startswith("confirm.seeds:")]
    if added:
        detail = f"the number of seeds was not fixed beforehand ({'; '.join(added)})"
        found.append(Flag(name="seeds added later", arm=None, detail=detail))
    return found
