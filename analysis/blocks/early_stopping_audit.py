"""The table of what each arm's audit found, and how well values at ASHA's rungs rank runs as final values do.

ASHA acts on ranks at the rungs, so Spearman's correlation with the final values measures what it relies on.
It is known for runs that reached their end only: all that were let through, and a random sample of the
stopped ones, trained again by the audit. Each audited run therefore weighs as many stopped runs as it stands
for, which estimates the correlation among all of them; unweighted, the survivors would count too much.
"""

from typing import Any

import pandas as pd

from analysis import audit, statistics
from analysis.blocks import Table
from analysis.facts import Facts
from analysis.noted import metric_in, metrics_in, noted
from analysis.render import numbers
from harness.study.file import EarlyStopping, Search

_CORRELATION = "rank_correlation_"

_RANK_COLUMNS = {"arm": "str", "epoch": "int64", "rank_correlation": "float64", "n": "int64"}

_BETTER = (
    "Ended better than the winner: searches in which an audited run did, of those where one completed or "
    "diverged (a diverged run is not better; a failed one is missing), with Clopper and Pearson's 95 % "
    "interval for the share of such searches, with as many runs audited. Runs are not counted: those of one "
    "search share its winner, and only one of them could have won."
)
_REGRET = (
    "Regret: by how much the best audited run is better than the winner, 0 if none is; stopped runs that "
    "were not audited may raise it, and single runs compared include their luck. What the sampler would "
    "have proposed had they gone on is not measured."
)
_OVER_SEARCHES = (
    "Winner, best audited and regret are means over an arm's searches, the regret's with the half-width of "
    "the 95 % Student t-interval over them."
)
_RANKS = (
    "Rank correlation: Spearman's, between the value at a rung of early stopping and the final one, over "
    "the n completed and audited runs that reached their end, without interval. Completed runs are all that "
    "survived, audited ones a sample of the stopped, so each audited run weighs as many stopped runs as it "
    f"stands for ({numbers.ABSENT} for n < 3 or equal values)."
)


def compute(facts: Facts) -> pd.DataFrame:
    """Return one row a searched arm: its audit, and the rank correlations at its rungs.

    Returns: The columns of `analysis.audit.compute_audit`, then for each rung of any arm
        `rank_correlation_<epoch>` and the runs it rests on, `n_<epoch>`, absent where an arm has no such
        rung.
    """
    table = facts.audit.copy()
    for epoch, ranks in compute_ranks(facts).groupby("epoch"):
        at_rung = ranks.set_index("arm")
        table[f"{_CORRELATION}{epoch}"] = table["arm"].map(at_rung["rank_correlation"])
        table[f"n_{epoch}"] = table["arm"].map(at_rung["n"])
    return noted(table, facts.records.metrics)


def compute_ranks(facts: Facts) -> pd.DataFrame:
    """Return one row an arm and rung below full length; no row where no audit was asked for.

    Returns: Columns `arm, epoch, rank_correlation, n`. `n` counts completed and audited runs that went on
        beyond the rung; the correlation is absent for fewer than 3 and where all values are equal.
    """
    records, runs = facts.records, facts.audited_runs
    runs = runs.assign(weight=_weights(runs))[runs["final"].notna()]
    curves = audit.metric_curves(records, list(runs["full_run_id"]), facts.rule.metric)
    runs["length"] = [len(curves[run_id]) for run_id in runs["full_run_id"].to_numpy()]
    rows: list[dict[str, object]] = []
    for arm, group in runs.groupby("arm", sort=False):
        for rung in _rungs(records.declaration.search, int(group["length"].max())):
            beyond = group[group["length"] > rung]
            there = [curves[run_id][rung - 1] for run_id in beyond["full_run_id"].to_numpy()]
            value = statistics.rank_correlation(there, list(beyond["final"]), list(beyond["weight"]))
            rows.append({"arm": arm, "epoch": rung, "rank_correlation": value, "n": len(beyond)})
    return pd.DataFrame(rows, columns=list(_RANK_COLUMNS)).astype(_RANK_COLUMNS)


def _weights(runs: pd.DataFrame) -> pd.Series:
    """Return for how many runs each stands: an audited one for its share of those its search stopped.

    Audit runs that diverged stand for stopped runs that would have; only failed ones are missing.
    """
    is_known = (runs["fate"] == "audited") & runs["full_status"].isin(["completed", "diverged"])
    searches = [runs["arm"], runs["repeat"]]
    known = is_known.groupby(searches).transform("sum")
    stopped = (runs["fate"] != "completed").groupby(searches).transform("sum")
    return (stopped / known).where(is_known, 1.0)


