"""A ruling made complete: what was claimed, of what it holds, what it rests on, what a reader must know."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from analysis.claims.evidence import Grounds
from analysis.claims.flags import comparison_flags, seed_flags
from analysis.claims.images import on_new_images
from analysis.claims.kinds import compared_arms, scope_of
from analysis.claims.parts import Counted, Flag, NewImages, Statement, Where
from analysis.claims.verdict import Verdict
from analysis.design import n_beyond_the_plan, noun_of
from analysis.replicates import ends_of, n_ended
from harness.declaration import UnknownClaim
from harness.study.claims import EVERY, Claim


def complete(
    grounds: Grounds,
    claim: Claim | UnknownClaim,
    verdict: Verdict,
    arm_flags: Mapping[str, list[Flag]],
) -> Verdict:
    """Return a verdict with what was claimed, of what it holds, what it rests on, and its flags."""
    verdict = replace(verdict, claim=statement(claim))
    if isinstance(claim, UnknownClaim):
        return verdict
    arms = compared_arms(grounds.records, claim)
    verdict = replace(verdict, unit=noun_of(grounds.records, arms))
    if grounds.parts and verdict.where is None:  # nothing was measured
        verdict = replace(verdict, where=Where(on=claim.on or EVERY, dataset=None))
    n, on_new = verdict.look or grounds.design.counts[0], _on_new_images(grounds, verdict)
    return replace(
        verdict,
        new_images=on_new if isinstance(on_new, NewImages) else None,
        no_new_images=on_new if isinstance(on_new, str) else None,
        scope=scope_of(grounds, claim),
        replicates={arm: _counted(grounds, arm, n) for arm in arms},
        flags=_flags(grounds, arms, verdict, arm_flags),
    )


def _flags(
    grounds: Grounds, arms: Sequence[str], verdict: Verdict, arm_flags: Mapping[str, list[Flag]]
) -> tuple[Flag, ...]:
    """Return the flags of a claim: those of its arms, of comparing them, and of its seeds."""
    of_arms = [flag for arm in arms for flag in arm_flags[arm]]
    return (*of_arms, *comparison_flags(grounds, arms), *seed_flags(grounds.records, verdict))


def _on_new_images(grounds: Grounds, verdict: Verdict) -> NewImages | str:
    """Return the interval of the decisive difference for new images, of several data sets on its own one."""
    if verdict.where is None:
        return on_new_images(grounds, verdict)
    if verdict.where.dataset is None:
        return "the difference is an average over data sets"
    return on_new_images(grounds.parts[verdict.where.dataset], verdict)


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


def statement(claim: Claim | UnknownClaim) -> Statement:
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
