"""What the claims of a study with a parent will be worth: told before anything is trained."""

from collections.abc import Iterator

from analysis.claims.kinds import compared_in
from analysis.claims.made import made_of
from analysis.claims.verdict import Made
from harness.declaration import Declaration, UnknownClaim
from harness.tuning.taking_over import Takeover

_WORDS: dict[Made, str] = {
    "in the parent": "the parent's own, ruled as there and in its family",
    "before the data": "made before its data, on arms that nothing known foretells",
    "after the data": "made after the data, so exploratory: no error level will hold for it",
}


def foretold_marks(takeover: Takeover) -> list[Made]:
    """Return when each claim of a study with a parent is made."""
    *older, parent = [Declaration.model_validate_json(kept.text) for kept in takeover.parent.lineage]
    made = made_of(takeover.declared, [*older, parent])
    rests_on = [compared_in(parent, own) for own in parent.claims if not isinstance(own, UnknownClaim)]
    is_whole = all(takeover.searches.get(arm) == "whole" for arms in rests_on for arm in arms)
    return made if is_whole else [_without_parent(own) for own in made]


def _without_parent(made: Made) -> Made:
    return "after the data" if made == "in the parent" else made


def mark_lines(takeover: Takeover) -> Iterator[str]:
    """Yield a line a claim."""
    for number, made in enumerate(foretold_marks(takeover), start=1):
        yield f"  claim {number}: {_WORDS[made]}"
