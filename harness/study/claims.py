"""Claims of a study file: statements fixed before the data, one kind each, decided by `analysis.claims`."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Literal

from pydantic import Field, model_validator

from harness.recipe.field_types import PositiveFloat
from harness.study.claim_kinds import (
    KINDS,
    Best,
    Better,
    ClaimMetric,
    Diverges,
    Equal,
    Faster,
    Kind,
    Monotone,
    Optimum,
    Reaches,
    Spec,
    Strict,
    Trend,
)

WITHOUT_REGION = {"diverges", "optimum", "monotone", "reaches"}
"""Kinds of claims that no region of equivalence decides."""

EVERY, AVERAGE = "every", "average"
"""What a claim of a study of several data sets may be `on`, besides one of them."""

AVERAGED: tuple[Kind, ...] = ("better", "best", "equal", "reaches")
"""Kinds of claims that can be about the average of several data sets."""


class Claim(Strict):
    """A statement fixed before the data, decided by the report. Exactly one kind."""

    says: Annotated[str, Field(min_length=1)]
    """The statement in words, as the report prints it."""
    source: str | None = None
    """Who claims it."""
    region: PositiveFloat | None = None
    """Differences up to this do not matter: in the metric's unit (accuracies in [0, 1]), for times as a share
    (0.1 is 10 %). By default the study's `region`; 0.002 for accuracies, or 1.5 images
    where these are more, none elsewhere."""
    on: Annotated[str, Field(min_length=1)] | None = None
    """In a study of several data sets: `every` of them (so where it is left out; one claim, supported only if
    each data set supports it), their `average` with equal weights, or the name of one."""
    each: Literal[True] | None = None
    """Makes one claim a data set of it; in place of `on`."""
    better: Better | None = None
    best: Best | None = None
    equal: Equal | None = None
    faster: Faster | None = None
    diverges: Diverges | None = None
    optimum: Optimum | None = None
    trend: Trend | None = None
    monotone: Monotone | None = None
    reaches: Reaches | None = None

    @model_validator(mode="after")
    def _is_of_one_kind(self) -> "Claim":
        given = [kind for kind in KINDS if getattr(self, kind) is not None]
        if len(given) != 1:
            found = " and ".join(given) or "none"
            raise ValueError(f"a claim has exactly one of {', '.join(KINDS)}, but this one has {found}")
        if self.on is not None and self.each is not None:
            raise ValueError(
                "on says of which data sets one claim is; each: true makes one of each. Leave one out"
            )
        if self.on == AVERAGE and self.kind not in AVERAGED:
            raise ValueError(
                f"on: average goes with {', '.join(AVERAGED)}, not with {self.kind}. "
                f"Remedy: on: every, or each: true"
            )
        if self.region is not None and self.kind in WITHOUT_REGION:
            raise ValueError(f"{self.kind} has no region of equivalence. Leave region out")
        return self

    @property
    def kind(self) -> Kind:
        """Which kind of claim it is."""
        return next(kind for kind in KINDS if getattr(self, kind) is not None)

    @property
    def spec(self) -> Spec:
        """What is claimed, in the model of its kind."""
        spec: Spec = getattr(self, self.kind)
        return spec

    @property
    def metric(self) -> ClaimMetric | None:
        """The metric it is about; None for a claim about divergence."""
        return getattr(self.spec, "metric", None)


def with_region(claim: Claim, region: Mapping[str, float]) -> Claim:
    """Return a claim with the study's region for its metric, unless it has its own or takes none."""
    if claim.region is not None or claim.metric is None or claim.kind in WITHOUT_REGION:
        return claim
    return claim.model_copy(update={"region": region.get(claim.metric)})


def on_datasets(claim: Claim, datasets: Sequence[str]) -> list[Claim]:
    """Return the claims that one of a study file makes on several data sets, each with its `on`.

    Args:
        claim: As the study file gives it.
        datasets: What the study calls its data sets; none where it has one.
    """
    if not datasets:
        return [claim]
    if claim.each:
        return [claim.model_copy(update={"on": name, "each": None}) for name in datasets]
    return [claim.model_copy(update={"on": claim.on or EVERY})]
