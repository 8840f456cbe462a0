"""How long an epoch takes against the batch size, in studies that train one run at a time."""

from collections.abc import Iterator
from typing import Any

import pandas as pd

from analysis import responses
from analysis.claims.evidence import shared_machine
from analysis.records import StudyRecords

FIELD = "batch_size"

QUANTITIES = {
    "epoch_seconds": "seconds per epoch",
    "steps_per_second": "steps per second",
    "samples_per_second": "samples per second",
}
"""What is timed, with its words."""

_COLUMNS = {
    "line": "str",
    "arm": "str",
    "field": "str",
    "level": "str",
    "x": "float64",
    "scale": "str",
    "kind": "str",
    "steps_per_epoch": "Int64",
    "runs": "int64",
    "left_out": "int64",
    "epochs": "int64",
    **{f"{quantity}{end}": "float64" for quantity in QUANTITIES for end in ("", "_low", "_high")},
    "source": "str",
}


def is_timed(records: StudyRecords) -> bool:
    """Return whether the study runs one at a time over batch sizes, as timings need it."""
    return records.manifest.resources.get("concurrency") == 1 and bool(_lines(records))


def _lines(records: StudyRecords) -> list[responses.Line]:
    return [line for line in responses.lines(records) if line.field == FIELD]


def refusal(records: StudyRecords) -> str | None:
    """Return why the study's seconds cannot be compared with each other, or None."""
    runs = [point.runs(records) for line in _lines(records) for point in line.points]
    found = shared_machine(pd.concat(runs)) if runs else None
    return None if found is None else found.reason.partition(". Remedy")[0]


def compute_timing(records: StudyRecords) -> pd.DataFrame:
    """Return one row a line and batch size: median and quartiles over the epochs of its completed runs.

    Returns: Columns `line, arm, field, level, x, scale, kind, steps_per_epoch, runs, left_out, epochs`, then
        each of `epoch_seconds, steps_per_second, samples_per_second` as the median with the quartiles `_low`
        and `_high`, then `source`. `kind` is `measured`, or `published` for a row with the epoch's seconds
        that a `source` gives. Seconds are those of optimizer steps. `left_out` counts runs that did not
        complete. No rows where seconds are not comparable, nor for a line of which nothing is measured.
    """
    rows: list[dict[str, Any]] = []
    for line in _lines(records) if refusal(records) is None else ():
        measured = [row for point in line.points if (row := _measured(records, line, point))["epochs"]]
        rows += [*measured, *(_published(records, line) if measured else ())]
    return pd.DataFrame([{"source": ""} | row for row in rows], columns=list(_COLUMNS)).astype(_COLUMNS)


def _measured(records: StudyRecords, line: responses.Line, point: responses.Point) -> dict[str, Any]:
    runs = point.runs(records)
    completed = runs[runs["status"] == "completed"]
    epochs = timed_epochs(records, completed)
    seconds = epochs["seconds"]
    timed = {
        "epoch_seconds": seconds,
        "steps_per_second": epochs["steps"] / seconds,
        "samples_per_second": int(records.manifest.dataset["train_samples"]) / seconds,
    }
    counts = {"runs": len(completed), "left_out": len(runs) - len(completed), "epochs": len(epochs)}
    steps = epochs["steps"].iloc[0] if len(epochs) else None
    row = (
        responses.place(line, point.level, point.arm)
        | counts
        | {"kind": "measured", "steps_per_epoch": steps}
    )
    for quantity, values in timed.items():
        ends = values.astype("float64").quantile([0.25, 0.5, 0.75])
        row |= dict(zip([f"{quantity}_low", quantity, f"{quantity}_high"], ends, strict=True))
    return row


def timed_epochs(records: StudyRecords, runs: pd.DataFrame) -> pd.DataFrame:
    """Return the epochs that count, with their steps: whole ones, and no run's first if it has others."""
    own = runs[["run_id", "epochs", "steps_per_epoch"]]
    epochs = records.epochs_of(own["run_id"]).merge(own, on="run_id")
    before = epochs.groupby("run_id")["step"].shift(fill_value=0)
    epochs = epochs.assign(steps=epochs["step"] - before)
    is_warm = (epochs["epoch"] > 1) | (epochs["epochs"] == 1)
    is_whole = (epochs["steps"] == epochs["steps_per_epoch"]) & (epochs["seconds"] > 0)
    return epochs[is_warm & is_whole]


def _published(records: StudyRecords, line: responses.Line) -> Iterator[dict[str, Any]]:
    for level, arm, run in responses.published_of(records, line):
        if "epoch_seconds" in run["values"]:
            counts = {"kind": "published", "runs": 1, "left_out": 0, "epochs": 0}
            known = {"epoch_seconds": run["values"]["epoch_seconds"], "source": run["source"]}
            yield responses.place(line, level, arm) | counts | known


def caption(records: StudyRecords, frame: pd.DataFrame) -> str:
    """Return what was timed, over how many epochs and runs; or why nothing is."""
    refused = refusal(records)
    if refused is not None:
        return f"No timing is shown: {refused}."
    measured = frame[frame["kind"] == "measured"]
    if measured.empty:
        return "No timing is shown: no run of a batch size has completed a whole epoch."
    left_out = int(measured["left_out"].sum())
    lost = f" {left_out} runs that did not complete are left out." if left_out else ""
    return (
        "Median and quartiles over the whole epochs of completed runs, one run at a time on one machine: n = "
        f"{_span(measured['epochs'])} epochs of {_span(measured['runs'])} runs a batch size. The first epoch "
        "of a run, which warms up, is left out where it has others. Seconds are those of training steps, "
        f"evaluation excluded. Quartiles describe the epochs; they are no interval of the median.{lost}"
    )


def _span(counts: "pd.Series[int]") -> str:
    least, most = int(counts.min()), int(counts.max())
    return str(least) if least == most else f"{least} to {most}"
