"""How many replicates a study asks for: a number, or numbers at which its claims are looked at."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Discriminator, Field, Tag, model_validator

from harness.study.seeds import MOST_REPEATS

LEAST_FIRST_LOOK = 5
"""With fewer replicates the tests at the looks err where variances differ."""

_ROUND = {(5, 20): (5, 8, 12, 20)}
"""The looks of a plan where the rule would leave a last step of one replicate: 5, 8, 12, 19, 20."""


def _is_no_early_look(least: int) -> int:
    if least < LEAST_FIRST_LOOK:
        raise ValueError(
            f"must be at least {LEAST_FIRST_LOOK}, but is {least}: fewer replicates at the first look are "
            f"too few to decide by. Remedy: min: {LEAST_FIRST_LOOK}, or one number in place of min and max"
        )
    return least


class Looks(BaseModel):
    """Replicates between `min` and `max`: claims are decided at looks, and what is open goes on to the next.

    Without `looks`, each is 1.6 times the one before, rounded down, and the last is `max`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, use_attribute_docstrings=True)

    min: Annotated[
        int, AfterValidator(_is_no_early_look), Field(json_schema_extra={"minimum": LEAST_FIRST_LOOK})
    ]
    """Replicates at the first look; at least 5."""
    max: Annotated[int, Field(ge=1, le=10_000)]
    """Replicates at the last look, after which nothing more is run."""
    looks: Annotated[list[int], Field(min_length=1)] | None = None
    """Every look in ascending order, from `min` to `max`, in place of the rule's."""

    @model_validator(mode="after")
    def _goes_from_min_to_max(self) -> "Looks":
        if self.min >= self.max:
            raise ValueError(
                f"min must be below max, but they are {self.min} and {self.max}. "
                f"Remedy: a larger max, or the number {self.min} alone"
            )
        looks = self.looks
        if looks is not None and (
            looks != sorted(set(looks)) or [looks[0], looks[-1]] != [self.min, self.max]
        ):
            raise ValueError(
                f"looks must ascend from min = {self.min} to max = {self.max}, but are {looks}. "
                f"Remedy: looks: {list(_by_rule(self.min, self.max))}, or leave it out"
            )
        return self


def count_or_looks(value: Any) -> str:
    """Tell a number from a mapping, so that a mistake in one is not told as a mistake in both."""
    return "<mapping>" if isinstance(value, Mapping | Looks) else "<number>"


Repeats = Annotated[
    Annotated[Looks, Tag("<mapping>")]
    | Annotated[Annotated[int, Field(ge=1, le=MOST_REPEATS)], Tag("<number>")],
    Discriminator(count_or_looks),
]
Seeds = Annotated[
    Annotated[Looks, Tag("<mapping>")] | Annotated[Annotated[int, Field(ge=0, le=10_000)], Tag("<number>")],
    Discriminator(count_or_looks),
]


def looks_of(count: int | Looks) -> tuple[int, ...]:
    """Return the numbers of replicates at which claims are decided, ascending; of a fixed number itself."""
    if isinstance(count, int):
        return (count,)
    return tuple(count.looks) if count.looks else _by_rule(count.min, count.max)


def _by_rule(first: int, last: int) -> tuple[int, ...]:
    looks, n = [], first
    while n < last:
        looks.append(n)
        n = n * 8 // 5
    return _ROUND.get((first, last), (*looks, last))
