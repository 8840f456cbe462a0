"""The table of times: what does a batch size cost?"""

import pandas as pd

from analysis import timing
from analysis.records import StudyRecords
from analysis.render import numbers
from analysis.tables.spec import Table

_HEADINGS = {
    "epoch_seconds": "Seconds an epoch",
    "steps_per_second": "Steps a second",
    "samples_per_second": "Samples a second",
}


def lay_out_timing(frame: pd.DataFrame) -> pd.DataFrame:
    """Return one row a line and batch size: medians with quartiles, published seconds beside them."""
    rows = [_cells(group) for _, group in frame.groupby(["line", "x"], sort=False)]
    cells = pd.DataFrame(
        rows, columns=["Arm", "Batch size", "Steps an epoch", *_HEADINGS.values(), "Published", "n"]
    )
    is_published = (cells["Published"] != numbers.ABSENT).any()
    return cells if is_published else cells.drop(columns=["Published"])


def _cells(group: pd.DataFrame) -> dict[str, str]:
    measured = group[group["kind"] == "measured"].to_dict("records")
    published = group[group["kind"] == "published"].to_dict("records")
    row = measured[0] if measured else None
    cells = {"Arm": str(group["line"].iloc[0]), "Batch size": str(group["level"].iloc[0])}
    cells["Steps an epoch"] = str(row["steps_per_epoch"]) if row else numbers.ABSENT
    for quantity, heading in _HEADINGS.items():
        cells[heading] = (
            _quartiles(*(row[f"{quantity}{end}"] for end in ("", "_low", "_high"))) if row else numbers.ABSENT
        )
    said = [f"{run['epoch_seconds']:g} s, {run['source']}" for run in published]
    cells["Published"] = "; ".join(said) or numbers.ABSENT
    cells["n"] = f"{row['epochs']} epochs, {row['runs']} runs" if row else "0"
    return cells


def _quartiles(median: float, low: float, high: float) -> str:
    return f"{_amount(median)} ({_amount(low)} to {_amount(high)})"


def _amount(value: float) -> str:
    return numbers.count(value) if value >= 100 else f"{value:.3g}"


def caption_timing(records: StudyRecords, frame: pd.DataFrame) -> str:
    """Return what was timed, over which epochs, or why nothing is."""
    said = timing.caption(records, frame)
    is_published = (frame["kind"] == "published").any()
    return f"{said} Published: seconds of an epoch on another machine." if is_published else said


TIMING = Table(
    title="Time against batch size in numbers",
    section="results",
    compute=timing.compute_timing,
    lay_out=lay_out_timing,
    caption=caption_timing,
    is_for=timing.is_timed,
)
