"""What the batch size costs and gives: steps, seconds, the way to a common loss, and where each size ends.

An epoch of small batches has more steps than one of large batches, so a study that grants epochs grants small
batches more steps. Both budgets therefore stand beside every result, and the way to one common loss is
counted in both.

Source: Shallue et al. (2019), Measuring the effects of data parallelism on neural network training,
arXiv:1811.03600: steps to a target against the batch size, with the learning rate tuned for each size.
"""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from analysis import responses, selection, statistics
from analysis.metrics import Metric, Metrics
from analysis.noted import noted
from analysis.records import StudyRecords
from analysis.seconds import incomparable, is_one_at_a_time, timed_epochs

TO_TARGET = ("epochs_to", "steps_to")
_ENDS = ("", "_low", "_high")
_FIRST_COLUMNS = {
    "line": "str",
    "arm": "str",
    "phase": "str",
    "field": "str",
    "level": "str",
    "x": "float64",
    "scale": "str",
    "learning_rate": "float64",
    "is_tuned": "bool",
    "edge": "str",
    "budget_epochs": "Int64",
    "budget_steps": "Int64",
    "steps_per_epoch": "Int64",
    **{f"epoch_seconds{end}": "float64" for end in _ENDS},
    "is_comparable": "bool",
    "target": "float64",
    "reached": "int64",
}
_LAST_COLUMNS = {
    "runs": "int64",
    "n": "int64",
    "diverged": "int64",
    "failed": "int64",
}


def way_of(metrics: Metrics) -> Metric:
    """Return the metric whose common value all sizes are to reach: the validation loss, else the headline."""
    return metrics["val_loss"] if metrics.has_loss else metrics.validated


def _columns(metrics: Metrics) -> dict[str, str]:
    means = (*TO_TARGET, way_of(metrics).name, metrics.headline.name)
    values = {f"{name}{end}": "float64" for name in means for end in ("", "_half_width")}
    return {**_FIRST_COLUMNS, **values, **_LAST_COLUMNS}


def compute_batch_sizes(records: StudyRecords, lines: Sequence[responses.Line]) -> pd.DataFrame:
    """Return one row a line and batch size, of lines with runs.

    Args:
        records: The study.
        lines: Those along which the batch size varies.

    Returns: Columns `line, arm, phase, field, level, x, scale, learning_rate, is_tuned, edge, budget_epochs,
        budget_steps, steps_per_epoch`, `epoch_seconds` as the median over epochs with its quartiles `_low`
        and `_high` (absent for a grid whose table of times has them), `is_comparable` (whether these
        seconds are, between sizes), `target, reached`, `epochs_to` and `steps_to` the target as means over
        the `reached` runs, `val_loss` and `test_accuracy` (`way_of`, and the headline) as means over the `n`
        completed replicates, each with the half-width of its 95 % t-interval, then `runs, n, diverged,
        failed`. Where a run diverged there are no means of loss and accuracy, and where a run misses the
        target no half-widths of the way to it. `target` is the worst of the sizes' means of `way_of`, the
        largest validation loss, which every size reaches on average; `edge` is `lower`, `upper` or empty.
    """
    rows: list[dict[str, Any]] = []
    for line in lines:
        points = [(point, point.runs(records)) for point in line.points]
        all_runs = pd.concat([runs for _, runs in points])
        shared = {"target": _target(records, points), "is_comparable": incomparable(all_runs) is None}
        rows += [
            responses.place(line, point.level, point.arm)
            | shared
            | _settings(records, point)
            | _costs(records, point, runs)
            | _way(records, point, runs, shared["target"])
            | _means(records, point, runs)
            for point, runs in points
            if len(all_runs)
        ]
    columns = _columns(records.metrics)
    return noted(pd.DataFrame(rows, columns=list(columns)).astype(columns), records.metrics)


