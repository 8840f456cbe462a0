"""The budget of every arm: what it was granted, what it spent, and which runs diverged or failed."""

from typing import Any

import pandas as pd

from analysis import budget
from analysis.blocks import Block, Table
from analysis.facts import Facts
from analysis.noted import metrics_in
from analysis.render import numbers


def lay_out_ledger(frame: pd.DataFrame) -> pd.DataFrame:
    """Return counts as they are, and spent amounts with their ratio to the mean of the arms."""
    cells: dict[str, list[str]] = {
        "Arm": list(frame["arm"]),
        "Phase": list(frame["phase"]),
        "Runs planned": [numbers.count(value) for value in frame["planned"]],
        "Runs ended": [numbers.count(value) for value in frame["ended"]],
    }
    for status in budget.STATUSES:
        cells[status.capitalize()] = [numbers.count(value) for value in frame[status]]
    cells["Epochs granted"] = [numbers.count(value) for value in frame["planned_epochs"]]
    spent = ("epochs", "seconds") if metrics_in(frame).of_program else ("epochs", "steps", "seconds")
    for amount in spent:
        cells[f"{amount.capitalize()} spent"] = [
            _with_ratio(value, ratio)
            for value, ratio in zip(frame[amount], frame[f"{amount}_ratio"], strict=True)
        ]
    return pd.DataFrame(cells)


def _with_ratio(value: float, ratio: float) -> str:
    if not numbers.is_present(ratio):
        return numbers.count(value)
    return f"{numbers.count(value)} ({numbers.TIMES}{ratio:.2f})"


def _seconds_in_words(facts: Facts) -> str:
    if facts.records.metrics.of_program:
        return "Seconds are those up to each run's last epoch; of a program no steps are known."
    return "Seconds are training time, evaluation excluded."


def caption_ledger(facts: Facts, frame: pd.DataFrame) -> str:
    """Return how to read the ledger, and what is unequal."""
    how = (
        f"Runs planned and ended, and what they spent; {numbers.TIMES} is the ratio to the mean of the arms "
        "in that phase. Granted epochs are planned runs at full length; early stopping and divergence end "
        f"runs sooner, so arms spend different shares of an equal grant. {_seconds_in_words(facts)}"
    )
    sentences = [how]
    if "audit" in set(frame["phase"]):
        sentences.append(
            "Audit runs repeat stopped search runs afterwards: they belong to no arm's budget, and their "
            "number follows from how many runs were stopped."
        )
    if facts.unequal_budgets:
        sentences.append(
            f"UNEQUAL BUDGETS by more than 10 %, so no claim is decided: {'; '.join(facts.unequal_budgets)}."
        )
    else:
        sentences.append("Granted budgets are equal within 10 %.")
    notes = budget.spending_notes(frame)
    if notes:
        sentences.append(f"Spent amounts that differ by more than 10 %: {'; '.join(notes)}.")
    return " ".join(sentences)


BUDGET = Block(
    name="budget",
    section="trust",
    table=Table(
        title="Budget ledger",
        compute=lambda facts: budget.compute_ledger(facts.records),
        lay_out=lay_out_ledger,
        caption=caption_ledger,
    ),
)


_COLUMNS = {
    "arm": "str",
    "phase": "str",
    "status": "str",
    "runs": "int64",
    "ended": "int64",
    "share": "float64",
    "rate_low": "float64",
    "rate_high": "float64",
    "completed": "int64",
    "completed_rate_low": "float64",
    "completed_rate_high": "float64",
    "reason": "str",
}


def compute_failures(facts: Facts) -> pd.DataFrame:
    """Return one row an arm, phase and status of runs that diverged or failed.

    Returns: Columns `arm, phase, status, runs, ended, share, rate_low, rate_high, completed,
        completed_rate_low, completed_rate_high, reason`. `runs` of the `ended` runs of the arm and phase had
        this status; their share has no interval, as the runs of one search are not independent. The rates
        are the smallest and the largest learning rate of these runs, and of the `completed` ones. `reason`
        is the first one given.
    """
    runs = facts.records.runs
    if "config.lr" not in runs:
        runs = runs.assign(**{"config.lr": float("nan")})
    rows = [
        {"arm": arm, "phase": phase, **_row(group, status)}
        for (arm, phase), group in runs.groupby(["arm", "phase"], sort=False)
        for status in ("diverged", "failed")
        if (group["status"] == status).any()
    ]
    return pd.DataFrame(rows, columns=list(_COLUMNS)).astype(_COLUMNS)


def _row(ended: pd.DataFrame, status: str) -> dict[str, Any]:
    runs, completed = ended[ended["status"] == status], ended[ended["status"] == "completed"]
    return {
        "status": status,
        "runs": len(runs),
        "ended": len(ended),
        "share": len(runs) / len(ended),
        "rate_low": runs["config.lr"].min(),
        "rate_high": runs["config.lr"].max(),
        "completed": len(completed),
        "completed_rate_low": completed["config.lr"].min(),
        "completed_rate_high": completed["config.lr"].max(),
        "reason": next(iter(runs["reason"].dropna()), ""),
    }


_LONGEST_REASON = 400
"""Letters of a reason in a table; its CSV file has all of it."""


def lay_out_failures(frame: pd.DataFrame) -> pd.DataFrame:
    """Return counts, shares in percent, and ranges of learning rates as text."""
    rows = frame.to_dict("records")
    return pd.DataFrame(
        {
            "Arm": [row["arm"] for row in rows],
            "Phase": [row["phase"] for row in rows],
            "Status": [row["status"] for row in rows],
            "Runs": [f"{row['runs']} of {row['ended']}" for row in rows],
            "Share": [f"{100 * row['share']:.0f} %" for row in rows],
            "Learning rates": [
                numbers.span([row["rate_low"], row["rate_high"]], numbers.rate) for row in rows
            ],
            "Learning rates of completed runs": [
                numbers.span([row["completed_rate_low"], row["completed_rate_high"]], numbers.rate)
                for row in rows
            ],
            "First reason": [_shortened(row["reason"]) or numbers.ABSENT for row in rows],
        },
        dtype="str",
    )


def _shortened(reason: str) -> str:
    """Return a reason without its middle where it is long: a program's holds the end of its error output."""
    half = _LONGEST_REASON // 2
    return reason if len(reason) <= _LONGEST_REASON else f"{reason[:half]} [...] {reason[-half:]}"


def caption_failures(facts: Facts, frame: pd.DataFrame) -> str:
    """Return what is counted; where nothing was lost, that all runs ended finite."""
    ended = len(facts.records.runs)
    if not ended:
        return "No run has ended yet (n = 0), so none has diverged or failed."
    if frame.empty:
        return f"All {ended:,} runs that ended, ended finite: none diverged, none failed."
    return (
        f"Diverged: the loss was no finite number any more; failed: an error. {frame['runs'].sum():,} of "
        f"{ended:,} runs. Runs: of the n runs of the arm and phase that ended; their share has no interval, "
        "as runs of one search are not independent. A run that early stopping ended is neither. Learning "
        "rates: smallest and largest, beside those of the completed runs of the same arm and phase."
    )


FAILURES = Block(
    name="failures",
    section="trust",
    table=Table(
        title="Diverged and failed runs",
        compute=compute_failures,
        lay_out=lay_out_failures,
        caption=caption_failures,
    ),
)
