"""The table of batch sizes: what does each size cost, how soon is it there, and where does it end?

In a study that only measures a grid, the tables of responses and times have its losses and seconds already.
"""

from typing import Any

import pandas as pd

from analysis import batch_sizes
from analysis.claims.evidence import shared_machine
from analysis.records import StudyRecords
from analysis.render import numbers
from analysis.tables.spec import Table
from analysis.winner_rule import WinnerRule

_EDGE_MARKS = {"lower": " (edge ↓)", "upper": " (edge ↑)"}
_SECONDS = "Seconds an epoch"
_NOT_COMPARABLE = ", not comparable"
_LOSS, _ACCURACY = "Validation loss", "Test accuracy (%)"


def lay_out_batch_sizes(frame: pd.DataFrame) -> pd.DataFrame:
    """Return one row a line and batch size; without what other tables have of a study that only measures."""
    rows = frame.to_dict("records")
    seconds = _SECONDS if frame["is_comparable"].all() else _SECONDS + _NOT_COMPARABLE
    cells = pd.DataFrame(
        {
            "Arm": [row["line"] for row in rows],
            "Batch size": [row["level"] for row in rows],
            "Learning rate": [_rate(row) for row in rows],
            "Epochs": [numbers.count(row["budget_epochs"]) for row in rows],
            "Steps": [numbers.count(row["budget_steps"]) for row in rows],
            "Steps an epoch": [numbers.count(row["steps_per_epoch"]) for row in rows],
            seconds: [_seconds(row) for row in rows],
            "Epochs to target": [_way(row, "epochs_to") for row in rows],
            "Steps to target": [_way(row, "steps_to") for row in rows],
            "Reach it": [f"{row['reached']} of {row['runs']}" for row in rows],
            _LOSS: [_mean(row, "val_loss", 1) for row in rows],
            _ACCURACY: [_mean(row, "test_accuracy", 100) for row in rows],
            "n": [_count(row) for row in rows],
        }
    )
    is_grid = set(frame["phase"]) == {"search"}
    is_timed = frame["epoch_seconds"].notna().any()
    told = [*([_LOSS, _ACCURACY] if is_grid else []), *([] if is_timed else [seconds])]
    return cells.drop(columns=told)


def _rate(row: dict[Any, Any]) -> str:
    how = "" if row["is_tuned"] else ", fixed"
    return numbers.rate(row["learning_rate"]) + how + _EDGE_MARKS.get(row["edge"], "")


def _seconds(row: dict[Any, Any]) -> str:
    low, middle, high = (
        f"{row[f'epoch_seconds{end}']:.3g}" if numbers.is_present(row["epoch_seconds"]) else numbers.ABSENT
        for end in ("_low", "", "_high")
    )
    return middle if middle == numbers.ABSENT else f"{middle} ({low} to {high})"


def _way(row: dict[Any, Any], name: str) -> str:
    """Return a mean number of epochs or steps, with `>` where runs that miss the target would raise it."""
    decimals = 1 if name == "epochs_to" else 0
    text = numbers.with_uncertainty(row[name], row[f"{name}_half_width"], decimals=decimals)
    return f"> {text}" if 0 < row["reached"] < row["runs"] else text


def _mean(row: dict[Any, Any], name: str, scale: float) -> str:
    decimals = 4 if scale == 1 else 2
    return numbers.with_uncertainty(row[name], row[f"{name}_half_width"], scale=scale, decimals=decimals)


def _count(row: dict[Any, Any]) -> str:
    lost = [f"{row[status]} {status}" for status in ("diverged", "failed") if row[status]]
    return f"{row['n']} ({', '.join(lost)})" if lost else str(row["n"])


def caption_batch_sizes(records: StudyRecords, frame: pd.DataFrame) -> str:
    """Return the target, how each column was made, and what cannot be compared."""
    if frame.empty:
        return "No batch size is shown: no run that measures one has ended."
    phases = " and ".join(dict.fromkeys(frame["phase"]))
    how = (
        f"Every batch size, from its {phases} runs. ± is the half-width of the 95 % Student t-interval over "
        f"n seeds (n = 1: no interval). {batch_sizes.target_in_words(frame)} "
        f"{batch_sizes.budgets_in_words()}"
    )
    return " ".join(filter(None, [how, *_remarks(records, frame), batch_sizes.quality_in_words(frame)]))


def _remarks(records: StudyRecords, frame: pd.DataFrame) -> list[str]:
    """Return what the frame's own rows call for."""
    said = [WinnerRule.of(records.manifest).values_in_words()] if "confirm" in set(frame["phase"]) else []
    if frame["epoch_seconds"].notna().any():
        said.append(
            "Seconds: median and quartiles over the whole training epochs of completed runs, evaluation and "
            f"each run's first epoch left out.{_incomparable(records, frame)}"
        )
    if (frame["reached"] < frame["runs"]).any():
        said.append(">: the mean of those runs that reach the target; the others would raise it.")
    if frame["diverged"].any():
        said.append("Where a run diverged there is no mean: the survivors alone would flatter the size.")
    if (frame["edge"] != "").any():
        said.append("edge ↓ or ↑: the tuned rate lies at that edge of its declared range.")
    return said


def _incomparable(records: StudyRecords, frame: pd.DataFrame) -> str:
    """Return why seconds of different sizes cannot be compared; empty where they can."""
    if frame["is_comparable"].all():
        return ""
    runs = [point.runs(records) for line in batch_sizes.lines(records) for point in line.points]
    found = shared_machine(pd.concat(runs))
    reason = "" if found is None else f": {found.reason.partition('. Remedy')[0]}"
    return f" They cannot be compared between sizes{reason}."


BATCH_SIZES = Table(
    title="Batch size",
    section="results",
    compute=batch_sizes.compute_batch_sizes,
    lay_out=lay_out_batch_sizes,
    caption=caption_batch_sizes,
    is_for=batch_sizes.has_batch_sizes,
)
