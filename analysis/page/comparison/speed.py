"""Speed: seconds of an epoch in each folder, as ratios to the first one."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from analysis import statistics
from analysis.page.comparison import differences
from analysis.page.comparison.recipes import different_settings, in_words
from analysis.page.comparison.sides import Side
from analysis.render import numbers
from analysis.render.table import RenderedTable

_CONDITIONS = {"device": "device", "threads": "threads", "concurrency": "runs at the same time"}

_COLUMNS = {
    "arm": "str",
    "first_n": "int64",
    "first_seconds": "float64",
    "folder": "str",
    "n": "int64",
    "seconds": "float64",
    "ratio": "float64",
    "ratio_low": "float64",
    "ratio_high": "float64",
    "df": "float64",
    "warnings": "str",
}


def compute_speed(sides: Sequence[Side]) -> pd.DataFrame:
    """Return one row a folder after the first and configuration that both completed.

    Returns: Columns `arm, first_n, first_seconds, folder, n, seconds, ratio, ratio_low, ratio_high, df,
        warnings`. Seconds are geometric means over completed runs of their median seconds of an epoch;
        `ratio` is the folder's to the first one's, its 95 % interval Welch's of the logarithms, absent with
        one run on a side. `warnings` says what besides the machine differs or disturbed the times.
    """
    rows: list[dict[str, Any]] = []
    for other in sides[1:]:
        rows += _rows(sides[0], other)
    return pd.DataFrame(rows, columns=list(_COLUMNS)).astype(_COLUMNS)


def _rows(first: Side, other: Side) -> Iterator[dict[str, Any]]:
    ours, theirs = first.configurations, other.configurations
    for arm in ours:
        runs = {side.name: _timed(found.get(arm)) for side, found in ((first, ours), (other, theirs))}
        if all(len(timed) for timed in runs.values()):
            yield {"arm": arm, "folder": other.name} | _row(runs)


def _timed(runs: pd.DataFrame | None) -> pd.DataFrame:
    """Return the completed runs with a time, none of a configuration that a folder does not have."""
    return (
        pd.DataFrame()
        if runs is None
        else runs[(runs["status"] == "completed") & (runs["epoch_seconds"] > 0)]
    )


def _row(runs: Mapping[str, pd.DataFrame]) -> dict[str, Any]:
    """Return the times of one configuration.

    Args:
        runs: Folder to its runs, the first folder first.
    """
    first, second = runs.values()
    logs = [np.log(runs["epoch_seconds"].to_numpy(dtype=float)) for runs in (first, second)]
    means = [float(np.mean(values)) for values in logs]
    welch = differences.welch(list(logs[0]), list(logs[1]))
    row: dict[str, Any] = {
        "first_n": len(first),
        "first_seconds": math.exp(means[0]),
        "n": len(second),
        "seconds": math.exp(means[1]),
        "ratio": math.exp(means[1] - means[0]),
        "warnings": "; ".join(_warnings(runs)),
    }
    if welch is None or welch.standard_error == 0:
        return row
    half_width = welch.half_width(statistics.LEVEL)
    return row | {
        "ratio_low": math.exp(welch.mean - half_width),
        "ratio_high": math.exp(welch.mean + half_width),
        "df": welch.df,
    }


def _warnings(runs: Mapping[str, pd.DataFrame]) -> list[str]:
    """Return what a reader must know before calling a ratio one of machines."""
    found = []
    for column, words in _CONDITIONS.items():
        values = {name: _listing(frame[column]) for name, frame in runs.items()}
        is_shared = column == "concurrency" and any((frame[column] > 1).any() for frame in runs.values())
        if is_shared or len(set(values.values())) > 1:
            found.append(f"{words}: {', '.join(f'{value} in {name}' for name, value in values.items())}")
    changed = in_words(different_settings(*runs.values()))
    return [*found, changed] if changed else found


def _listing(cells: "pd.Series[Any]") -> str:
    return " or ".join(sorted({str(cell) for cell in cells.dropna()})) or "unknown"


def lay_out_speed(frame: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    """Return seconds with n and the ratio with its interval; of two folders a column each."""
    rows = []
    for row in frame.to_dict("records"):
        there = _seconds(row, "")
        cells = {"Arm": row["arm"], names[0]: _seconds(row, "first_")}
        cells |= {"Folder": row["folder"], "There": there} if len(names) > 2 else {row["folder"]: there}
        rows.append(cells | {"Ratio": _ratio(row), "Warnings": row["warnings"] or numbers.ABSENT})
    headings = ["Arm", names[0], *(["Folder", "There"] if len(names) > 2 else names[1:])]
    return pd.DataFrame(rows, columns=[*headings, "Ratio", "Warnings"])


def _seconds(row: Mapping[Any, Any], side: str) -> str:
    return f"{row[f'{side}seconds']:.3g} s (n = {row[f'{side}n']})"


def _ratio(row: Mapping[Any, Any]) -> str:
    ratio = f"{numbers.TIMES}{row['ratio']:.3g}"
    if not numbers.is_present(row["ratio_low"]):
        return ratio
    return f"{ratio} ({row['ratio_low']:.3g} to {row['ratio_high']:.3g})"


def caption_speed(frame: pd.DataFrame, names: Sequence[str]) -> str:
    """Return what was timed, how the intervals were made, and when a ratio means little."""
    if frame.empty:
        return "No speed is compared: no arm has, in two folders, completed runs of one configuration."
    return (
        "Seconds of training for an epoch, evaluation and warm-up excluded: the geometric mean over n "
        "completed runs of each run's median (of confirm runs; where nothing is confirmed, of the runs "
        f"compared above). Ratio: the other folder's seconds to those of {names[0]}, with the 95 % interval "
        "of Welch's t for the mean logarithms; above 1 is slower. Runs of one sweep share the hour and the "
        "machine's state, which no interval here includes. Warnings say what besides the machine differs; "
        "where runs shared a machine, their seconds measure the company too."
    )


def render_speed(sides: Sequence[Side]) -> RenderedTable:
    """Return the table, ready for every format."""
    names = [side.name for side in sides]
    frame = compute_speed(sides)
    return RenderedTable(
        name="speed",
        title="Seconds of an epoch",
        caption=caption_speed(frame, names),
        numbers=frame,
        cells=lay_out_speed(frame, names),
    )
