"""Do published values hold beside what was measured?

A published value is one run. It is judged by the interval in which one further run of ours would lie, not by
the interval of our mean, which most single runs miss.
"""

import math
from typing import Any, Literal

import pandas as pd

from analysis import selection, statistics
from analysis.blocks import Block, Table
from analysis.design import counted_in_words, counts_searches, design_of, runs_of_replicates
from analysis.facts import Facts
from analysis.metrics import Metrics
from analysis.noted import metrics_in, noted
from analysis.records import StudyRecords
from analysis.render import numbers
from analysis.replicates import Replicates
from harness.study.published import PublishedValues

Position = Literal["within", "above", "below"]

_COLUMNS = {
    "arm": "str",
    "source": "str",
    "at": "str",
    "metric": "str",
    "published": "float64",
    "n": "int64",
    "mean": "float64",
    "half_width": "float64",
    "low": "float64",
    "high": "float64",
    "position": "object",
    "excess": "float64",
    "reason": "object",
    "note": "object",
}

_HEADINGS = ["Arm", "Value", "Published", "Measured", "n", "Single runs", "Published lies", "Source", "Note"]


def compute(facts: Facts) -> pd.DataFrame:
    """Return one row a published value, in the order of the study file.

    Returns: Columns `arm, source, at, metric, published, n, mean, half_width, low, high, position, excess,
        reason, note`. `mean` and `half_width`: ours, with its 95 % t-interval over n replicates. `low`,
        `high`: where one further run of ours lies with a chance of 95 %. `position` is `within`, `above` or
        `below`, or absent for the `reason` given; `excess` is how far beyond the nearer end the published
        value lies.
    """
    rows = [
        _row(facts.records, arm, run, metric)
        for arm, published in facts.records.declaration.published.items()
        for run in published
        for metric in run.metrics
    ]
    return noted(pd.DataFrame(rows, columns=list(_COLUMNS)).astype(_COLUMNS), facts.records.metrics)


def _row(records: StudyRecords, arm: str, run: PublishedValues, metric: str) -> dict[str, object]:
    at, value = run.at or {}, run.metrics[metric]
    runs = selection.runs_of_one_configuration(records, arm, at)
    has_diverged = bool((runs["status"] == "diverged").any())
    own = selection.measured(records, arm, metric, at)
    measured = [] if has_diverged else own.measured.tolist()
    interval = statistics.t_interval(measured)
    ends = statistics.prediction_interval(
        measured, of_each=[] if at else _runs_of_each(records, arm, own, metric)
    )
    reason = _reason(metric, len(measured), has_diverged=has_diverged)
    position, excess = (None, None) if ends is None or reason else _placed(value, *ends)
    notes = [run.note, run.notes.get(metric)]
    return {
        "arm": arm,
        "source": run.source,
        "at": ", ".join(f"{field} {_setting(setting)}" for field, setting in at.items()),
        "metric": metric,
        "published": value,
        "n": interval.n,
        "mean": interval.mean,
        "half_width": interval.half_width,
        "low": ends[0] if ends else None,
        "high": ends[1] if ends else None,
        "position": position,
        "excess": excess,
        "reason": reason,
        "note": "; ".join(note for note in notes if note) or None,
    }


def _runs_of_each(records: StudyRecords, arm: str, own: Replicates, metric: str) -> list[list[float]]:
    """Return the values of the confirm runs of each replicate of an arm that has a value."""
    records, arm = records.alone(arm)
    values = records.runs_of("confirm", arm).set_index("run_id")[metric]
    of_each = runs_of_replicates(records, arm)
    known = [key for key, value in zip(own.keys, own.values, strict=True) if not math.isnan(value)]
    return [values[of_each[key]].tolist() for key in known if key in of_each]


def _setting(value: float | str | bool) -> str:  # noqa: FBT001 - a value of a recipe field
    return str(value) if isinstance(value, str | bool) else numbers.setting(value)


