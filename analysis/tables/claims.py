"""The claims table: what may be concluded from this study?"""

import dataclasses
from typing import Any

import pandas as pd

from analysis import claims
from analysis.records import StudyRecords
from analysis.render import numbers
from analysis.tables.spec import Table

_FIELDS = [field.name for field in dataclasses.fields(claims.Verdict) if field.name != "comparisons"]
_HEADINGS = ["Claim", "Verdict", "Measured", "P(better)", "p (Holm)", "n", "Why", "Flags", "Source"]


def compute_claims(records: StudyRecords) -> pd.DataFrame:
    """Return one row a claim with the fields of `analysis.claims.Verdict`, in the manifest's order.

    Flags are those of single arms, joined by semicolons; those of the whole study, what each means and the
    single comparisons stand in `claims.json`.
    """
    rows = [_row(verdict) for verdict in claims.decide(records)]
    return pd.DataFrame(rows, columns=_FIELDS)


def _row(verdict: claims.Verdict) -> dict[str, Any]:
    return verdict.as_row() | {"flags": _flags(verdict)}


def _flags(verdict: claims.Verdict) -> str | None:
    return "; ".join(f"{flag.name} ({flag.arm})" for flag in verdict.flags if flag.arm is not None) or None


def lay_out_claims(frame: pd.DataFrame) -> pd.DataFrame:
    """Return verdicts in words; differences of accuracies in percentage points (pp)."""
    cells = pd.DataFrame([_cells(row) for row in frame.itertuples()], columns=_HEADINGS)
    optional = [name for name in ("P(better)", "Flags", "Source") if (cells[name] == numbers.ABSENT).all()]
    return cells.drop(columns=optional)


def _cells(row: Any) -> dict[str, str]:
    return {
        "Claim": row.says,
        "Verdict": row.ruling,
        "Measured": measured(row),
        "P(better)": f"{row.improvement:.2f}" if numbers.is_present(row.improvement) else numbers.ABSENT,
        "p (Holm)": numbers.p_value(row.p_adjusted),
        "n": str(row.n),
        "Why": _why(row),
        "Flags": _text(row.flags),
        "Source": _text(row.source),
    }


def _text(value: Any) -> str:
    return value if isinstance(value, str) else numbers.ABSENT


def measured(row: Any) -> str:
    """Return the effect of a claim's row, with the interval that decided it, and whose it is."""
    if not numbers.is_present(row.effect):
        return numbers.ABSENT
    level = f"{100 * row.level:.4g} %"
    match row.quantity:
        case "share":
            return f"{100 * row.effect:.0f} % ({100 * row.low:.0f} to {100 * row.high:.0f}, {level} interval)"
        case "place":
            ends = " to ".join(dict.fromkeys([numbers.setting(row.low), numbers.setting(row.high)]))
            return f"{row.field} {numbers.setting(row.effect)} ({level} set: {ends})"
        case "ratio":
            ends = f"{_ratio(row.low)} to {_ratio(row.high)}"
            return f"{_sides(row, '/')}{_ratio(row.effect)} ({ends}, {level} interval)"
        case _:
            amount = _amount(row.metric, row.effect, float(row.high - row.effect))
            return f"{_sides(row, '-')}{amount} ({level} interval)"


def _amount(metric: str, value: float, half_width: float) -> str:
    spec = claims.METRICS[metric]
    amount = numbers.with_uncertainty(value, half_width, scale=spec.scale)
    sign = "" if amount.startswith("-") else "+"
    return f"{sign}{amount}{spec.unit}"


def _ratio(value: float) -> str:
    return f"{numbers.TIMES}{value:.3g}"


def _sides(row: Any, sign: str) -> str:
    """Return which arms were compared, where the claim's words need not say it."""
    if row.kind not in {"best", "equal"}:
        return ""
    return f"{row.arm} {'to' if sign == '/' else 'minus'} {row.than}: "


