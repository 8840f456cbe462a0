"""What a verdict is made of: claimed, compared, counted, what could have been shown, what else to know."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

FlagName = Literal[
    "edge",
    "next to divergence",
    "diverged seeds",
    "failed seeds",
    "collapsed seeds",
    "rate not tuned",
    "unequal budget",
    "few seeds",
    "seeds added later",
]


@dataclass(frozen=True, kw_only=True)
class Flag:
    """Something a reader must know before believing a verdict."""

    name: FlagName
    arm: str | None
    """None for a flag of the whole study."""
    detail: str
    """In words."""


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """One of the comparisons a claim rests on: `arm` minus `than`, or their ratio; `than` may be a value."""

    arm: str
    than: str
    n: int
    """Seeds both share."""
    effect: float
    low: float
    high: float
    level: float
    """Confidence level of `low` and `high`."""
    df: float
    """Degrees of freedom of the t-interval."""
    quantity: Literal["ratio", "difference"]
    """What `effect`, `low` and `high` are; the interval of a ratio is one of its logarithm."""
    p: float
    """Two-sided, against no difference, not adjusted; of a claim of kind `reaches` one-sided."""
    improvement: float | None
    """Share of all pairs of replicates in which `arm` has the better value: describes, decides nothing."""


@dataclass(frozen=True, kw_only=True)
class Reach:
    """What the replicates of an open verdict could have shown; empty where a verdict is not open."""

    detectable: float | None = None
    """The true effect (for `equal` the region, for `diverges` the share) that 80 % power would have shown;
    of an effect the larger end of a range, by the upper 80 % limit of the deviation."""
    detectable_low: float | None = None
    """The smaller end, by the deviation as measured; None for shares."""
    seeds_needed: int | None = None
    """Replicates, or runs, that would show `needed_for` with 80 % power, by the upper limit of the deviation;
    None above 10,000."""
    seeds_needed_low: int | None = None
    """The same by the deviation as measured."""
    needed_for: float | None = None
    """The declared region; None without one: what was measured is no effect to plan for."""

    def in_words(self, what: str, amount: Callable[[float], str], unit: str) -> list[str]:
        """Return a clause on what would have been shown and one on how many it takes, where known.

        Args:
            what: What `detectable` is.
            amount: Returns `detectable` or `needed_for` in words.
            unit: What is counted, in the plural.
        """
        clauses = []
        if self.detectable is not None:
            low = None if self.detectable_low is None else amount(self.detectable_low)
            high = amount(self.detectable)
            ends = high if low in {None, high} else f"{low} to {high}"
            clauses.append(f"{what} {ends} would have been shown with 80 % power")
        if self.needed_for is not None:
            low_count, high_count = (_count(n) for n in (self.seeds_needed_low, self.seeds_needed))
            ends = high_count if low_count == high_count else f"{low_count} to {high_count}"
            clauses.append(f"showing {amount(self.needed_for)} takes {ends} {unit}")
        return clauses


def _count(n: int | None) -> str:
    return "over 10,000" if n is None else str(n)


@dataclass(frozen=True, kw_only=True)
class Counted:
    """How many replicates of an arm a ruling rests on."""

    n: int
    """Replicates that ended, missing ones with them."""
    planned: int
    """Up to the look that decided."""
    missing: int = 0
    """Ended without a value: a run failed twice, or a search had no winner."""
    diverged: int = 0
    beyond_plan: int = 0
    """Confirm runs beyond the plan: exploratory, they enter no ruling."""


@dataclass(frozen=True, kw_only=True)
class NewImages:
    """An interval of a difference for further test images of the same kind, not for these images alone."""

    low: float
    high: float
    level: float


@dataclass(frozen=True, kw_only=True)
class Statement:
    """What was claimed."""

    says: str = ""
    source: str | None = None
    kind: str = "none"
    """Key of `analysis.claims.KINDS`, or "none" where the claim is of none of them."""
    metric: str | None = None
    arm: str | None = None
    than: str | None = None
    field: str | None = None


OfOne = Literal["supports it", "contradicts it", "shows equivalence", "leaves it open"]
"""What one data set says of a claim that is on several."""


@dataclass(frozen=True, kw_only=True)
class Where:
    """On which data sets a claim of a study of several is."""

    on: str
    """`every`, `average`, or the name of one."""
    dataset: str | None
    """The one whose numbers are shown, as it decided; None for an average."""
    of_each: Mapping[str, OfOne] = field(default_factory=dict)
    """What each data set says on its own, of a claim on every one."""
