"""The claims table: what may be concluded from this study?"""

from collections.abc import Sequence

import pandas as pd

from analysis import claims
from analysis.blocks import Block, Table
from analysis.claims.verdict import supported_by_arm
from analysis.facts import Facts
from analysis.render import numbers
from harness.study.claims import WITHOUT_REGION, Claim

_EMPTY = claims.Verdict(ruling="not testable", reason="", n=0)
_HEADINGS = ["Claim", "Verdict", "Measured", "P(better)", "p (Holm)", "n", "Why", "Flags", "Source"]


def tabulate_verdicts(verdicts: Sequence[claims.Verdict]) -> pd.DataFrame:
    """Return one row a claim with the fields of a verdict's row, in the declared order.

    Flags are those of single arms, joined by semicolons; those of the whole study, what each means and the
    single comparisons stand in `claims.json`.
    """
    rows = [verdict.as_row() | {"flags": _flags(verdict)} for verdict in verdicts]
    return pd.DataFrame(rows, columns=[name for name in _EMPTY.as_row() if name != "comparisons"])


def _flags(verdict: claims.Verdict) -> str | None:
    return "; ".join(f"{flag.name} ({flag.arm})" for flag in verdict.flags if flag.arm is not None) or None


def lay_out_verdicts(verdicts: Sequence[claims.Verdict]) -> pd.DataFrame:
    """Return verdicts in words; differences of accuracies in percentage points (pp)."""
    cells = pd.DataFrame([_cells(verdict) for verdict in verdicts], columns=_HEADINGS)
    optional = [name for name in ("P(better)", "Flags", "Source") if (cells[name] == numbers.ABSENT).all()]
    return cells.drop(columns=optional)


def _cells(verdict: claims.Verdict) -> dict[str, str]:
    improvement = verdict.as_row()["improvement"]
    return {
        "Claim": verdict.claim.says,
        "Verdict": verdict.ruling,
        "Measured": verdict.measured(),
        "P(better)": numbers.ABSENT if improvement is None else f"{improvement:.2f}",
        "p (Holm)": numbers.p_value(verdict.p_adjusted),
        "n": str(verdict.n),
        "Why": verdict.why(),
        "Flags": _flags(verdict) or numbers.ABSENT,
        "Source": numbers.ABSENT if verdict.claim.source is None else verdict.claim.source,
    }


def caption_verdicts(facts: Facts, verdicts: Sequence[claims.Verdict]) -> str:
    """Return by which rules the claims were decided."""
    if not verdicts:
        return "The study declares no claims: any comparison read from it is exploratory."
    how = (
        "Claims fixed before the data. Measured: first arm minus second (times: first by second), over the n "
        "seeds that both share: mean ± half-width of the paired t-interval, at the level of the "
        "claim's step in Holm's procedure, which keeps the chance of finding any difference where there is "
        f"none at {100 * claims.ALPHA:g} % for all claims together."
    )
    rows = [verdict.as_row() for verdict in verdicts]
    share = (
        "P(better): share of all pairs of runs in which the first arm's is the better one; it describes "
        "and decides nothing."
    )
    shares = [share] if any(row["improvement"] is not None for row in rows) else []
    kinds = {verdict.claim.kind for verdict in verdicts}
    notes = [kind.note for name, kind in claims.KINDS.items() if name in kinds and kind.note is not None]
    decided = {(row["metric"], row["equivalence"]) for row in rows if row["equivalence"] is not None}
    regions = _regions(decided | _untested_regions(facts, verdicts))
    region = f"Equivalent: the interval lies inside the region fixed beforehand ({regions})."
    data = facts.records.declaration.dataset.name
    return " ".join(
        [how, *shares, *notes, region, *_carried(verdicts), f"Holds for {data} and these networks only."]
    )


def _carried(verdicts: Sequence[claims.Verdict]) -> list[str]:
    """Return which arms' runs carry several supported claims."""
    several = [f"{arm} ({n})" for arm, n in supported_by_arm(verdicts).items() if n > 1]
    return (
        [f"Several supported claims rest on the same runs, and share their luck, of: {', '.join(several)}."]
        if several
        else []
    )


def _untested_regions(facts: Facts, verdicts: Sequence[claims.Verdict]) -> set[tuple[str, float]]:
    """Return metric and region of every claim that was not tested: fixed beforehand all the same."""
    declared = set()
    for claim, verdict in zip(facts.records.declaration.claims, verdicts, strict=True):
        if verdict.ruling != "not testable" or not isinstance(claim, Claim) or claim.metric is None:
            continue
        region = claims.METRICS[claim.metric].equivalence if claim.region is None else claim.region
        if region is not None and claim.kind not in WITHOUT_REGION:
            declared.add((str(claim.metric), region))
    return declared


def _regions(declared: set[tuple[str, float]]) -> str:
    """Return the region of equivalence of each metric, in words."""
    words = set()
    for metric, region in declared:
        spec = claims.METRICS[metric]
        unit = " %" if spec.is_time else spec.unit
        words.add(f"{spec.label} ±{100 * region if unit else region:g}{unit}")
    return ", ".join(sorted(words)) or "none for these metrics"


CLAIMS = Block(
    name="claims",
    section="glance",
    table=Table(
        title="Claims",
        compute=lambda facts: facts.verdicts,
        numbers=tabulate_verdicts,
        lay_out=lay_out_verdicts,
        caption=caption_verdicts,
    ),
)