def _reason(metric: str, n: int, *, has_diverged: bool) -> str | None:
    """Return why a published value cannot be judged, or None."""
    if has_diverged:
        return "a run of ours diverged"
    if n == 0:
        return "no run of ours has it"
    if n == 1:
        return "single seed of ours: no spread to judge by"
    return "another machine" if metric.endswith("seconds") else None


def _placed(value: float, low: float, high: float) -> tuple[Position, float]:
    """Return where a value lies to an interval, and how far beyond its nearer end."""
    if value > high:
        return "above", value - high
    if value < low:
        return "below", low - value
    return "within", 0.0


def lay_out(frame: pd.DataFrame) -> pd.DataFrame:
    """Return accuracies in percent, with the side and the distance of values that lie outside."""
    metrics = metrics_in(frame)
    cells = pd.DataFrame([_cells(row, metrics) for row in frame.itertuples()], columns=_HEADINGS)
    return cells.drop(columns=["Note"]) if (cells["Note"] == numbers.ABSENT).all() else cells


def _cells(row: Any, metrics: Metrics) -> dict[str, str]:
    spec = metrics[row.metric]
    decimals = 1 if spec.is_time else spec.decimals
    return {
        "Arm": f"{row.arm}, {row.at}" if row.at else row.arm,
        "Value": f"{spec.axis}{' (s)' if spec.is_time else ''}",
        "Published": f"{spec.scale * row.published:.6g}",
        "Measured": numbers.with_uncertainty(
            row.mean, row.half_width, scale=spec.scale, decimals=decimals, is_share=spec.is_accuracy
        ),
        "n": str(row.n),
        "Single runs": _span(row, spec.scale),
        "Published lies": _position(row, spec.scale, spec.unit),
        "Source": row.source,
        "Note": row.note if isinstance(row.note, str) else numbers.ABSENT,
    }


def _span(row: Any, scale: float) -> str:
    if not numbers.is_present(row.low):
        return numbers.ABSENT
    digits = numbers.decimals_of(scale * (row.high - row.low) / 2) if row.high > row.low else 4
    return f"{scale * row.low:.{digits}f} to {scale * row.high:.{digits}f}"


def _position(row: Any, scale: float, unit: str) -> str:
    if not isinstance(row.position, str):
        return str(row.reason)
    if row.position == "within":
        return "within"
    distance = scale * row.excess
    return f"{distance:.{numbers.decimals_of(distance)}f}{unit} {row.position}"


def caption(facts: Facts, frame: pd.DataFrame) -> str:
    """Return what is compared with what, and how often chance alone puts a value outside."""
    judged = frame["position"].dropna()
    outside = int((judged != "within").sum())
    records = facts.records
    has_several = design_of(records).seeds_a_repeat > 1
    is_joined = has_several and any(counts_searches(records, arm) for arm in frame["arm"].unique())
    within = "; of repeats, the variance of runs within one is added" if is_joined else ""
    counted = counted_in_words(records)
    how = (
        f"Values that others published, each of one run, beside ours of n {counted}: mean "
        "± half-width of the 95 % t-interval. Single runs: where one further run of ours lies with a chance "
        f"of 95 %, mean ± t s sqrt(1 + 1/n) over the n {counted}{within}; a published run "
        "is judged by it, not by the interval of the mean."
    )
    count = (
        f"Of {len(judged)} judged values {outside} lie outside; of equal recipes about one in 20 would, and "
        "the values of one published run fall together."
    )
    declaration = records.declaration
    searched = [
        arm
        for arm, runs in declaration.published.items()
        if declaration.arms[arm].search_runs and not all(run.at for run in runs)
    ]
    other = f"Searched here, so that the recipe is another than the published one: {', '.join(searched)}."
    return " ".join([how, count, *([other] if searched else [])])


PUBLISHED = Block(
    name="published",
    section="glance",
    table=Table(
        title="Published values",
        compute=compute,
        lay_out=lay_out,
        caption=caption,
        is_for=lambda facts: bool(facts.records.declaration.published),
    ),
)
