"""One configuration in several folders: how long does an epoch take, as ratio to the first folder?"""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from analysis import statistics
from analysis.page.comparison.sides import (
    Answer,
    Configuration,
    Side,
    different_settings,
    headings,
    in_words,
    side_by_side,
)
from analysis.render import numbers
from analysis.render.table import RenderedTable
from analysis.statistics.tests import welch

_CONDITIONS = {"device": "device", "threads": "threads", "concurrency": "runs at the same time"}

_SPEED_COLUMNS = {
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
        warnings`. Seconds are geometric means over completed runs of their median seconds of an epoch, and
        `n` counts these runs, of repeated searches the repeats;
        `ratio` is the folder's to the first one's, its 95 % interval Welch's of the logarithms, absent with
        one run on a side. `warnings` says what besides the machine differs or disturbed the times.
    """
    rows: list[dict[str, Any]] = []
    for other in sides[1:]:
        rows += _rows(sides[0], other)
    return pd.DataFrame(rows, columns=list(_SPEED_COLUMNS)).astype(_SPEED_COLUMNS)


def _rows(first: Side, other: Side) -> Iterator[dict[str, Any]]:
    ours, theirs = first.configurations, other.configurations
    for arm in ours:
        if arm not in theirs:
            continue
        pair = {first.name: ours[arm], other.name: theirs[arm]}
        if all(len(_timed(own)) for own in pair.values()):
            yield {"arm": arm, "folder": other.name} | _row(pair)


def _timed(own: Configuration) -> pd.DataFrame:
    """Return the completed runs with a time."""
    return own.runs[(own.runs["status"] == "completed") & (own.runs["epoch_seconds"] > 0)]


def _logs(own: Configuration) -> list[float]:
    """Return the logarithms of the seconds of an epoch: of each run, of repeated searches their means."""
    timed = _timed(own)
    logs = timed["epoch_seconds"].astype("float64").map(math.log)
    return list(logs.groupby(timed["repeat"]).mean() if own.is_of_searches else logs)


def _row(pair: Mapping[str, Configuration]) -> dict[str, Any]:
    """Return the times of one configuration.

    Args:
        pair: Folder to what it measured of it, the first folder first.
    """
    first, second = (_logs(own) for own in pair.values())
    means = [float(np.mean(values)) for values in (first, second)]
    difference = welch(second, first)
    row: dict[str, Any] = {
        "first_n": len(first),
        "first_seconds": math.exp(means[0]),
        "n": len(second),
        "seconds": math.exp(means[1]),
        "ratio": math.exp(means[1] - means[0]),
        "warnings": "; ".join(_warnings({name: _timed(own) for name, own in pair.items()})),
    }
    if difference is None or difference.standard_error == 0:
        return row
    half_width = difference.half_width(statistics.LEVEL)
    return row | {
        "ratio_low": math.exp(difference.mean - half_width),
        "ratio_high": math.exp(difference.mean + half_width),
        "df": difference.df,
    }


def _warnings(runs: Mapping[str, pd.DataFrame]) -> list[str]:
    """Return what a reader must know before calling a ratio one of machines."""
    warnings = []
    for column, words in _CONDITIONS.items():
        values = {name: _listing(frame[column]) for name, frame in runs.items()}
        is_shared = column == "concurrency" and any((frame[column] > 1).any() for frame in runs.values())
        if is_shared or len(set(values.values())) > 1:
            warnings.append(f"{words}: {', '.join(f'{value} in {name}' for name, value in values.items())}")
    changed = in_words(different_settings(*runs.values()))
    return [*warnings, changed] if changed else warnings


def _listing(cells: "pd.Series[Any]") -> str:
    return " or ".join(sorted({str(cell) for cell in cells.dropna()})) or "unknown"


def lay_out_speed(frame: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    """Return seconds with n and the ratio with its interval; of two folders a column each."""
    rows = []
    for row in frame.to_dict("records"):
        seconds = side_by_side(names, _seconds(row, "first_"), row["folder"], _seconds(row, ""))
        ratio = {"Ratio": _ratio(row), "Warnings": row["warnings"] or numbers.ABSENT}
        rows.append({"Arm": row["arm"]} | seconds | ratio)
    return pd.DataFrame(rows, columns=["Arm", *headings(names), "Ratio", "Warnings"])


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
        "compared above; of repeated searches n counts the repeats). Ratio: the other folder's seconds to "
        f"those of {names[0]}, with the 95 % interval of Welch's t for the mean logarithms; above 1 is "
        "slower. Runs of one sweep share the hour and the machine's state, which no interval here includes. "
        "Warnings say what besides the machine differs; where runs shared a machine, their seconds measure "
        "the company too."
    )


def compare_speed(sides: Sequence[Side]) -> Answer:
    """Return the table; no single number sums it up."""
    names, frame = [side.name for side in sides], compute_speed(sides)
    table = RenderedTable(
        name="speed",
        title="Seconds of an epoch",
        caption=caption_speed(frame, names),
        numbers=frame,
        cells=lay_out_speed(frame, names),
    )
    return Answer(table=table)