def _target(records: StudyRecords, points: list[tuple[responses.Point, pd.DataFrame]]) -> float | None:
    """Return the value of `way_of` that every batch size reaches on average: the worst of their means.

    A size with a diverged run has no mean; None where no size has one.
    """
    way = way_of(records.metrics)
    means = [_means(records, point, runs)[way.name] for point, runs in points]
    return min((mean for mean in means if mean is not None), key=lambda mean: way.sign * mean, default=None)


def _settings(records: StudyRecords, point: responses.Point) -> dict[str, Any]:
    """Return the learning rate of one batch size, and whether it was tuned for it."""
    held = {**records.declaration.arms[point.arm].fixed, **point.at}
    if "lr" in held or point.at:
        return {"learning_rate": held.get("lr"), "is_tuned": False, "edge": ""}
    choice = selection.choice_of(records, point.arm)
    return {"learning_rate": choice.learning_rate, "is_tuned": True, "edge": choice.edge or ""}


def _costs(records: StudyRecords, point: responses.Point, runs: pd.DataFrame) -> dict[str, Any]:
    """Return the budget of a run in epochs and steps, and what an epoch takes."""
    steps, epochs = runs["steps_per_epoch"].max(), records.declaration.arms[point.arm].max_epochs
    has_both = epochs is not None and pd.notna(steps)
    is_told = bool(point.at) and is_one_at_a_time(records)  # in the table of times
    counted = runs.iloc[:0] if is_told else runs[runs["status"] == "completed"]
    seconds = timed_epochs(records, counted)["seconds"].astype("float64")
    low, middle, high = seconds.quantile([0.25, 0.5, 0.75])
    return {
        "budget_epochs": epochs,
        "budget_steps": int(epochs * steps) if has_both else None,
        "steps_per_epoch": steps if pd.notna(steps) else None,
        "epoch_seconds": middle,
        "epoch_seconds_low": low,
        "epoch_seconds_high": high,
    }


def first_below(records: StudyRecords, runs: pd.DataFrame, target: float | None) -> pd.DataFrame:
    """Return of each completed run that reaches a value of `way_of` the first epoch that does, and its step.

    Returns: Columns `run_id, epochs_to, steps_to`.
    """
    epochs = records.epochs_of(runs.loc[runs["status"] == "completed", "run_id"])
    way = way_of(records.metrics)
    is_met = way.sign * epochs[way.name] >= (float("inf") if target is None else way.sign * target)
    first = epochs[is_met].drop_duplicates("run_id")  # epochs are in order
    return first[["run_id", "epoch", "step"]].rename(columns={"epoch": "epochs_to", "step": "steps_to"})


def _way(
    records: StudyRecords, point: responses.Point, runs: pd.DataFrame, target: float | None
) -> dict[str, Any]:
    """Return how many runs reach the target, and after how many epochs and steps on average."""
    first = first_below(records, runs, target).set_index("run_id").astype("float64")
    row: dict[str, Any] = {"reached": len(first)}
    for name in TO_TARGET:
        reached = runs.assign(**{name: runs["run_id"].map(first[name])})
        own = selection.measured(records, point.arm, name, point.at, runs=reached)
        is_whole = len(first) == len(runs)
        interval = statistics.t_interval(own.measured.tolist() if is_whole else first[name].tolist())
        row |= {name: interval.mean, f"{name}_half_width": interval.half_width if is_whole else None}
    return row


def _means(records: StudyRecords, point: responses.Point, runs: pd.DataFrame) -> dict[str, Any]:
    """Return counts of the runs of one batch size, and the means of its replicates of full length."""
    counts = {status: int((runs["status"] == status).sum()) for status in ("diverged", "failed")}
    metrics = records.metrics
    names = (way_of(metrics).name, metrics.headline.name)
    own = {name: selection.measured(records, point.arm, name, point.at) for name in names}
    row: dict[str, Any] = {"runs": len(runs), "n": own[names[0]].count("completed"), **counts}
    for name in names:
        interval = statistics.t_interval([] if counts["diverged"] else own[name].measured.tolist())
        row |= {name: interval.mean, f"{name}_half_width": interval.half_width}
    return row
