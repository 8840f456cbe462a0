"""Equal runs in several folders: are they bit-identical, and how long does an epoch of theirs take?

Runs are equal in arm, phase, seed and configuration. Seconds are shown as ratios to the first folder.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, get_args

import numpy as np
import pandas as pd
from pandas.util import hash_pandas_object

from analysis import statistics
from analysis.metrics import Metric, Metrics, metrics_in, noted
from analysis.page.comparison.sides import (
    UNRECORDED,
    Answer,
    Side,
    different_settings,
    headings,
    in_words,
    recipe_columns,
    side_by_side,
    with_columns,
)
from analysis.render import numbers
from analysis.render.table import RenderedTable
from analysis.statistics.tests import welch
from harness.records.events import Phase

_KEPT = ["arm", "phase", "run_id", "status", "epochs"]

_COUNTS = {
    "folder": "str",
    "arm": "str",
    "phase": "str",
    "matched": "int64",
    "compared": "int64",
    "identical": "int64",
    "same_end": "int64",
    "first_different_epoch": "Int64",
}


def _measured(metrics: Metrics) -> tuple[str, Metric, Metric]:
    """Return the name of what epochs are compared by, it on validation data, and what compares ends."""
    name = "loss" if metrics.has_loss else metrics.names[0]
    return name, metrics[f"val_{name}"], metrics.headline


def compute_repeats(sides: Sequence[Side]) -> pd.DataFrame:
    """Return one row a folder after the first, arm and phase with matching runs.

    Returns: Columns `folder, arm, phase, matched, compared, identical, same_end, first_different_epoch,
        val_loss, test_accuracy`. `matched` counts pairs of runs; `compared` those with a common epoch, and
        `identical` those of them whose training and validation losses are equal bit for bit at every common
        epoch. `same_end`: pairs that ended with the same status after the same epochs.
        `first_different_epoch` is the earliest of any pair, absent where none differs. The last two are the
        largest absolute differences: of validation loss over common epochs, of test accuracy over pairs.
    """
    frames = [_of_folder(sides[0], other) for other in sides[1:]]
    metrics = sides[0].records.metrics
    return noted(pd.concat(frames, ignore_index=True).astype(_columns(metrics)), metrics)


def _columns(metrics: Metrics) -> dict[str, str]:
    _, validated, tested = _measured(metrics)
    return {**_COUNTS, validated.name: "float64", tested.name: "float64"}


def _of_folder(first: Side, other: Side) -> pd.DataFrame:
    name, validated, tested = _measured(first.records.metrics)
    runs = [_having([tested.name], side.records.runs) for side in (first, other)]
    pairs = match_runs(runs[0], runs[1], further=[tested.name])
    pairs = pairs.join(_compare_epochs(pairs, first.records.epochs, other.records.epochs, name))
    pairs = pairs.assign(
        is_compared=pairs["is_identical"].notna(),
        is_identical=pairs["is_identical"].eq(other=True),  # absent where no epoch is common
        is_same_end=(pairs["status"] == pairs["status_there"]) & (pairs["epochs"] == pairs["epochs_there"]),
        test_gap=(pairs[tested.name] - pairs[f"{tested.name}_there"]).abs(),
    )
    groups = pairs.groupby(["arm", "phase"], sort=False)
    counted = groups.agg(
        matched=("run_id", "size"),
        compared=("is_compared", "sum"),
        identical=("is_identical", "sum"),
        same_end=("is_same_end", "sum"),
        first_different_epoch=("first_different_epoch", "min"),
        **{validated.name: ("val_gap", "max"), tested.name: ("test_gap", "max")},
    )
    rows = counted.reset_index().assign(folder=other.name)[list(_columns(first.records.metrics))]
    order = {"arm": first.records.arms, "phase": list(get_args(Phase))}
    return rows.sort_values(["arm", "phase"], key=lambda cells: cells.map(order[str(cells.name)].index))


def _having(columns: Sequence[str], frame: pd.DataFrame) -> pd.DataFrame:
    """Return a frame that has some columns: without values where another study has no such metric."""
    missing = [name for name in columns if name not in frame]
    return frame.reindex(columns=[*frame.columns, *missing]) if missing else frame


def match_runs(first: pd.DataFrame, second: pd.DataFrame, further: Sequence[str] = ()) -> pd.DataFrame:
    """Return one row a pair of runs with the same arm, phase, seed and recipe settings.

    Runs that repeat all of these within a folder are matched in their order.

    Args:
        first: Runs of the first folder, sorted by id.
        second: Runs of the other, likewise; what it has of its own comes back with the ending `_there`.
        further: Columns to keep of both.
    """
    fields = recipe_columns(first, second)
    keys = ["arm", "phase", "seed", "settings"]
    keyed = []
    for frame in (first, second):
        settings = with_columns(frame, fields)[fields].apply(_key)
        # 64 bits: among a million configurations, two share a hash with a chance of 3 in 100 million.
        whole = frame[[*_KEPT, *further, "seed"]].assign(settings=hash_pandas_object(settings, index=False))
        keyed.append(whole.assign(repetition=whole.groupby(keys).cumcount()))
    return keyed[0].merge(keyed[1], on=[*keys, "repetition"], suffixes=("", "_there"), validate="1:1")


def _compare_epochs(
    pairs: pd.DataFrame, first: pd.DataFrame, second: pd.DataFrame, name: str
) -> pd.DataFrame:
    """Return, by the index of the pairs that have a common epoch, what a metric of theirs differs by.

    Returns: Columns `is_identical, first_different_epoch, val_gap`.
    """
    compared = [f"train_{name}", f"val_{name}"]
    first, second = (_having(compared, epochs) for epochs in (first, second))
    ours = pairs[["run_id"]].rename_axis("pair").reset_index().merge(first, on="run_id")
    ids = pairs[["run_id_there"]].set_axis(["run_id"], axis="columns").rename_axis("pair").reset_index()
    both = ours.merge(ids.merge(second, on="run_id"), on=["pair", "epoch"], suffixes=("", "_there"))
    is_same = pd.Series(data=True, index=both.index)
    for loss in compared:  # a loss that is not finite is absent in both
        here, there = both[loss], both[f"{loss}_there"]
        is_same &= (here == there) | (here.isna() & there.isna())
    gap = (both[f"val_{name}"] - both[f"val_{name}_there"]).abs()
    both = both.assign(is_same=is_same, different_epoch=both["epoch"].where(~is_same), val_gap=gap)
    return both.groupby("pair").agg(
        is_identical=("is_same", "all"),
        first_different_epoch=("different_epoch", "min"),
        val_gap=("val_gap", "max"),
    )


def _key(cells: "pd.Series[Any]") -> "pd.Series[str]":
    """Return settings as text that is the same for the same value, whichever type its column has."""
    is_number = pd.api.types.is_numeric_dtype(cells) and not pd.api.types.is_bool_dtype(cells)
    text = cells.astype("float64").astype(str) if is_number else cells.astype(str)
    return text.where(cells.notna(), "")


def lay_out_repeats(frame: pd.DataFrame) -> pd.DataFrame:
    """Return counts of pairs and the largest differences, accuracies in percentage points."""
    name, validated, tested = _measured(metrics_in(frame))
    plural = "losses" if name == "loss" else f"values of {tested.short}"
    unit = tested.difference_heading
    cells = pd.DataFrame(
        {
            "Arm": frame["arm"],
            "Phase": frame["phase"],
            "Folder": frame["folder"],
            "In both": frame["matched"].map(str),
            f"Bit-identical {plural}": _of(frame["identical"], frame["compared"]),
            "Same end": _of(frame["same_end"], frame["matched"]),
            "First different epoch": frame["first_different_epoch"].astype(object).map(_epoch),
            f"Largest difference of {validated.label}": _gaps(frame, validated),
            f"Largest difference of {tested.label}{unit}": _gaps(frame, tested),
        },
        dtype=object,
    )
    return cells if len(set(frame["folder"])) > 1 else cells.drop(columns="Folder")


def _of(counts: "pd.Series[int]", totals: "pd.Series[int]") -> list[str]:
    return [f"{count} of {total}" for count, total in zip(counts, totals, strict=True)]


def _epoch(epoch: object) -> str:
    return numbers.ABSENT if pd.isna(epoch) else str(epoch)  # type: ignore[call-overload]


def _gaps(frame: pd.DataFrame, metric: Metric) -> list[str]:
    gaps = frame[metric.name]
    return [f"{metric.scale * gap:.2g}" if numbers.is_present(gap) else numbers.ABSENT for gap in gaps]


def caption_repeats(frame: pd.DataFrame, names: Sequence[str]) -> str:
    """Return which runs were matched and what was compared."""
    matching = "the same arm, phase, seed and recipe settings"
    if frame.empty:
        return f"No run of {names[0]} has {matching} as one of another folder, so nothing can be repeated."
    _, validated, tested = _measured(metrics_in(frame))
    return (
        f"Pairs of runs, one of {names[0]} and one of the other folder, with {matching}. Bit-identical: "
        f"training and validation {validated.short} equal in every bit at every epoch that both ran, of the "
        "pairs with such an epoch. Same end: same status after as many epochs; early stopping depends on "
        "what other runs had reached, so it may end the same run sooner or later. First different epoch: the "
        "earliest "
        f"of any pair ({numbers.ABSENT}: none differs). {UNRECORDED} Largest absolute "
        f"differences are over epochs that both ran ({validated.label}) and over tested runs "
        f"({tested.label})."
    )


def compare_runs(sides: Sequence[Side]) -> Answer:
    """Return the table and how many pairs of equal runs have the same losses."""
    frame = compute_repeats(sides)
    table = RenderedTable(
        name="repeats",
        title="Runs that both folders have",
        caption=caption_repeats(frame, [side.name for side in sides]),
        numbers=frame,
        cells=lay_out_repeats(frame),
    )
    same, compared = frame["identical"].sum(), frame["compared"].sum()
    if not compared:
        return Answer(
            table=table, finding="Repeatability: no two runs are equal in arm, phase, seed and recipe."
        )
    finding = f"Repeatability: {same} of {compared} pairs of equal runs have bit-identical losses."
    return Answer(table=table, finding=finding)


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
        warnings`. Seconds are geometric means over completed runs of their median seconds of an epoch;
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
        runs = {first.name: _timed(ours[arm]), other.name: _timed(theirs.get(arm))}
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
    difference = welch(list(logs[1]), list(logs[0]))
    row: dict[str, Any] = {
        "first_n": len(first),
        "first_seconds": math.exp(means[0]),
        "n": len(second),
        "seconds": math.exp(means[1]),
        "ratio": math.exp(means[1] - means[0]),
        "warnings": "; ".join(_warnings(runs)),
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
        f"compared above). Ratio: the other folder's seconds to those of {names[0]}, with the 95 % interval "
        "of Welch's t for the mean logarithms; above 1 is slower. Runs of one sweep share the hour and the "
        "machine's state, which no interval here includes. Warnings say what besides the machine differs; "
        "where runs shared a machine, their seconds measure the company too."
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
