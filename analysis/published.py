"""Published values beside what was measured: does a published run lie where our own single runs lie?

A published value is one run. It is judged by the interval in which one further run of ours would lie, not by
the interval of our mean, which most single runs miss.
"""

from collections.abc import Mapping
from typing import Any, Literal

import pandas as pd

from analysis import selection, statistics
from analysis.records import StudyRecords
from analysis.render import numbers

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


def compute_published(records: StudyRecords) -> pd.DataFrame:
    """Return one row a published value, in the order of the study file.

    Returns: Columns `arm, source, at, metric, published, n, mean, half_width, low, high, position, excess,
        reason, note`. `mean` and `half_width`: ours, with its 95 % t-interval over n seeds. `low`, `high`:
        where one further run of ours lies with a chance of 95 %. `position` is `within`, `above` or `below`,
        or absent for the `reason` given; `excess` is how far beyond the nearer end the published value lies.
    """
    rows = [
        _row(records, arm, run, metric)
        for arm, published in records.manifest.published.items()
        for run in published
        for metric in run["values"]
    ]
    return pd.DataFrame(rows, columns=list(_COLUMNS)).astype(_COLUMNS)


def _row(records: StudyRecords, arm: str, run: Mapping[str, Any], metric: str) -> dict[str, object]:
    at, value = run.get("at") or {}, float(run["values"][metric])
    runs = selection.runs_of_one_configuration(records, arm, at)
    has_diverged = bool((runs["status"] == "diverged").any())
    measured = [] if has_diverged else list(runs.loc[runs["status"] == "completed", metric].dropna())
    interval = statistics.t_interval(measured)
    ends = statistics.prediction_interval(measured)
    reason = _reason(metric, len(measured), has_diverged=has_diverged)
    position, excess = (None, None) if ends is None or reason else _position(value, *ends)
    notes = [run.get("note"), (run.get("notes") or {}).get(metric)]
    return {
        "arm": arm,
        "source": run["source"],
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


def _position(value: float, low: float, high: float) -> tuple[Position, float]:
    """Return where a value lies to an interval, and how far beyond its nearer end."""
    if value > high:
        return "above", value - high
    if value < low:
        return "below", low - value
    return "within", 0.0
