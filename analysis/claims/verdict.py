"""What a claim comes to: what every kind of verdict shares.

No statistics and no reading of records.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, get_args

from analysis.claims.parts import Comparison, Counted, Flag, NewImages, Reach, Statement, Where
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
    claim: Statement = field(default_factory=Statement)
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
    reach: Reach = field(default_factory=Reach)
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
