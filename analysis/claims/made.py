"""When the claims of a study with a parent were made, by declarations alone: a dry run foretells it too."""

from collections.abc import Collection, Sequence

from analysis.claims.kinds import compared_in
from analysis.claims.verdict import Made
from analysis.lineage import known_arms
from harness.declaration import Declaration, UnknownClaim
from harness.study.claims import Claim


def made_of(here: Declaration, ancestors: Sequence[Declaration]) -> list[Made]:
    """Return when each of a study's claims was made.

    A claim is the parent's if it is declared alike and about the same arms, under the same plan, and was not
    made after the data there. It was made before its data if it is about arms alone that no ancestor's
    results foretell. Any other was made after the data.

    Args:
        here: What the study declares.
        ancestors: What its ancestors declared, at least its parent, which is the last.
    """
    *older, parent = ancestors
    there: list[Made] = made_of(parent, older) if older else ["before the data"] * len(parent.claims)
    inherited = [own for own, made in zip(parent.claims, there, strict=True) if made != "after the data"]
    known = known_arms(here, ancestors)
    is_planned_alike = here.plan == parent.plan

    def made(claim: Claim | UnknownClaim) -> Made:
        if isinstance(claim, UnknownClaim):
            return "after the data"
        arms = compared_in(here, claim)
        if is_planned_alike and claim in inherited and arms == compared_in(parent, claim):
            return "in the parent"
        return "before the data" if _are_fresh(arms, known) else "after the data"

    return [made(claim) for claim in here.claims]


def _are_fresh(arms: Collection[str], known: Collection[str]) -> bool:
    return bool(arms) and not any(arm in known for arm in arms)
