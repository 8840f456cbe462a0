"""From declared claims to verdicts: follow them through the plan's looks, rule, tell what they rest on."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from analysis.claims.ahead import BEST, BETTER
from analysis.claims.datasets import on_datasets
from analysis.claims.diverges import DIVERGES
from analysis.claims.equal import EQUAL
from analysis.claims.evidence import Evidence, Grounds, Kind, Untestable
from analysis.claims.faster import FASTER
from analysis.claims.flags import arm_flags_of, comparison_flags, seed_flags
from analysis.claims.images import on_new_images
from analysis.claims.looks import Course, Courses
from analysis.claims.made import made_of
from analysis.claims.monotone import MONOTONE
from analysis.claims.optimum import OPTIMUM
from analysis.claims.reaches import REACHES
from analysis.claims.trend import TREND
from analysis.claims.verdict import (
    Counted,
    Flag,
    Made,
    NewImages,
    Reach,
    Ruling,
    Scope,
    Statement,
    Verdict,
    Where,
)
from analysis.lineage import ancestors_of
from analysis.records import StudyRecords
from analysis.replicates import ends_of, n_beyond_the_plan, n_ended, searches
from harness.declaration import Declaration, UnknownClaim
from harness.study.claims import AVERAGE, EVERY, WITHOUT_REGION, Claim
from harness.study.datasets import name_on

KINDS: Mapping[str, Kind[Any]] = {
    "better": BETTER,
    "best": BEST,
    "equal": EQUAL,
    "faster": FASTER,
    "diverges": DIVERGES,
    "optimum": OPTIMUM,
    "trend": TREND,
    "monotone": MONOTONE,
    "reaches": REACHES,
}
"""Every kind of claim, as study files call it. A further kind is a model there, a file here, and a row."""

_RESPONSES = {"optimum", "trend", "monotone"}


@dataclass(frozen=True, kw_only=True)
class Standing:
    """Where a study's claims stand at a look: what the driver of a running study needs to know."""

    decided: Mapping[int, Ruling]
    """Ruling of each claim that is closed, by its place in the declaration; futile ones are inconclusive."""
    open: Sequence[int]
    """Places of the claims that a further look may decide."""
    needed_arms: frozenset[str]
    """Arms that need more replicates; none where the study is over."""
    why: str
    """In words."""


@dataclass(frozen=True, kw_only=True)
class _Progress:
    """Claims followed through every look whose replicates have ended."""

    courses: Courses
    looks_taken: int
    waiting: str
    """What the next look waits for; empty where none is left or needed."""
    needed: frozenset[str]
    """Arms that the next look needs."""


def decide(grounds: Grounds) -> list[Verdict]:
    """Return a verdict for every declared claim, in its order; none is ruled under a broken seal."""
    seal = grounds.records.seal
    if seal.state == "broken":
        reason = f"claims may have been changed after the first run: {seal.in_words()}"
        return [
            Verdict(ruling="not testable", reason=reason, n=0, claim=_statement(claim))
            for claim in grounds.claims
        ]
    ruled = _of_parent(grounds)
    for family in _families(grounds, ruled):
        ruled |= dict(zip(family.places, _rule(family), strict=True))
    return [ruled[place] for place in range(len(grounds.claims))]


@dataclass(frozen=True, kw_only=True)
class _Family:
    """Claims that are ruled together."""

    places: Sequence[int]
    """Of them in the declaration."""
    grounds: Grounds
    """With these claims alone."""
    made: Made | None = None
    n_beside: int = 0
    """Further claims of the family that are ruled elsewhere and count here with a p of 1."""


def _families(grounds: Grounds, elsewhere: Collection[int]) -> list[_Family]:
    """Return the families of a study's claims, those left out that were ruled elsewhere.

    In a study with a parent, claims that were made before their data are a family, as in a study of their
    own. Those made after it are ruled in one that counts every claim of the study.
    """
    claims = grounds.claims
    if grounds.records.declaration.parent is None:
        return [_Family(places=range(len(claims)), grounds=grounds)]
    made = _made(grounds)
    left = [place for place in range(len(claims)) if place not in elsewhere]
    fresh = [place for place in left if made[place] == _BEFORE]
    marked = [place for place in left if made[place] != _BEFORE]
    return [
        _Family(
            places=places,
            grounds=replace(grounds, claims=[claims[place] for place in places]),
            made=made_then,
            n_beside=n_beside,
        )
        for places, made_then, n_beside in (
            (fresh, _BEFORE, 0),
            (marked, _AFTER, len(claims) - len(marked)),
        )
        if places
    ]


