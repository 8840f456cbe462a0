"""Claims followed through the looks of a plan: measured at each whose replicates have ended, until closed."""

from dataclasses import dataclass, replace

from analysis.claims.datasets import on_datasets
from analysis.claims.evidence import Evidence, Grounds, Untestable
from analysis.claims.kinds import KINDS, compared_arms
from analysis.claims.looks import Course, Courses
from analysis.claims.parts import Reach
from analysis.claims.verdict import Verdict
from analysis.design import counts_searches
from analysis.replicates import n_ended
from harness.declaration import UnknownClaim
from harness.study.claims import EVERY, WITHOUT_REGION, Claim


@dataclass(frozen=True, kw_only=True)
class Progress:
    """Claims followed through every look whose replicates have ended."""

    courses: Courses
    looks_taken: int
    waiting: str
    """What the next look waits for; empty where none is left or needed."""
    needed: frozenset[str]
    """Arms that the next look needs."""


def follow(grounds: Grounds, upto: int | None = None, n_beside: int = 0) -> Progress:
    """Take every look whose replicates have ended, up to a number of replicates.

    Args:
        grounds: With the claims of one family.
        upto: The number.
        n_beside: Claims that the family counts besides, with a p of 1.
    """
    design, claims = grounds.design, grounds.claims
    beside = [Course(outcome="open", look=0, has_region=True) for _ in range(n_beside)]
    own = [_course(grounds, claim) for claim in claims]
    courses = Courses(plan=design.looks, claims=[*own, *beside], unit=design.noun)
    needed = frozenset(arm for place in courses.open for arm in courses.claims[place].arms)
    for look, n in enumerate(design.counts):
        if not courses.open or (upto is not None and n > upto):
            return Progress(courses=courses, looks_taken=look, waiting="", needed=needed)
        waiting = _waiting(grounds, needed, n)
        if waiting:
            return Progress(courses=courses, looks_taken=look, waiting=waiting, needed=needed)
        courses.take(look, lambda place, n=n: _measure(grounds, claims[place], n))  # type: ignore[misc]
        needed = courses.needs(look)
    return Progress(courses=courses, looks_taken=len(design.counts), waiting="", needed=needed)


def _course(grounds: Grounds, claim: Claim | UnknownClaim) -> Course:
    """Return a claim's course before the first look; one that can never be tested has ended."""
    if isinstance(claim, UnknownClaim):
        return Course(evidence=Untestable(reason=claim.reason, is_by_design=True))
    evidence = _measure(grounds, claim, grounds.design.counts[0])
    settled = evidence if isinstance(evidence, Untestable) and evidence.is_by_design else None
    metric = None if claim.metric is None else grounds.records.metrics[claim.metric]
    has_region = claim.kind not in WITHOUT_REGION and (
        claim.region is not None or (metric is not None and metric.equivalence is not None)
    )
    arms = frozenset(compared_arms(grounds.records, claim))
    return Course(evidence=settled, arms=arms, has_region=has_region)


def _waiting(grounds: Grounds, arms: frozenset[str], n: int) -> str:
    """Return which of some arms' replicates up to a look have not ended; empty where all have."""
    records = grounds.records
    for arm in records.arms:
        if arm not in arms:
            continue
        ended, planned = n_ended(records, arm, n)
        if ended < planned:
            is_confirmed = bool(records.declaration.arms[arm].confirm_runs)
            noun = "repeats" if counts_searches(records, arm) else "seeds" if is_confirmed else "runs"
            return f"{ended} of {planned} {noun} of {arm} have ended"
    return ""


def not_yet(grounds: Grounds, place: int, progress: Progress) -> Verdict:
    """Return the verdict of a claim that a further look may decide, with what is known so far."""
    claim, design = grounds.claims[place], grounds.design
    look = min(progress.looks_taken, len(design.counts) - 1)
    at = f"open at n = {design.counts[look - 1]}, the next look is at {design.counts[look]}: "
    reason = f"{at if look else ''}{progress.waiting}"
    evidence = _measure(grounds, claim, design.counts[look])
    if isinstance(evidence, Untestable):
        return Verdict(ruling="not yet", reason=reason, n=evidence.n)
    known = progress.courses.so_far(place, evidence, look)
    return replace(known, ruling="not yet", reason=f"{reason}; so far over n = {evidence.n}", reach=Reach())


def _measure(grounds: Grounds, claim: Claim | UnknownClaim, n: int) -> Evidence | Untestable:
    """Return the evidence of a claim over the first n replicates."""
    if isinstance(claim, UnknownClaim):
        return Untestable(reason=claim.reason, is_by_design=True)
    if grounds.parts:
        return on_datasets(grounds, claim.on or EVERY, lambda part: _measure_alone(part, claim, n))
    return _measure_alone(grounds, claim, n)


def _measure_alone(grounds: Grounds, claim: Claim, n: int) -> Evidence | Untestable:
    """Return the evidence of a claim on one data set, or on their average."""
    evidence = KINDS[claim.kind].measure(grounds, claim.spec, claim.region, n)
    is_comparison = len(compared_arms(grounds.records, claim)) > 1
    if grounds.unequal_budgets and not isinstance(evidence, Untestable) and is_comparison:
        return Untestable(reason=f"unequal budgets: {'; '.join(grounds.unequal_budgets)}", n=evidence.n)
    return evidence
