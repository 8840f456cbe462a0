"""What a claim comes to: what every kind of verdict shares.

No statistics and no reading of records.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, get_args

from analysis.render import numbers

ALPHA = 0.05
"""Chance of at least one wrong "supported" or "contradicted" in a study whose arms are all equal."""

Ruling = Literal["supported", "contradicted", "equivalent", "inconclusive", "not yet", "not testable"]

Scope = Literal["procedure", "configuration"]
"""What a ruling is about: the arms as they are searched and trained, or what one search of an arm chose."""

Made = Literal["in the parent", "before the data", "after the data"]
"""When a claim of a study with a parent was made: it is the parent's, and ruled as there; before the first
run that it rests on; or with results in sight that it rests on, or that foretell them: exploratory."""

_AFTER_THE_DATA = "after the data"

_OF_ONE_SEARCH = "for the configurations that one search chose"

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


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """A decided claim. As it is, of a claim that cannot be tested; each kind of claim adds what it measured.

    A kind's evidence fills in its ruling; `decide` adds the claim, the correction and the flags.
    """

    ruling: Ruling
    reason: str
    n: int
    """Replicates, or for a share runs, that it rests on; of several contrasts those of the one that decides.
    0 where there are none."""
    claim: Statement = Statement()
    p: float | None = None
    """The smallest level at which the claim on its own would have been decided, over all looks."""
    p_adjusted: float | None = None
    """Holm over the study's testable claims, of equivalence over those with a region."""
    scope: Scope | None = None
    """None where nothing could be ruled."""
    look: int | None = None
    """Replicates at the look that decided; None where none did."""
    replicates: Mapping[str, Counted] = field(default_factory=dict)
    """Of each compared arm."""
    unit: str = "seeds"
    """What `n` counts, in the plural."""
    new_images: NewImages | None = None
    no_new_images: str | None = None
    """Why `new_images` is absent."""
    reach: Reach = Reach()
    flags: tuple[Flag, ...] = ()
    comparisons: tuple[Comparison, ...] = ()
    """Every comparison the claim rests on; of several data sets under the arms' whole names."""
    where: Where | None = None
    """None in a study of one data set."""
    made: Made | None = None
    """None in a study without a parent, whose claims were all made before its data."""
    family: str | None = None
    """SHA-256 of the declaration whose claims it is corrected with; None in a study without a parent."""

    @property
    def is_exploratory(self) -> bool:
        """Whether it was made after the data: no error level holds for it."""
        return self.made == _AFTER_THE_DATA

    @property
    def short(self) -> str:
        """The ruling, with the mark of a claim that was made after the data."""
        return f"{self.ruling} {_AFTER_THE_DATA}" if self.is_exploratory else self.ruling

    @property
    def extent(self) -> str:
        """How far the ruling reaches where that is less than the claim may be read to say; mostly empty."""
        return ""

    def ruling_in_words(self) -> str:
        """Return the ruling with how far it reaches, what it is about and when the claim was made.

        One search says nothing of searching, and a claim made after the data confirms nothing.
        """
        is_decided = self.ruling in {"supported", "contradicted", "equivalent"}
        extent = f" {self.extent}" if self.extent else ""
        about = f" {_OF_ONE_SEARCH}" if is_decided and self.scope == "configuration" else ""
        made = f" (made {_AFTER_THE_DATA}: exploratory)" if self.is_exploratory else ""
        return f"{self.ruling}{extent}{about}{made}"

    def said(self) -> str:
        """Return what was claimed, of several data sets with those that it is about."""
        return self.claim.says if self.where is None else f"{self.claim.says} (on {self.where.on})"

    def measured(self) -> str:
        """Return the effect with the interval that decided the claim, in words."""
        return numbers.ABSENT

    def measured_where(self) -> str:
        """Return what was measured, of a claim on every data set with the one that decided."""
        told = self.measured()
        if self.where is None or self.where.dataset in {None, self.where.on} or told == numbers.ABSENT:
            return told
        return f"on {self.where.dataset}: {told}"

    def outlook(self) -> list[str]:
        """Return of an open verdict what its replicates could have shown, and how many it takes."""
        return []

    def why(self) -> str:
        """Return the reason and the outlook."""
        return "; ".join([self.reason, *self.outlook()])

    def findings(self) -> dict[str, Any]:
        """Return what was measured, by its column."""
        return {}

    def as_row(self) -> dict[str, Any]:
        """Return the columns of `claims.json` and of the CSV, in order; None where a kind has no value.

        `quantity` says what `effect`, `low` and `high` are: arm minus arm in the metric's unit
        (`difference`), a `ratio` of times, a `share` of runs, or the value of a field (`place`). `level` is
        the confidence level of `low` and `high`. Of kind `reaches` the difference is the arm's mean less
        `value`, a further column.
        """
        row: dict[str, Any] = {"ruling": self.ruling, "reason": self.reason, "n": self.n}
        row |= asdict(self.claim) | dict.fromkeys(("quantity", "effect", "low", "high", "level"))
        row |= {"p": self.p, "p_adjusted": self.p_adjusted}
        row |= dict.fromkeys(("improvement", "rank_correlation", "equivalence")) | asdict(self.reach)
        row |= {"scope": self.scope, "look": self.look, "unit": self.unit}
        row |= {"replicates": {arm: asdict(counted) for arm, counted in self.replicates.items()}}
        row |= {"new_images": None if self.new_images is None else asdict(self.new_images)}
        row |= {"no_new_images": self.no_new_images}
        return row | {
            "flags": tuple(asdict(flag) for flag in self.flags),
            "comparisons": tuple(asdict(comparison) for comparison in self.comparisons),
            **self.findings(),
            **({} if self.where is None else asdict(self.where)),
            **({} if self.made is None else {"made": self.made, "family": self.family}),
        }


def count_rulings(verdicts: Iterable[Verdict]) -> list[tuple[str, int]]:
    """Return how many of some claims have each ruling, in the order of `Ruling`, exploratory ones apart."""
    counts = Counter(verdict.short for verdict in verdicts)
    names = [f"{ruling}{mark}" for mark in ("", f" {_AFTER_THE_DATA}") for ruling in get_args(Ruling)]
    return [(name, counts[name]) for name in names if counts[name]]


def supported_by_arm(verdicts: Iterable[Verdict]) -> dict[str, int]:
    """Return how many supported claims rest on each arm's runs, of arms that carry any."""
    return dict(
        Counter(arm for verdict in verdicts if verdict.ruling == "supported" for arm in verdict.replicates)
    )
