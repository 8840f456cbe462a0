"""What weakens a verdict: flags of arms, of comparing them, and of the seeds that it rests on."""

from collections.abc import Sequence

from analysis import selection
from analysis.claims.evidence import Grounds
from analysis.claims.parts import Flag
from analysis.claims.verdict import Verdict
from analysis.records import StudyRecords
from analysis.replicates import ends_of, n_collapsed
from harness.manifest import CONFIRM_SEEDS

FEW_SEEDS = 5
"""Below this many, a verdict carries a flag."""


def arm_flags_of(grounds: Grounds) -> dict[str, list[Flag]]:
    """Return the flags of each arm: where its rate lies, and whether its seeds diverged or failed."""
    records = grounds.records
    return {
        arm: _rate_flags(records, arm, choice)
        + _divergence_flags(records, arm)
        + _collapse_flags(records, arm)
        + _failure_flags(records, arm)
        for arm, choice in grounds.choices.items()
    }


def _rate_flags(records: StudyRecords, arm: str, choice: selection.Choice) -> list[Flag]:
    flags = []
    if choice.edge:
        detail = f"the chosen rate of {arm} is at the {choice.edge} edge of its range"
        flags.append(Flag(name="edge", arm=arm, detail=detail))
    if selection.is_stability_limited(records.runs_of("search", arm), choice):
        detail = f"the next larger rate that {arm} tried diverged"
        flags.append(Flag(name="next to divergence", arm=arm, detail=detail))
    return flags


def _divergence_flags(records: StudyRecords, arm: str) -> list[Flag]:
    confirm = records.runs_of("confirm", arm)
    diverged = int((confirm["status"] == "diverged").sum())
    detail = f"{diverged} of {len(confirm)} confirm runs of {arm} diverged"
    return [Flag(name="diverged seeds", arm=arm, detail=detail)] if diverged else []


def _collapse_flags(records: StudyRecords, arm: str) -> list[Flag]:
    collapsed = n_collapsed(records, arm)
    n = len(ends_of(records, arm))
    detail = f"{collapsed} of {n} replicates of {arm} score hardly more than chance"
    return [Flag(name="collapsed seeds", arm=arm, detail=detail)] if collapsed else []


def _failure_flags(records: StudyRecords, arm: str) -> list[Flag]:
    """Return the flag of measured runs that failed: seeds that every comparison of the arm goes without."""
    declared = records.declaration.arms[arm]
    is_grid = not declared.confirm_runs and records.declaration.search.sampler == "grid"
    measured = records.runs_of("search" if is_grid else "confirm", arm)
    failed = int((measured["status"] == "failed").sum())
    runs = "search runs" if is_grid else "confirm runs"
    detail = f"{failed} of {len(measured)} {runs} of {arm} failed and are missing in what it rests on"
    return [Flag(name="failed seeds", arm=arm, detail=detail)] if failed else []


def comparison_flags(grounds: Grounds, arms: Sequence[str]) -> list[Flag]:
    """Return the flags of comparing several arms: other budgets, other batch sizes at one learning rate."""
    if len(arms) < 2:
        return []
    flags = []
    if grounds.unequal_budgets:
        flags.append(Flag(name="unequal budget", arm=None, detail="; ".join(grounds.unequal_budgets)))
    fixed = [grounds.records.declaration.arms[arm].fixed for arm in arms]
    sizes, rates = ([settings.get(field) for settings in fixed] for field in ("batch_size", "lr"))
    if len(set(sizes)) > 1 and len(set(rates)) == 1 and rates[0] is not None:
        detail = (
            "arms differ in batch size but share one learning rate, which suits some sizes and not others"
        )
        flags.append(Flag(name="rate not tuned", arm=None, detail=detail))
    return flags


def seed_flags(records: StudyRecords, verdict: Verdict) -> list[Flag]:
    """Return the flags of too few seeds, and of seeds that were added with first results in sight."""
    flags = []
    if verdict.ruling not in {"not testable", "not yet"} and verdict.n < FEW_SEEDS:
        detail = (
            f"a claim rests on {verdict.n} {verdict.unit}, where an interval leans on the noise being normal"
        )
        flags.append(Flag(name="few seeds", arm=None, detail=detail))
    added = [change for change in records.manifest.changes if change.field == CONFIRM_SEEDS]
    if added:
        told = "; ".join(change.in_words() for change in added)
        detail = f"seeds beyond the plan are exploratory and rule nothing ({told})"
        flags.append(Flag(name="seeds added later", arm=None, detail=detail))
    return flags
