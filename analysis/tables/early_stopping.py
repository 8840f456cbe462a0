"""The audit of early stopping: would runs that it ended have won?"""

from typing import Any

import pandas as pd

from analysis import audit, claims, rung_ranks
from analysis.records import StudyRecords
from analysis.render import numbers
from analysis.tables.spec import Table
from analysis.winner_rule import WinnerRule

_CORRELATION = "rank_correlation_"

_WOULD_HAVE_WON = (
    "Would have won: audited runs that ended better than the arm's winner, of those that completed or "
    "diverged (a diverged run wins nothing; a failed one is missing), with Wilson's 95 % interval for the "
    "share of all runs that such a search stops; it takes no account of how many of them were audited."
)
_REGRET = (
    "Regret: by how much the best audited run is better than the winner, 0 if none is; stopped runs that "
    "were not audited may raise it, and single runs compared include their luck. What the sampler would "
    "have proposed had they gone on is not measured."
)
_RANKS = (
    "Rank correlation: Spearman's, between the value at a rung of early stopping and the final one, over "
    "the n completed and audited runs that reached their end, without interval. Completed runs are all that "
    "survived, audited ones a sample of the stopped, so each audited run weighs as many stopped runs as it "
    f"stands for ({numbers.ABSENT} for n < 3 or equal values)."
)


def compute_early_stopping(records: StudyRecords) -> pd.DataFrame:
    """Return one row a searched arm: its audit, and the rank correlations at its rungs.

    Returns: The columns of `analysis.audit.compute_audit`, then for each rung of any arm
        `rank_correlation_<epoch>` and the runs it rests on, `n_<epoch>`, absent where an arm has no such
        rung.
    """
    table = audit.compute_audit(records)
    for epoch, ranks in rung_ranks.compute_ranks(records).groupby("epoch"):
        at_rung = ranks.set_index("arm")
        table[f"{_CORRELATION}{epoch}"] = table["arm"].map(at_rung["rank_correlation"])
        table[f"n_{epoch}"] = table["arm"].map(at_rung["n"])
    return table


def lay_out_early_stopping(frame: pd.DataFrame) -> pd.DataFrame:
    """Return counts with their shares, values in the readers' unit, and one column a rung."""
    rows = frame.to_dict("records")
    metric = claims.METRICS[str(rows[0]["metric"])] if rows else claims.METRICS["val_accuracy"]
    percent = " (%)" if metric.scale == 100 else ""
    cells = {
        "Arm": [str(row["arm"]) for row in rows],
        "Search runs stopped": [f"{row['stopped']} of {row['ended']}" for row in rows],
        "Audited": [_audited(row) for row in rows],
        "Would have won": [_would_win(row) for row in rows],
        f"Winner's {metric.label}{percent}": [_value(row, "winner_final") for row in rows],
        f"Best audited{percent}": [_value(row, "best_audited") for row in rows],
        f"Regret{metric.unit and ' (pp)'}": [_value(row, "regret") for row in rows],
    }
    for name in (name for name in frame.columns if name.startswith(_CORRELATION)):
        epoch = name.removeprefix(_CORRELATION)
        cells[f"Rank correlation, epoch {epoch}"] = [
            _correlation(row[name], row[f"n_{epoch}"]) for row in rows
        ]
    return pd.DataFrame(cells)


def _audited(row: dict[Any, Any]) -> str:
    lost = [f"{row[status]} {status}" for status in ("diverged", "failed") if row[status]]
    return f"{row['audited']} ({', '.join(lost)})" if lost else str(row["audited"])


def _would_win(row: dict[Any, Any]) -> str:
    if pd.isna(row["would_win"]):
        return numbers.ABSENT
    share = f"{100 * row['share_low']:.0f} to {100 * row['share_high']:.0f} %"
    return f"{row['would_win']} of {row['completed'] + row['diverged']} ({share})"


def _value(row: dict[Any, Any], name: str) -> str:
    return amount(str(row["metric"]), row[name])


def _correlation(value: float, n: float) -> str:
    if not numbers.is_present(n):
        return numbers.ABSENT
    shown = f"{value:.2f}" if numbers.is_present(value) else numbers.ABSENT
    return f"{shown} (n = {n:.0f})"


def amount(metric: str, value: float | None) -> str:
    """Return a value of the search metric, or a difference, in the readers' scale and without its unit."""
    scale = claims.METRICS[metric].scale
    return numbers.with_uncertainty(value, None, scale=scale, decimals=2 if scale == 100 else 4)


def caption_early_stopping(records: StudyRecords, frame: pd.DataFrame) -> str:
    """Return how runs were drawn for the audit, and what each column estimates."""
    drawn = (
        f"Stopped search runs, up to {records.manifest.search['audit']} an arm and drawn at random, trained "
        "again at full length with the same configuration and seed (n = 1 run each). The audit chooses "
        "nothing: winners stay."
    )
    if not frame["audited"].any():
        return f"{drawn} No audit run has ended, so whether early stopping misled is not known."
    values = f"Values: {WinnerRule.of(records.manifest).in_words()}."
    return " ".join([drawn, _WOULD_HAVE_WON, values, _REGRET, _RANKS, _repetition(frame)])


def _repetition(frame: pd.DataFrame) -> str:
    """Return how exactly audit runs repeated the runs they are to repeat."""
    largest = frame["repeat_deviation"].max()
    if not numbers.is_present(largest) or largest == 0:
        return "Up to where they had been stopped, audit runs repeated their values exactly."
    metric = str(frame["metric"].iloc[0])
    return (
        "Up to where they had been stopped, audit runs departed from their values by up to "
        f"{claims.METRICS[metric].scale * largest:.2g}{claims.METRICS[metric].unit}."
    )


EARLY_STOPPING = Table(
    title="Audit of early stopping",
    section="trust",
    compute=compute_early_stopping,
    lay_out=lay_out_early_stopping,
    caption=caption_early_stopping,
    is_for=audit.is_asked,
)
