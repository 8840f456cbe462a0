"""What does a batch size cost, in studies that train one run at a time: seconds an epoch, steps a second?"""

import math
from collections.abc import Iterator
from typing import Any

import pandas as pd

from analysis import responses
from analysis.blocks import Block, Plot, Table
from analysis.blocks.timing_panels import QUANTITIES, draw
from analysis.facts import Facts
from analysis.records import StudyRecords
from analysis.render import numbers
from analysis.seconds import incomparable, is_one_at_a_time, timed_epochs

_HEADINGS = {
    "epoch_seconds": "Seconds an epoch",
    "steps_per_second": "Steps a second",
    "samples_per_second": "Samples a second",
}


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


def is_timed(facts: Facts) -> bool:
    """Return whether the study runs one at a time over batch sizes; of a program no steps are known."""
    has_steps = not facts.records.metrics.of_program
    return has_steps and is_one_at_a_time(facts.records) and bool(facts.lines_over("batch_size"))


def compute_timing(facts: Facts) -> pd.DataFrame:
    """Return one row a line and batch size: median and quartiles over the epochs of its completed runs.

    Returns: Columns `line, arm, field, level, x, scale, kind, steps_per_epoch, runs, left_out, epochs`, then
        each of `epoch_seconds, steps_per_second, samples_per_second` as the median with the quartiles `_low`
        and `_high`, then `source`. `kind` is `measured`, or `published` for a row with the epoch's seconds
        that a `source` gives. Seconds are those of optimizer steps. `left_out` counts runs that did not
        complete. No rows where seconds are not comparable, nor for a line of which nothing is measured.
    """
    rows: list[dict[str, Any]] = []
    for line in facts.lines_over("batch_size") if _refusal(facts) is None else ():
        timed = (_measured(facts.records, line, point) for point in line.points)
        measured = [row for row in timed if row["epochs"]]
        rows += [*measured, *(_published(facts.records, line) if measured else ())]
    return pd.DataFrame([{"source": ""} | row for row in rows], columns=list(_COLUMNS)).astype(_COLUMNS)


def _refusal(facts: Facts) -> str | None:
    """Return why the study's seconds cannot be compared with each other, or None."""
    refused = incomparable(responses.runs_of(facts.records, facts.lines_over("batch_size")))
    return None if refused is None else refused.reason


def _measured(records: StudyRecords, line: responses.Line, point: responses.Point) -> dict[str, Any]:
    runs = point.runs(records)
    completed = runs[runs["status"] == "completed"]
    epochs = timed_epochs(records, completed)
    seconds, data = epochs["seconds"], records.declaration.known_data
    timed = {
        "epoch_seconds": seconds,
        "steps_per_second": epochs["steps"] / seconds,
        "samples_per_second": (data.train_samples if data else math.nan) / seconds,
    }
    counts = {"runs": len(completed), "left_out": len(runs) - len(completed), "epochs": len(epochs)}
    steps = epochs["steps"].iloc[0] if len(epochs) else None
    row = responses.place(line, point.level, point.arm) | counts
    row |= {"kind": "measured", "steps_per_epoch": steps}
    for quantity, values in timed.items():
        ends = values.astype("float64").quantile([0.25, 0.5, 0.75])
        row |= dict(zip([f"{quantity}_low", quantity, f"{quantity}_high"], ends, strict=True))
    return row


def _published(records: StudyRecords, line: responses.Line) -> Iterator[dict[str, Any]]:
    for level, arm, run in responses.published_of(records, line):
        if "epoch_seconds" in run.metrics:
            counts = {"kind": "published", "runs": 1, "left_out": 0, "epochs": 0}
            known = {"epoch_seconds": run.metrics["epoch_seconds"], "source": run.source}
            yield responses.place(line, level, arm) | counts | known


def _caption(facts: Facts, frame: pd.DataFrame) -> str:
    """Return what was timed, over how many epochs and runs; or why nothing is."""
    refused = _refusal(facts)
    if refused is not None:
        return f"No timing is shown: {refused}."
    measured = frame[frame["kind"] == "measured"]
    if measured.empty:
        return "No timing is shown: no run of a batch size has completed a whole epoch."
    left_out = int(measured["left_out"].sum())
    lost = f" {left_out} runs that did not complete are left out." if left_out else ""
    n = f"n = {numbers.span(measured['epochs'])} epochs of {numbers.span(measured['runs'])} runs"
    return (
        "Median and quartiles over the whole epochs of completed runs, one run at a time on one machine: "
        f"{n} a batch size. The first epoch of a run, which warms up, is left out where it has others. "
        "Seconds are those of training steps, evaluation excluded. Quartiles describe the epochs; they are "
        f"no interval of the median.{lost}"
    )


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
    seconds = [f"{run['epoch_seconds']:g} s, {run['source']}" for run in published]
    cells["Published"] = "; ".join(seconds) or numbers.ABSENT
    cells["n"] = f"{row['epochs']} epochs, {row['runs']} runs" if row else "0"
    return cells


def _quartiles(median: float, low: float, high: float) -> str:
    return f"{_amount(median)} ({_amount(low)} to {_amount(high)})"


def _amount(value: float) -> str:
    return numbers.count(value) if value >= 100 else f"{value:.3g}"


def caption_times(facts: Facts, frame: pd.DataFrame) -> str:
    """Return what was timed, over which epochs, or why nothing is."""
    is_published = (frame["kind"] == "published").any()
    published = " Published: seconds of an epoch on another machine." if is_published else ""
    return _caption(facts, frame) + published


def caption_timing(facts: Facts, frame: pd.DataFrame) -> str:
    """Return what was timed, over which epochs, and what the bars are."""
    how = _caption(facts, frame)
    if frame.empty:
        return how
    sources = list(dict.fromkeys(frame.loc[frame["kind"] == "published", "source"]))
    published = (
        f" Hollow, on dotted lines: published seconds of an epoch, on another machine ({'; '.join(sources)})."
        if sources
        else ""
    )
    return f"{how} Marks: medians; bars: quartiles.{published}"


def alt_timing(frame: pd.DataFrame) -> str:
    """Return each line's seconds an epoch at its smallest and its largest batch."""
    by_line = []
    for line, rows in frame[frame["kind"] == "measured"].groupby("line", sort=False):
        ends = [
            f"{numbers.rate(row['epoch_seconds'])} s at {row['level']}"
            for row in rows.iloc[[0, -1]].to_dict("records")
        ]
        by_line.append(f"{line} {' and '.join(dict.fromkeys(ends))}")
    return f"Time of an epoch, steps and samples a second against the batch size. {'; '.join(by_line)}."


TIMING = Block(
    name="timing",
    section="results",
    table=Table(
        title="Time against batch size in numbers",
        compute=lambda facts: facts.once(compute_timing),
        lay_out=lay_out_timing,
        caption=caption_times,
        is_for=is_timed,
    ),
    plot=Plot(
        title="Time against batch size",
        compute=lambda facts: facts.once(compute_timing),
        draw=draw,
        caption=caption_timing,
        alt=alt_timing,
        is_for=is_timed,
    ),
)
