"""Equal runs in several folders (in arm, phase, seed and configuration): are they bit-identical?"""

from collections.abc import Sequence
from typing import Any, get_args

import pandas as pd
from pandas.util import hash_pandas_object

from analysis.metrics import Metric, Metrics
from analysis.noted import metrics_in, noted
from analysis.page.comparison.sides import (
    UNRECORDED,
    Answer,
    Side,
    recipe_columns,
    with_columns,
)
from analysis.render import numbers
from analysis.render.table import RenderedTable
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
    _, validated, tested = _measured(metrics_in(frame))
    unit = tested.difference_heading
    cells = pd.DataFrame(
        {
            "Arm": frame["arm"],
            "Phase": frame["phase"],
            "Folder": frame["folder"],
            "In both": frame["matched"].map(str),
            f"Bit-identical {_plural(frame)}": _of(frame["identical"], frame["compared"]),
            "Same end": _of(frame["same_end"], frame["matched"]),
            "First different epoch": frame["first_different_epoch"].astype(object).map(_epoch),
            f"Largest difference of {validated.label}": _gaps(frame, validated),
            f"Largest difference of {tested.label}{unit}": _gaps(frame, tested),
        },
        dtype=object,
    )
    return cells if len(set(frame["folder"])) > 1 else cells.drop(columns="Folder")


def _plural(frame: pd.DataFrame) -> str:
    """Return what the epochs of runs were compared by."""
    name, validated, _ = _measured(metrics_in(frame))
    return "losses" if name == "loss" else f"values of {validated.short}"


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
    """Return the table and how many pairs of equal runs measured the same."""
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
    finding = f"Repeatability: {same} of {compared} pairs of equal runs have bit-identical {_plural(frame)}."
    return Answer(table=table, finding=finding)
