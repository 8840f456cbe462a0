"""Final accuracy: how good is each arm's chosen configuration, and how much do seeds scatter?"""

import math
from collections.abc import Mapping
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis import statistics
from analysis.plots.spec import Plot
from analysis.records import StudyRecords
from analysis.render import numbers
from analysis.render.style import FAINT, INK, MOST_VECTOR_POINTS, RC, ArmStyle

_COLUMNS = {
    "arm": "str",
    "line": "str",
    "run_id": "str",
    "seed": "Int64",
    "status": "str",
    "test_accuracy": "float64",
    "low": "float64",
    "high": "float64",
    "n": "int64",
}


def compute_accuracy(records: StudyRecords) -> pd.DataFrame:
    """Return one row a confirm seed, and one row an arm with its mean and interval.

    Returns: Columns `arm, line, run_id, seed, status, test_accuracy, low, high, n`. `line` is `seed` or
        `mean`. The mean of an arm with a diverged seed is absent. Accuracies are in [0, 1].
    """
    confirm = records.runs_of("confirm")
    rows: list[dict[str, object]] = []
    for arm in records.arms:
        runs = confirm[confirm["arm"] == arm]
        shown = ["arm", "run_id", "seed", "status", "test_accuracy"]
        rows += [
            dict(zip(shown, row, strict=True), line="seed", n=1)
            for row in runs[shown].itertuples(index=False)
        ]
        completed = runs.loc[runs["status"] == "completed", "test_accuracy"].dropna()
        if len(runs):
            is_void = bool((runs["status"] == "diverged").any())
            interval = statistics.t_interval([] if is_void else list(completed))
            ends = {
                "test_accuracy": interval.mean,
                "low": interval.low,
                "high": interval.high,
                "n": len(completed),
            }
            rows.append({"arm": arm, "line": "mean", "run_id": "", "status": "", **ends})
    return pd.DataFrame(rows, columns=list(_COLUMNS)).astype(_COLUMNS)


def draw_accuracy(frame: pd.DataFrame, styles: dict[str, ArmStyle]) -> Figure:
    """Draw one row an arm: its seeds as dots, its mean and interval below them."""
    arms = list(dict.fromkeys(frame["arm"]))
    with mpl.rc_context(RC):
        figure = Figure(figsize=(7.2, 0.9 + 0.62 * len(arms)), layout="constrained")
        ax = figure.subplots()
        for height, arm in enumerate(arms):
            _draw_arm(ax, frame[frame["arm"] == arm], styles[arm], height)
        if frame["test_accuracy"].isna().all():
            ax.set_xlim(0, 100)
        ax.set_yticks(range(len(arms)), [styles[arm].label for arm in arms])
        ax.set_ylim(len(arms) - 0.5, -0.5)
        ax.tick_params(axis="y", length=0)
        ax.grid(visible=False, axis="y")
        ax.set_xlabel("test accuracy (%)")
    return figure


def _draw_arm(ax: Axes, rows: pd.DataFrame, style: ArmStyle, height: float) -> None:
    """Draw an arm's seeds at `height`, its mean and interval a little below, and both as text beside them."""
    seeds = list(100 * rows.loc[rows["line"] == "seed", "test_accuracy"].dropna())
    mean = rows[rows["line"] == "mean"].to_dict("records")[0]
    heights = [height - offset for offset in _offsets(seeds)]
    look: dict[str, Any] = {"color": style.color, "alpha": 0.75, "markersize": 5, "markeredgewidth": 0}
    ax.plot(seeds, heights, style.marker, rasterized=len(seeds) > MOST_VECTOR_POINTS, **look)
    if numbers.is_present(mean["low"]):
        below = height + 0.2
        ax.plot([100 * mean["low"], 100 * mean["high"]], [below, below], color=INK, linewidth=1.6)
        ax.plot(100 * mean["test_accuracy"], below, "|", color=INK, markersize=10, markeredgewidth=2)
    place: dict[str, Any] = {"xycoords": ("axes fraction", "data"), "va": "center"}
    ax.annotate(_remark(rows, mean), (1.02, height), fontsize=8, color=FAINT, **place)


def _offsets(values: list[float]) -> list[float]:
    """Return how far to lift each dot so that neighbours do not hide each other: by rank, never at random."""
    ranks = np.argsort(np.argsort(values, kind="stable"), kind="stable")
    return [0.09 * (int(rank) % 3) for rank in ranks]


def _remark(rows: pd.DataFrame, mean: Mapping[Any, Any]) -> str:
    """Return what stands beside an arm: its mean and n, or why there is no mean."""
    diverged = int((rows["status"] == "diverged").sum())
    if diverged:
        return f"{diverged} of {(rows['line'] == 'seed').sum()} seeds diverged: no mean"
    return f"{_amount(mean)}, n = {mean['n']}"


def _amount(mean: Mapping[Any, Any]) -> str:
    half_width = mean["high"] - mean["test_accuracy"]
    return numbers.with_uncertainty(mean["test_accuracy"], half_width, scale=100, decimals=2)


def caption_accuracy(records: StudyRecords, frame: pd.DataFrame) -> str:
    """Return what the dots and bars are, and the noise that they do not show."""
    if frame.empty:
        if not records.has_confirm:
            return "No final accuracies: the study has no confirm phase, and no other run sees the test set."
        return "No final accuracies: no confirm run has ended."
    error = sampling_error(records, float(frame["test_accuracy"].mean()))
    noise = (
        f" The same test images serve every run; others would move all arms by a standard error of "
        f"{100 * error:.2f} points, which the bars leave out."
        if error
        else ""
    )
    chosen = "chosen " if records.has_search else ""
    return (
        f"Test accuracy of each arm's {chosen}configuration. Dots: every confirm seed, lifted only to be "
        "seen. Bar: mean and 95 % Student t-interval over the n seeds named at the right (n = 1: no "
        f"bar).{noise}"
    )


def sampling_error(records: StudyRecords, accuracy: float) -> float | None:
    """Return the standard error of an accuracy due to the finite test set; None where its size is unknown.

    Source: the binomial distribution; Jordan (2023), Calibrated chaos, arXiv:2304.01910, on why it is the
    larger part of the variance between runs.
    """
    samples = records.manifest.dataset.get("test_samples")
    if not isinstance(samples, int) or samples < 1 or not 0 <= accuracy <= 1:
        return None
    return math.sqrt(accuracy * (1 - accuracy) / samples)


def alt_accuracy(frame: pd.DataFrame) -> str:
    """Return each arm's mean and interval."""
    means = frame[frame["line"] == "mean"].to_dict("records")
    said = [f"{row['arm']} {_amount(row)} (n = {row['n']})" for row in means]
    return f"Test accuracy in percent, every seed, mean and interval of each arm: {'; '.join(said)}."


FINAL_ACCURACY = Plot(
    title="Final accuracy",
    section="results",
    compute=compute_accuracy,
    draw=draw_accuracy,
    caption=caption_accuracy,
    alt=alt_accuracy,
)
