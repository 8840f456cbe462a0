"""What a claim comes to: the words every kind of claim shares. No statistics and no reading of records."""

from dataclasses import asdict, dataclass
from typing import Any, Literal, Protocol

ALPHA = 0.05
"""Chance of at least one wrong "supported" or "contradicted" in a study whose arms are all equal."""

Ruling = Literal["supported", "contradicted", "equivalent", "inconclusive", "not testable"]

Quantity = Literal["difference", "ratio", "share", "place"]
"""What `effect` is: arm minus arm in the metric's unit, a ratio of times, a share of runs, a value."""

FlagName = Literal[
    "edge",
    "next to divergence",
    "diverged seeds",
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
    """One of the comparisons a claim rests on: `arm` minus `than`, or their ratio."""

    arm: str
    than: str
    n: int
    """Seeds both share."""
    effect: float
    low: float
    high: float
    level: float
    """Confidence level of `low` and `high`."""
    p: float
    """Two-sided, against no difference, not adjusted."""
    improvement: float | None
    """Share of all pairs of runs in which `arm` has the better value: describes, decides nothing."""


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """A decided claim. A kind fills in what it found; `decide` adds the claim's words and the correction."""

    ruling: Ruling
    reason: str
    n: int
    """Seeds, or for a share runs, that it rests on; 0 where there are none."""
    says: str = ""
    source: str | None = None
    kind: str = "none"
    metric: str | None = None
    arm: str | None = None
    than: str | None = None
    """The other side of the comparison that decided; None where there is none."""
    field: str | None = None
    quantity: Quantity | None = None
    effect: float | None = None
    low: float | None = None
    high: float | None = None
    level: float | None = None
    """Confidence level of `low` and `high`."""
    p: float | None = None
    """The smallest level at which the claim on its own would have been decided."""
    p_adjusted: float | None = None
    """Holm over the study's testable claims."""
    improvement: float | None = None
    """Share of all pairs of runs in which `arm` has the better value."""
    rank_correlation: float | None = None
    """Of a trend: Kendall's tau between field and metric, averaged over seeds."""
    equivalence: float | None = None
    """Half-width of the region of equivalence."""
    detectable: float | None = None
    """Where the verdict is open: the smallest true effect (for `equal` the narrowest region, for `diverges`
    the share) that 80 % power would have shown."""
    seeds_needed: int | None = None
    """Where the verdict is open: seeds that would show an effect of `needed_for` with 80 % power."""
    needed_for: float | None = None
    flags: tuple[Flag, ...] = ()
    comparisons: tuple[Comparison, ...] = ()
    """Every comparison the claim rests on."""

    def as_row(self) -> dict[str, Any]:
        """Return the fields in order, for tables and JSON."""
        return asdict(self)


@dataclass(frozen=True, kw_only=True)
class Untestable:
    """Why a claim cannot be tested, and on how many seeds it would have rested."""

    reason: str
    n: int = 0


class Evidence(Protocol):
    """What was measured for a claim that can be tested."""

    @property
    def p(self) -> float:
        """The smallest level at which `rule` would conclude anything."""

    @property
    def n(self) -> int:
        """Seeds it rests on."""

    def rule(self, alpha: float) -> Verdict:
        """Return the verdict at a two-sided level."""