def _why(row: Any) -> str:
    """Return the reason, and of an open verdict what its seeds could have shown and how many it takes."""
    parts = [str(row.reason)]
    if numbers.is_present(row.detectable):
        parts.append(f"{_seen(row)} would have been shown with 80 % power")
    if numbers.is_present(row.needed_for):
        unit = "runs" if row.quantity == "share" else "seeds"
        few = (
            f"{row.seeds_needed:.0f} {unit}" if numbers.is_present(row.seeds_needed) else "over 10,000 seeds"
        )
        parts.append(f"showing {_aim(row)} takes {few}")
    return "; ".join(parts)


def _seen(row: Any) -> str:
    if row.kind == "equal":
        return f"equality within ±{_plain(row, row.detectable)}"
    what = "share" if row.quantity == "share" else "ratio" if row.quantity == "ratio" else "difference"
    return f"a true {what} of {_plain(row, row.detectable)}"


def _aim(row: Any) -> str:
    """Return what the number of seeds is for: the region where there is one, or what was measured."""
    shown = _plain(row, row.needed_for)
    if row.kind == "equal":
        return f"±{shown}"
    return shown if numbers.is_present(row.equivalence) else f"{shown}, as measured,"


def _plain(row: Any, value: float) -> str:
    if row.quantity == "share":
        return f"{value:.2f}"
    if row.quantity == "ratio":
        return _ratio(value)
    spec = claims.METRICS[row.metric]
    return f"{spec.scale * value:.2g}{spec.unit}"


def caption_claims(records: StudyRecords, frame: pd.DataFrame) -> str:
    """Return by which rules the claims were decided."""
    if frame.empty:
        return "The study declares no claims: any comparison read from it is exploratory."
    how = (
        "Claims fixed before the data. Measured: first arm minus second (times: first by second), over the n "
        "seeds that both share: mean ± half-width of the paired t-interval, at the level of the "
        "claim's step in Holm's procedure, which keeps the chance of finding any difference where there is "
        f"none at {100 * claims.ALPHA:g} % for all claims together."
    )
    region = f"Equivalent: the interval lies inside the region fixed beforehand ({_regions(frame)})."
    where = f"Holds for {records.manifest.dataset.get('name', 'this data set')} and these networks only."
    return " ".join([how, *_notes(frame), region, where])


def _notes(frame: pd.DataFrame) -> list[str]:
    """Return what a reader must know of the kinds of claim in the table."""
    kinds, notes = set(frame["kind"]), []
    if frame["improvement"].notna().any():
        notes.append(
            "P(better): share of all pairs of runs in which the first arm's is the better one; it describes "
            "and decides nothing."
        )
    if "best" in kinds:
        notes.append("Best: each other arm must be left behind; shown is the comparison that decided.")
    if "equal" in kinds:
        notes.append(
            "Equal: every pair must lie inside the region, by two one-sided tests (before Holm, at 90 %)."
        )
    if "diverges" in kinds:
        notes.append("Rates: n runs, exact binomial test, Wilson's interval.")
    if "optimum" in kinds:
        notes.append(
            "Optimum: the set holds every value whose mean over n seeds is not beaten by another value's, "
            "paired over seeds, Bonferroni-corrected."
        )
    if "trend" in kinds:
        notes.append("Trends: change from the first value to the last along each seed's fitted line.")
    return notes


def _regions(frame: pd.DataFrame) -> str:
    """Return the region of equivalence of each metric in the table."""
    found = {
        f"{spec.label} ±{100 * region:g}{' %' if spec.is_time else spec.unit}"
        if spec.is_time or spec.unit
        else f"{spec.label} ±{region:g}"
        for metric, region in zip(frame["metric"], frame["equivalence"], strict=True)
        if numbers.is_present(region) and (spec := claims.METRICS[metric])
    }
    return ", ".join(sorted(found)) or "none for these metrics"


CLAIMS = Table(
    title="Claims",
    section="glance",
    compute=compute_claims,
    lay_out=lay_out_claims,
    caption=caption_claims,
)
