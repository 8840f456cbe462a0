"""The claims table: what may be concluded from this study?"""

from collections.abc import Sequence

import pandas as pd

from analysis import claims
from analysis.blocks import Block, Table
from analysis.blocks.claims_caption import caption_verdicts
from analysis.render import numbers

_EMPTY = claims.Verdict(ruling="not testable", reason="", n=0)
_HEADINGS = [
    "Claim", "Data set", "Verdict", "Measured", "On new images", "P(better)", "p (Holm)", "n", "Why", "Flags",
    "Source",
]  # fmt: skip
_OPTIONAL = ("Data set", "On new images", "P(better)", "Flags", "Source")
_NESTED = {"comparisons", "replicates", "new_images", "of_each"}
"""What stands in `claims.json` alone."""


def tabulate_verdicts(verdicts: Sequence[claims.Verdict]) -> pd.DataFrame:
    """Return one row a claim with the fields of a verdict's row, in the declared order.

    Flags are those of single arms, joined by semicolons; those of the whole study, what each means, the
    single comparisons, replicates by arm and intervals for new images stand in `claims.json`.
    """
    rows = [verdict.as_row() | {"flags": _flags(verdict)} for verdict in verdicts]
    columns = dict.fromkeys(name for row in [_EMPTY.as_row(), *rows] for name in row if name not in _NESTED)
    return pd.DataFrame(rows, columns=list(columns))


def _flags(verdict: claims.Verdict) -> str | None:
    return "; ".join(f"{flag.name} ({flag.arm})" for flag in verdict.flags if flag.arm is not None) or None


def lay_out_verdicts(verdicts: Sequence[claims.Verdict]) -> pd.DataFrame:
    """Return verdicts in words; differences of accuracies in percentage points (pp)."""
    cells = pd.DataFrame([_cells(verdict) for verdict in verdicts], columns=_HEADINGS)
    optional = [name for name in _OPTIONAL if (cells[name] == numbers.ABSENT).all()]
    return cells.drop(columns=optional)


def _cells(verdict: claims.Verdict) -> dict[str, str]:
    improvement = verdict.as_row()["improvement"]
    return {
        "Claim": verdict.claim.says,
        "Data set": numbers.ABSENT if verdict.where is None else verdict.where.on,
        "Verdict": verdict.ruling_in_words(),
        "Measured": verdict.measured_where(),
        "On new images": _on_new_images(verdict),
        "P(better)": numbers.ABSENT if improvement is None else f"{improvement:.2f}",
        "p (Holm)": numbers.p_value(verdict.p_adjusted),
        "n": str(verdict.n),
        "Why": verdict.why(),
        "Flags": _flags(verdict) or numbers.ABSENT,
        "Source": numbers.ABSENT if verdict.claim.source is None else verdict.claim.source,
    }


def _on_new_images(verdict: claims.Verdict) -> str:
    """Return the half-width of the interval for new images, in percentage points."""
    if verdict.new_images is None:
        return numbers.ABSENT
    half_width = 50 * (verdict.new_images.high - verdict.new_images.low)
    return f"± {half_width:.{numbers.decimals_of(half_width)}f} pp"


CLAIMS = Block(
    name="claims",
    section="glance",
    table=Table(
        title="Claims",
        compute=lambda facts: facts.verdicts,
        numbers=tabulate_verdicts,
        lay_out=lay_out_verdicts,
        caption=caption_verdicts,
        spans_datasets=True,
    ),
)
