"""What a claim may be about and what it comes to: metrics, and what every kind of verdict shares.

No statistics and no reading of records.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Literal

from analysis.render import numbers

ALPHA = 0.05
"""Chance of at least one wrong "supported" or "contradicted" in a study whose arms are all equal."""

Ruling = Literal["supported", "contradicted", "equivalent", "inconclusive", "not testable"]

FlagName = Literal[
    "edge",
    "next to divergence",
    "diverged seeds",
    "failed seeds",
    "rate not tuned",
    "unequal budget",
    "few seeds",
    "seeds added later",
]


@dataclass(frozen=True, kw_only=True)
class Metric:
    """A column of the runs, or a time derived from their epochs."""

    label: str
    sign: int
    """+1 where more is better, -1 where less is."""
    equivalence: float | None = None
    """Half-width of the region in which two arms count as equal; None where none is declared."""
    scale: float = 1.0
    """Factor from the files' unit to the readers' one."""
    unit: str = ""
    """The readers' unit of a difference, with its leading space."""
    is_time: bool = False
    """Times are compared by their ratio."""


def _accuracy(label: str) -> Metric:
    return Metric(label=label, sign=1, equivalence=0.002, scale=100.0, unit=" pp")


def _loss(label: str) -> Metric:
    return Metric(label=label, sign=-1)


def _time(label: str) -> Metric:
    return Metric(label=label, sign=-1, is_time=True)


METRICS: dict[str, Metric] = {
    "test_accuracy": _accuracy("test accuracy"),
    "val_accuracy": _accuracy("validation accuracy"),
    "train_accuracy": _accuracy("training accuracy"),
    "test_loss": _loss("test loss"),
    "val_loss": _loss("validation loss"),
    "train_loss": _loss("training loss"),
    "train_seconds": _time("training time"),
    "epoch_seconds": _time("time of an epoch"),
    "seconds_to": _time("training time to the target"),
    "epochs_to": _time("epochs to the target"),
}


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
class Reach:
    """What the seeds of an open verdict could have shown; empty where a verdict is not open."""

    detectable: float | None = None
    """The smallest true effect (for `equal` the narrowest region, for `diverges` the share) that 80 % power
    would have shown."""
    seeds_needed: int | None = None
    """Seeds, or runs, that would show an effect of `needed_for` with 80 % power; None above 10,000."""
    needed_for: float | None = None

    def in_words(
        self,
        what: str,
        amount: Callable[[float], str],
        *,
        is_as_measured: bool,
        unit: Literal["seeds", "runs"] = "seeds",
    ) -> list[str]:
        """Return a clause on what would have been shown and one on how many seeds it takes, where known.

        Args:
            what: What `detectable` is.
            amount: Returns `detectable` or `needed_for` in words.
            is_as_measured: Whether `needed_for` is the measured effect, for want of a declared one.
            unit: What is counted.
        """
        clauses = []
        if self.detectable is not None:
            clauses.append(f"{what} {amount(self.detectable)} would have been shown with 80 % power")
        if self.needed_for is not None:
            aim = f"{amount(self.needed_for)}, as measured," if is_as_measured else amount(self.needed_for)
            few = "over 10,000 seeds" if self.seeds_needed is None else f"{self.seeds_needed} {unit}"
            clauses.append(f"showing {aim} takes {few}")
        return clauses


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


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """A decided claim. As it is, of a claim that cannot be tested; each kind of claim adds what it measured.

    A kind's evidence fills in its ruling; `decide` adds the claim, the correction and the flags.
    """

    ruling: Ruling
    reason: str
    n: int
    """Seeds, or for a share runs, that it rests on; 0 where there are none."""
    claim: Statement = Statement()
    p: float | None = None
    """The smallest level at which the claim on its own would have been decided."""
    p_adjusted: float | None = None
    """Holm over the study's testable claims."""
    reach: Reach = Reach()
    flags: tuple[Flag, ...] = ()
    comparisons: tuple[Comparison, ...] = ()
    """Every comparison the claim rests on."""

    def measured(self) -> str:
        """Return the effect with the interval that decided the claim, in words."""
        return numbers.ABSENT

    def why(self) -> str:
        """Return the reason, and of an open verdict what its seeds could have shown and how many it takes."""
        return self.reason

    def findings(self) -> dict[str, Any]:
        """Return what was measured, by its column."""
        return {}

    def as_row(self) -> dict[str, Any]:
        """Return the columns of `claims.json` and of the CSV, in order; None where a kind has no value.

        `quantity` says what `effect`, `low` and `high` are: arm minus arm in the metric's unit
        (`difference`), a `ratio` of times, a `share` of runs, or the value of a field (`place`). `level` is
        the confidence level of `low` and `high`.
        """
        row: dict[str, Any] = {"ruling": self.ruling, "reason": self.reason, "n": self.n}
        row |= asdict(self.claim) | dict.fromkeys(("quantity", "effect", "low", "high", "level"))
        row |= {"p": self.p, "p_adjusted": self.p_adjusted}
        row |= dict.fromkeys(("improvement", "rank_correlation", "equivalence")) | asdict(self.reach)
        return row | {
            "flags": tuple(asdict(flag) for flag in self.flags),
            "comparisons": tuple(asdict(comparison) for comparison in self.comparisons),
            **self.findings(),
        }
