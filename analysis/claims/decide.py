"""From declared claims to verdicts: each family of claims is followed through the looks and ruled."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from analysis.claims.completing import complete, statement
from analysis.claims.evidence import Grounds
from analysis.claims.flags import arm_flags_of
from analysis.claims.following import follow, not_yet
from analysis.claims.made import made_of
from analysis.claims.verdict import Made, Ruling, Verdict
from analysis.lineage import ancestors_of

_BEFORE: Made = "before the data"
_AFTER: Made = "after the data"


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


def decide(grounds: Grounds) -> list[Verdict]:
    """Return a verdict for every declared claim, in its order; none is ruled under a broken seal."""
    seal = grounds.records.seal
    if seal.state == "broken":
        reason = f"claims may have been changed after the first run: {seal.in_words()}"
        return [
            Verdict(ruling="not testable", reason=reason, n=0, claim=statement(claim))
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


def _made(grounds: Grounds) -> list[Made]:
    """Return when each claim was made, by what was declared; while nothing is taken over, after the data."""
    ancestors = ancestors_of(grounds.records)
    if not ancestors:
        return [_AFTER] * len(grounds.claims)
    return made_of(grounds.records.declaration, ancestors)


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
    progress = follow(grounds, n_beside=family.n_beside)
    ruled = progress.courses.verdicts()[: len(grounds.claims)]
    verdicts = [verdict or not_yet(grounds, place, progress) for place, verdict in enumerate(ruled)]
    arm_flags = arm_flags_of(grounds)
    sha256 = grounds.records.seal.sha256 if family.made else None
    return [
        replace(complete(grounds, claim, verdict, arm_flags), made=family.made, family=sha256)
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
        progress = follow(family.grounds, upto=n, n_beside=family.n_beside)
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