def _rungs(search: Search, full_length: int) -> list[int]:
    """Return the epochs below full length at which ASHA compares runs."""
    stopping = search.early_stopping
    if not isinstance(stopping, EarlyStopping):
        return []
    factors = (stopping.reduction_factor**power for power in range(full_length.bit_length()))
    rungs = [stopping.grace_epochs * factor for factor in factors]
    return [rung for rung in rungs if rung < full_length]


def lay_out(frame: pd.DataFrame) -> pd.DataFrame:
    """Return counts with their shares, values in the readers' unit, and one column a rung."""
    rows = frame.to_dict("records")
    metric = metric_in(frame) if rows else metrics_in(frame).validated
    unit = f" ({metric.value_unit})" if metric.value_unit else ""
    cells = {
        "Arm": [str(row["arm"]) for row in rows],
        "Search runs stopped": [f"{row['stopped']} of {row['ended']}" for row in rows],
        "Audited": [_audited(row) for row in rows],
        "Ended better than the winner": [_better(row) for row in rows],
        f"Winner's {metric.axis}": [metric.amount(row["winner_final"]) for row in rows],
        f"Best audited{unit}": [metric.amount(row["best_audited"]) for row in rows],
        f"Regret{metric.difference_heading}": [
            metric.amount(row["regret"], row["regret_half_width"]) for row in rows
        ],
    }
    for name in (name for name in frame.columns if name.startswith(_CORRELATION)):
        epoch = name.removeprefix(_CORRELATION)
        cells[f"Rank correlation, epoch {epoch}"] = [
            _correlation(row[name], row[f"n_{epoch}"]) for row in rows
        ]
    return pd.DataFrame(cells)


def _audited(row: dict[Any, Any]) -> str:
    without_value = [f"{row[status]} {status}" for status in ("diverged", "failed") if row[status]]
    return f"{row['audited']} ({', '.join(without_value)})" if without_value else str(row["audited"])


def _better(row: dict[Any, Any]) -> str:
    if pd.isna(row["better_searches"]):
        return numbers.ABSENT
    return f"{searches_in_words(row)} ({100 * row['share_low']:.0f} to {100 * row['share_high']:.0f} %)"


def searches_in_words(row: dict[Any, Any]) -> str:
    """Return in how many of an arm's audited searches a run ended better than the winner."""
    n = row["audited_searches"]
    return f"{row['better_searches']} of {n} {'search' if n == 1 else 'searches'}"


def _correlation(value: float, n: float) -> str:
    if not numbers.is_present(n):
        return numbers.ABSENT
    coefficient = f"{value:.2f}" if numbers.is_present(value) else numbers.ABSENT
    return f"{coefficient} (n = {n:.0f})"


def caption(facts: Facts, frame: pd.DataFrame) -> str:
    """Return how runs were drawn for the audit, and what each column estimates."""
    drawn = (
        f"Stopped search runs, up to {facts.records.declaration.search.audit} a search and drawn at random, "
        "trained again at full length with the same configuration and seed (n = 1 run each). The audit "
        "chooses nothing: winners stay."
    )
    if not frame["audited"].any():
        return f"{drawn} No audit run has ended, so whether early stopping misled is not known."
    values = f"Values: {facts.rule.in_words()}."
    regret = [_REGRET, *([_OVER_SEARCHES] if frame["searches"].max() > 1 else [])]
    return " ".join([drawn, _BETTER, values, *regret, _RANKS, _repetition(frame)])


def _repetition(frame: pd.DataFrame) -> str:
    """Return how exactly audit runs repeated the runs they are to repeat."""
    largest = frame["repeat_deviation"].max()
    if not numbers.is_present(largest) or largest == 0:
        return "Up to where they had been stopped, audit runs repeated their values exactly."
    metric = metric_in(frame)
    return (
        "Up to where they had been stopped, audit runs departed from their values by up to "
        f"{metric.scale * largest:.2g}{metric.unit}."
    )


AUDIT = Table(
    title="Audit of early stopping",
    compute=compute,
    lay_out=lay_out,
    caption=caption,
    is_for=lambda facts: audit.is_asked(facts.records),
)
