"""The search table: from which range was each arm's learning rate chosen, and did the search have room?"""

from typing import Any

import pandas as pd

from analysis import responses, selection
from analysis.records import StudyRecords
from analysis.render import numbers
from analysis.tables.spec import Table
from analysis.winner_rule import WinnerRule


def compute_search(records: StudyRecords) -> pd.DataFrame:
    """Return one row an arm: declared range, chosen rate, the winner's validation values, and warnings.

    Returns: Columns `arm, low, high, is_log, learning_rate, edge, is_stability_limited, winner, val_loss,
        val_accuracy, ended, completed`. `is_stability_limited`: the next larger rate that was tried
        diverged, so larger rates were cut off by instability and not by quality.
    """
    search = records.runs_of("search")
    rows = []
    for arm, choice in selection.choices(records).items():
        runs, declared = search[search["arm"] == arm], choice.learning_rate_range
        won = runs[runs["run_id"] == choice.run_id]
        rows.append(
            {
                "arm": arm,
                "low": declared.low if declared else None,
                "high": declared.high if declared else None,
                "is_log": declared.is_log if declared else None,
                "learning_rate": choice.learning_rate,
                "edge": choice.edge,
                "is_stability_limited": selection.is_stability_limited(runs, choice),
                "winner": choice.run_id,
                "val_loss": won["val_loss"].iloc[0] if len(won) else None,
                "val_accuracy": won["val_accuracy"].iloc[0] if len(won) else None,
                "ended": len(runs),
                "completed": int((runs["status"] == "completed").sum()),
            }
        )
    return pd.DataFrame(rows)


def lay_out_search(frame: pd.DataFrame) -> pd.DataFrame:
    """Return ranges as text and warnings in words."""
    return pd.DataFrame(
        {
            "Arm": list(frame["arm"]),
            "Declared range": [_range(row) for row in frame.to_dict("records")],
            "Best learning rate": [numbers.rate(value) for value in frame["learning_rate"]],
            "Search validation loss": [numbers.with_uncertainty(value, None) for value in frame["val_loss"]],
            "Search validation accuracy (%)": [
                numbers.with_uncertainty(value, None, scale=100, decimals=2)
                for value in frame["val_accuracy"]
            ],
            "Runs at full length": [
                f"{full} of {ended}" for full, ended in zip(frame["completed"], frame["ended"], strict=True)
            ],
            "Warnings": [_warnings(row) for row in frame.to_dict("records")],
        }
    )


def _range(row: dict[Any, Any]) -> str:
    low, high = (
        float(value) if isinstance(value, float | int) else None for value in (row["low"], row["high"])
    )
    if not numbers.is_present(low) or not numbers.is_present(high):
        return "fixed"
    return f"{numbers.rate(low)} to {numbers.rate(high)}{', log' if row['is_log'] else ''}"


def _warnings(row: dict[Any, Any]) -> str:
    found = []
    if isinstance(row["edge"], str):
        found.append(f"at the {row['edge']} edge of its range")
    if row["is_stability_limited"]:
        found.append("the next larger rate diverged")
    if row["winner"] is None and row["ended"]:
        found.append("no winner")
    return "; ".join(found) or numbers.ABSENT


def caption_search(records: StudyRecords, frame: pd.DataFrame) -> str:
    """Return how the search chose, and why its values are no results."""
    rule, sampler = WinnerRule.of(records.manifest), records.manifest.search.get("sampler", "none")
    each = "one run each" if rule.seeds == 1 else f"{rule.seeds} runs each, of which the first is shown"
    fresh = ": the results table holds those of fresh seeds" if records.has_confirm else ""
    return (
        f"Sampler {sampler}, chosen by {rule.in_words()}, among configurations trained to full length, "
        f"{each} (n = 1, no interval). The winner's validation values, of its {rule.epoch_in_words()}, are "
        f"the luckiest of up to {int(frame['ended'].max())} runs an arm and so optimistic{fresh}. "
        "Ranges are those the study declared."
    )


def is_searched(records: StudyRecords) -> bool:
    """Return whether any arm was searched, and not only measured at every point of a grid."""
    return records.has_search and not responses.is_measured(records)


SEARCH = Table(
    title="Search",
    section="trust",
    compute=compute_search,
    lay_out=lay_out_search,
    caption=caption_search,
    is_for=is_searched,
)
