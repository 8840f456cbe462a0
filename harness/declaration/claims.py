"""Claims as declared: those that this version decides, and those that it does not."""

from collections.abc import Collection, Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator, PlainSerializer, ValidationError

from harness.declaration.parts import Part
from harness.study.claim_kinds import KINDS
from harness.study.claims import Claim


class UnknownClaim(Part):
    """A claim that this version does not decide."""

    words: dict[str, Any]
    """As the declaration holds it."""
    reason: str
    """Why it is not decided."""

    @property
    def says(self) -> str:
        """The statement in words."""
        return str(self.words.get("says") or "")

    @property
    def source(self) -> str | None:
        """Who claims it."""
        source = self.words.get("source")
        return None if source is None else str(source)

    @property
    def kind(self) -> str:
        """The kind it names, if that is known."""
        return next((kind for kind in KINDS if kind in self.words), "none")


def _claim(declared: Any) -> Claim | UnknownClaim:
    """Return a claim as declared; one that this version does not understand with the reason."""
    if not isinstance(declared, Mapping):
        return declared  # type: ignore[no-any-return] # a claim already; anything else is refused
    try:
        return Claim.model_validate(declared)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        reason = f"{place}: {first['msg']}" if place else first["msg"]
        return UnknownClaim(words=dict(declared), reason=f"not a claim that this version decides ({reason})")


def about(claim: Claim | UnknownClaim, known: Collection[str]) -> Claim | UnknownClaim:
    """Return a claim, or the reason why it is about nothing that the study measures."""
    if isinstance(claim, UnknownClaim):
        return claim
    target = claim.faster.target if claim.faster else None
    named = [name for name in (claim.metric, target.metric if target else None) if name is not None]
    unknown = [name for name in named if name not in known]
    if not unknown:
        return claim
    reason = f"not a claim that this version decides ({unknown[0]}: the study declares no such metric)"
    return UnknownClaim(words=written_claim(claim), reason=reason)


def written_claim(claim: Claim | UnknownClaim) -> dict[str, Any]:
    """Return a claim as the declaration holds it."""
    if isinstance(claim, UnknownClaim):
        return claim.words
    return claim.model_dump(mode="json", exclude_none=True)


DeclaredClaim = Annotated[
    Claim | UnknownClaim, BeforeValidator(_claim), PlainSerializer(written_claim, return_type=dict[str, Any])
]