_BEFORE: Made = "before the data"
_AFTER: Made = "after the data"


def _made(grounds: Grounds) -> list[Made]:
    """Return when each claim was made, by what was declared; while nothing is taken over, after the data."""
    ancestors = ancestors_of(grounds.records)
    if not ancestors:
        return [_AFTER] * len(grounds.claims)
    return made_of(grounds.records.declaration, ancestors, compared_in)


def _of_parent(grounds: Grounds) -> dict[int, Verdict]:
    """Return the verdicts of claims that are the parent's own, as it ruled them, by their places.

    They are ruled by the parent's declaration, in the parent's family, if every run that its claims rest on
    was taken over.
    """
    parent = grounds.parent
    if parent is None:
        return {}
    verdicts = decide(parent)
    if any(verdict.ruling == "not yet" for verdict in verdicts):
        return {}
    own = {}
    for place, (claim, made) in enumerate(zip(grounds.claims, _made(grounds), strict=True)):
        if made == "in the parent":
            verdict = verdicts[list(parent.claims).index(claim)]
            family = verdict.family or parent.records.seal.sha256
            own[place] = replace(verdict, made=made, family=family)
    return own


def _rule(family: _Family) -> list[Verdict]:
    """Return the verdicts of a family, in its claims' order."""
    grounds = family.grounds
    progress = _follow(grounds, n_beside=family.n_beside)
    ruled = progress.courses.verdicts()[: len(grounds.claims)]
    verdicts = [verdict or _not_yet(grounds, place, progress) for place, verdict in enumerate(ruled)]
    arm_flags = arm_flags_of(grounds)
    sha256 = grounds.records.seal.sha256 if family.made else None
    return [
        replace(_complete(grounds, claim, verdict, arm_flags), made=family.made, family=sha256)
        for claim, verdict in zip(grounds.claims, verdicts, strict=True)
    ]


def standing(grounds: Grounds, n: int) -> Standing:
    """Return where the claims stand once the look at n replicates is taken.

    Args:
        grounds: The records so far, with every replicate up to that look that an open claim needs.
        n: Replicates of the look, one of the plan's.
    """
    decided: dict[int, Ruling] = {place: verdict.ruling for place, verdict in _of_parent(grounds).items()}
    waiting, needed = "", frozenset[str]()
    for family in _families(grounds, decided):
        progress = _follow(family.grounds, upto=n, n_beside=family.n_beside)
        ruled = zip(family.places, progress.courses.verdicts(), strict=False)
        decided |= {place: verdict.ruling for place, verdict in ruled if verdict is not None}
        waiting, needed = waiting or progress.waiting, needed | progress.needed
    still_open = [place for place in range(len(grounds.claims)) if place not in decided]
    noun = grounds.design.noun
    if waiting:
        why = f"the look at {n} {noun} is not complete: {waiting}"
    elif not still_open:
        why = f"every claim is decided at {n} {noun}"
    else:
        arms = ", ".join(arm for arm in grounds.records.arms if arm in needed) or "no arm"
        why = f"{len(still_open)} of {len(grounds.claims)} claims are open at {n} {noun}: {arms} must go on"
    return Standing(decided=decided, open=still_open, needed_arms=needed, why=why)


def _follow(grounds: Grounds, upto: int | None = None, n_beside: int = 0) -> _Progress:
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
            return _Progress(courses=courses, looks_taken=look, waiting="", needed=needed)
        waiting = _waiting(grounds, needed, n)
        if waiting:
            return _Progress(courses=courses, looks_taken=look, waiting=waiting, needed=needed)
        courses.take(look, lambda place, n=n: _measure(grounds, claims[place], n))  # type: ignore[misc]
        needed = courses.needs(look)
    return _Progress(courses=courses, looks_taken=len(design.counts), waiting="", needed=needed)


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
            is_repeat = grounds.design.unit == "repeat" and searches(records, arm)
            noun = "repeats" if is_repeat else "seeds" if is_confirmed else "runs"
            return f"{ended} of {planned} {noun} of {arm} have ended"
    return ""


def _not_yet(grounds: Grounds, place: int, progress: _Progress) -> Verdict:
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


