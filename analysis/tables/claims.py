"""The claims table: what may be concluded from this study?"""

import dataclasses
from typing import Any

import pandas as pd

from analysis import claims, numbers
from analysis.load import StudyRecords
from analysis.tables.spec import Table

_FIELDS = [field.name for field in dataclasses.fields(claims.Verdict)]
_HEADINGS = ["Claim", "Verdict", "Difference", "p (Holm)", "n", "Why", "Source"]


def compute_claims(records: StudyRecords) -> pd.DataFrame:
    """Return one row a claim with the fields of `analysis.claims.Verdict`, in the manifest's order."""
    return pd.DataFrame([verdict.as_row() for verdict in claims.decide(records)], columns=_FIELDS)


def lay_out_claims(frame: pd.DataFrame) -> pd.DataFrame:
    """Return verdicts in words; differences of accuracies in percentage points (pp)."""
    return pd.DataFrame([_cells(row) for row in frame.itertuples()], columns=_HEADINGS)


def _cells(row: Any) -> dict[str, str]:
    return {
        "Claim": row.says,
        "Source": row.source if isinstance(row.source, str) else numbers.ABSENT,
        "Verdict": row.ruling,
        "Difference": _difference(row),
        "p (Holm)": numbers.p_value(row.p_adjusted),
        "n": str(row.n),
        "Why": _why(row),
    }


def _difference(row: Any) -> str:
    """Return the difference in the direction it was taken, with the interval that decided the claim."""
    if not numbers.is_present(row.difference):
        return numbers.ABSENT
    metric = claims.METRICS[row.metric]
    half_width = float(row.high - row.difference)
    amount = numbers.with_uncertainty(row.difference, half_width, scale=metric.scale)
    sign = "" if amount.startswith("-") else "+"
    return f"{sign}{amount}{metric.unit} ({100 * row.level:.4g} % interval)"


def _why(row: Any) -> str:
    if not numbers.is_present(row.detectable):
        return str(row.reason)
    metric = claims.METRICS[row.metric]
    found = f"{metric.scale * row.detectable:.2g}{metric.unit}"
    return f"{row.reason}; a true difference of {found} would have been found with 80 % power"


def caption_claims(records: StudyRecords, frame: pd.DataFrame) -> str:
    """Return by which rules the claims were decided."""
    if frame.empty:
        return "The study declares no claims: any comparison read from it is exploratory."
    regions = ", ".join(
        f"{claims.METRICS[name].label} ±{region * 100:g} pp"
        for name in sorted(set(frame["metric"].dropna()) & claims.METRICS.keys())
        if (region := claims.METRICS[name].equivalence) is not None
    )
    return (
        "Claims fixed before the data. Difference: first arm minus second, mean ± half-width of the paired "
        "t-interval over the n confirm seeds that both share, at the level of its step in Holm's procedure, "
        "which keeps the chance of finding any difference where there is none at "
        f"{100 * claims.ALPHA:g} % for all claims together. Equivalent: the interval lies inside the region "
        f"fixed beforehand ({regions or 'none for these metrics'}). "
        f"Holds for {records.manifest.dataset.get('name', 'this data set')} and these networks only."
    )


CLAIMS = Table(title="Claims", compute=compute_claims, lay_out=lay_out_claims, caption=caption_claims)
