"""The drawing of learning curves: one panel a part of the data and clock."""

from itertools import pairwise
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from analysis.metrics import Metric, Metrics
from analysis.noted import metrics_in
from analysis.render.axes import fits_log_scale, plain_log_ticks
from analysis.render.figure import MOST_VECTOR_POINTS, RC, ArmStyle
from analysis.render.names import height_for_labels, label_ends
from analysis.render.svg import name_runs

SPLITS = {"val": "Validation", "train": "Training"}

_CLOCKS = {"epoch": "epoch", "seconds": "training seconds"}

COMPARABLE = "seconds are comparable"
"""Noted on a frame; runs that shared the machine have seconds that compare with nothing."""


def draw(frame: pd.DataFrame, styles: dict[str, ArmStyle], quantity: str | None) -> Figure:
    """Draw validation and training against epochs, validation against seconds where these are comparable."""
    metric, splits = shown_metric(frame, quantity), splits_in(frame)
    values = ["value", "low", "high"]
    frame = frame.assign(**{name: metric.scale * frame[name] for name in values})
    panels = [(split, "epoch") for split in splits]
    is_log = quantity == "loss" and fits_log_scale(frame["value"])
    panels += [(next(iter(splits)), "seconds")] if frame.attrs.get(COMPARABLE, True) else []
    with mpl.rc_context(RC):
        height = height_for_labels(frame["arm"].nunique(), 3.3)
        width = 0.6 + {1: 5.2, 2: 4.5}.get(len(panels), 3.6) * len(panels)
        figure = Figure(figsize=(width, height), layout="constrained")
        axes = figure.subplots(1, len(panels), squeeze=False)[0]
        for ax, (split, clock) in zip(axes, panels, strict=True):
            _draw_panel(ax, frame[frame["split"] == split], clock, styles)
            ax.set_title(f"{splits[split]} {metric.short}")
            ax.set_xlabel(_clock_in_words(clock, metrics_in(frame)))
            ax.xaxis.set_major_locator(MaxNLocator(6, integer=True))
            if is_log:
                ax.set_yscale("log")
                plain_log_ticks(ax)
        axes[0].set_ylabel("loss (log scale)" if is_log else metric.drawn_axis.partition(" ")[2])
        for ax, (split, clock) in zip(axes, panels, strict=True):
            label_ends(ax, _ends(frame[frame["split"] == split], clock), styles)
    return figure


def _clock_in_words(clock: str, metrics: Metrics) -> str:
    """Return the label of an axis of epochs or seconds."""
    excluded = "" if metrics.of_program or clock == "epoch" else " (evaluation excluded)"
    return f"{_CLOCKS[clock]}{excluded}"


def shown_metric(frame: pd.DataFrame, quantity: str | None) -> Metric:
    """Return the metric that a frame's panels show; without a quantity the study's first."""
    metrics = metrics_in(frame)
    return metrics[f"val_{quantity or metrics.names[0]}"]


def splits_in(frame: pd.DataFrame) -> dict[str, str]:
    """Return the parts of the data that are drawn, with their names."""
    return {split: name for split, name in SPLITS.items() if split in set(frame["split"])}


def _draw_panel(ax: Axes, frame: pd.DataFrame, clock: str, styles: dict[str, ArmStyle]) -> None:
    seeds, means = frame[frame["line"] == "seed"], frame[frame["line"] == "mean"]
    thin: dict[str, Any] = {"linewidth": 0.6, "alpha": 0.4}
    thin["rasterized"] = len(seeds) > MOST_VECTOR_POINTS
    finite = seeds[seeds["value"].notna() & seeds[clock].notna()]
    names = ("arm", clock, "value", "run_id")
    arms, xs, ys, run_ids = (finite[name].to_numpy() for name in names)
    for rows in _rows_of_runs(finite["run_id"]):
        (curve,) = ax.plot(xs[rows], ys[rows], color=styles[str(arms[rows.start])].color, **thin)
        name_runs(curve, [str(run_ids[rows.start])])
    for arm, line in means.groupby("arm", sort=False):
        style = styles[str(arm)]
        ax.fill_between(line[clock], line["low"], line["high"], color=style.color, alpha=0.25, linewidth=0)
        ax.plot(line[clock], line["value"], color=style.color, linestyle=style.line, linewidth=1.8)
        ax.plot(
            line[clock].iloc[-1:],
            line["value"].iloc[-1:],
            color=style.color,
            marker=style.marker,
            markersize=5,
        )
    diverged = seeds[(seeds["status"] == "diverged") & seeds["value"].notna()].groupby("run_id").tail(1)
    for arm, points in diverged.groupby("arm", sort=False):
        ax.plot(
            points[clock], points["value"], "x", color=styles[str(arm)].color, markersize=6, clip_on=False
        )


def _rows_of_runs(run_ids: "pd.Series[str]") -> list[slice]:
    """Return where each run's rows stand, which are together."""
    ids = run_ids.to_numpy()
    starts = [0, *(np.flatnonzero(ids[1:] != ids[:-1]) + 1), len(ids)] if len(ids) else []
    return [slice(start, end) for start, end in pairwise(starts)]


def _ends(frame: pd.DataFrame, clock: str) -> dict[str, tuple[float, float]]:
    """Return the last drawn point of each arm: of its mean, else of its last seed line."""
    ends: dict[str, tuple[float, float]] = {}
    finite = frame[frame["value"].notna()]
    for line in ("seed", "mean"):
        for arm, points in finite[finite["line"] == line].groupby("arm", sort=False):
            last = points.sort_values("epoch").iloc[-1]
            ends[str(arm)] = (float(last[clock]), float(last["value"]))
    return ends