def _complete(
    grounds: Grounds,
    claim: Claim | UnknownClaim,
    verdict: Verdict,
    arm_flags: Mapping[str, list[Flag]],
) -> Verdict:
    """Return a verdict with what was claimed, of what it holds, what it rests on, and its flags."""
    verdict = replace(verdict, claim=_statement(claim), flags=_flags(grounds, claim, verdict, arm_flags))
    if isinstance(claim, UnknownClaim):
        return verdict
    if grounds.parts and verdict.where is None:  # nothing was measured
        verdict = replace(verdict, where=Where(on=claim.on or EVERY, dataset=None))
    n, on_new = verdict.look or grounds.design.counts[0], _on_new_images(grounds, verdict)
    return replace(
        verdict,
        new_images=on_new if isinstance(on_new, NewImages) else None,
        no_new_images=on_new if isinstance(on_new, str) else None,
        scope=scope_of(grounds, claim),
        replicates={arm: _counted(grounds, arm, n) for arm in compared_arms(grounds.records, claim)},
        unit=grounds.design.noun,
    )


def _flags(
    grounds: Grounds, claim: Claim | UnknownClaim, verdict: Verdict, arm_flags: Mapping[str, list[Flag]]
) -> tuple[Flag, ...]:
    """Return the flags of a claim: those of its arms, of comparing them, and of its seeds."""
    if isinstance(claim, UnknownClaim):
        return ()
    arms = compared_arms(grounds.records, claim)
    of_arms = [flag for arm in arms for flag in arm_flags[arm]]
    return (*of_arms, *comparison_flags(grounds, arms), *seed_flags(grounds.records, verdict))


def _on_new_images(grounds: Grounds, verdict: Verdict) -> NewImages | str:
    """Return the interval of the decisive difference for new images, of several data sets on its own one."""
    if verdict.where is None:
        return on_new_images(grounds, verdict)
    if verdict.where.dataset is None:
        return "the difference is an average over data sets"
    return on_new_images(grounds.parts[verdict.where.dataset], verdict)


def scope_of(grounds: Grounds, claim: Claim) -> Scope:
    """Return whether a claim is about how arms are searched and trained, or about what one search chose."""
    records = grounds.records
    arms = compared_arms(records, claim)
    plain = {records.declaration.plain_name(arm) for arm in arms}
    is_measured = claim.kind in _RESPONSES and getattr(claim.spec, "arm", None) in plain
    is_point = claim.kind == "diverges" and getattr(claim.spec, "at", None) is not None
    is_chosen = any(searches(records, arm) for arm in arms) and not (is_measured or is_point)
    return "configuration" if is_chosen and grounds.design.unit == "seed" else "procedure"


def _counted(grounds: Grounds, arm: str, n: int) -> Counted:
    """Return how many of an arm's first replicates ended, and how."""
    records = grounds.records
    ended, planned = n_ended(records, arm, n)
    ends = ends_of(records, arm, n)
    return Counted(
        n=ended,
        planned=planned,
        missing=ends.count("missing"),
        diverged=ends.count("diverged"),
        beyond_plan=n_beyond_the_plan(records, arm) if records.declaration.arms[arm].confirm_runs else 0,
    )


def compared_arms(records: StudyRecords, claim: Claim) -> Sequence[str]:
    """Return the arms of the study that a claim is about, in the study's order, templates expanded."""
    return compared_in(records.declaration, claim)


def compared_in(declaration: Declaration, claim: Claim) -> Sequence[str]:
    """Return the arms that a claim is about, as `compared_arms` does."""
    if declaration.datasets:
        names = list(declaration.datasets) if claim.on in {None, EVERY, AVERAGE} else [claim.on]
        parts = {name: declaration.on(name) for name in names if name in declaration.datasets}
        return [name_on(arm, name) for name, part in parts.items() for arm in compared_in(part, claim)]
    named = set(KINDS[claim.kind].compared_arms(claim.spec, declaration))
    return [arm for arm in declaration.arms if arm in named]


def _statement(claim: Claim | UnknownClaim) -> Statement:
    """Return what was claimed; of one that is not understood, its words and the kind it seems to be of."""
    if isinstance(claim, UnknownClaim):
        return Statement(says=claim.says, source=claim.source, kind=claim.kind)
    named = claim.spec.model_dump()
    return Statement(
        says=claim.says,
        source=claim.source,
        kind=claim.kind,
        metric=claim.metric,
        arm=named.get("arm"),
        than=named.get("than"),
        field=named.get("field") or named.get("over"),
    )
