"""The drawing of responses: one row of panels a line, one column a metric."""

import math
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.noted import metric_in, metrics_in
from analysis.render.axes import (
    RAIL,
    axis_label,
    draw_rail,
    fits_log_scale,
    limits,
    mark_rail,
    plain_log_ticks,
    set_level_axis,
    write_above,
)
from analysis.render.figure import (
    FAINT,
    INK,
    MOST_VECTOR_POINTS,
    RC,
    ArmStyle,
    line_styles,
    literal,
    mark_size,
)
from analysis.render.svg import name_runs

_DECADE = 10
"""Losses that span such a factor or more are shown on a logarithmic scale."""


def draw(frame: pd.DataFrame, styles: dict[str, ArmStyle]) -> Figure:
    """Draw one row of panels a line and one column a metric."""
    lines, metrics = (list(dict.fromkeys(frame[name])) for name in ("line", "metric"))
    factors = {metric: metrics_in(frame)[metric].scale for metric in metrics}
    values = frame[["value", "low", "high"]].mul(frame["metric"].map(factors), axis=0)
    frame = frame.assign(**values)
    labels = {line: style.label for line, style in line_styles(frame, styles).items()}
    width = 3.4 if len(metrics) < 4 else 3.0
    with mpl.rc_context(RC):
        figure = Figure(figsize=(width * len(metrics), 2.85 * len(lines)), layout="constrained")
        axes = figure.subplots(len(lines), len(metrics), squeeze=False)
        for row, line in zip(axes, lines, strict=True):
            row[0].set_title(labels[line], pad=35)
            for ax, metric in zip(row, metrics, strict=True):
                panel = frame[(frame["line"] == line) & (frame["metric"] == metric)]
                ax.set_visible(len(panel) > 0)
                if len(panel):
                    _draw_panel(ax, panel, styles, is_image=len(frame) > MOST_VECTOR_POINTS)
        for column, metric in zip(axes.T, metrics, strict=True):
            _set_heights(list(column), lines, frame[frame["metric"] == metric])
    return figure


def _draw_panel(ax: Axes, frame: pd.DataFrame, styles: dict[str, ArmStyle], *, is_image: bool) -> None:
    import seaborn as sns  # it takes as long as all other imports of a report: only studies of settings wait

    means, published = (frame[frame["kind"] == kind] for kind in ("mean", "published"))
    arms = list(dict.fromkeys(means["arm"]))
    color = styles[arms[0]].color if len(arms) == 1 else FAINT
    reach = [means["value"] - means["low"], means["high"] - means["value"]]
    bars: dict[str, Any] = {"ecolor": mpl.colors.to_rgba(color, 0.28), "elinewidth": 5}
    ax.errorbar(means["x"], means["value"], yerr=reach, color=color, linewidth=1.3, zorder=2.5, **bars)
    for arm, seeds in frame[(frame["kind"] == "seed") & (frame["place"] == "panel")].groupby("arm"):
        look: dict[str, Any] = {"color": styles[str(arm)].color, "marker": styles[str(arm)].marker}
        look |= {"edgecolor": look["color"]}  # which seaborn would make white
        look |= mark_size(13, len(seeds)) | {"linewidth": 0, "zorder": 3, "rasterized": is_image}
        sns.scatterplot(x=seeds["x"].to_numpy(), y=seeds["value"].to_numpy(), ax=ax, **look)
        name_runs(ax.collections[-1], seeds["run_id"])
    ax.plot(means["x"], means["value"], "_", color=INK, markersize=7, markeredgewidth=1.2, zorder=3.5)
    best = means[means["is_best"] & ~means["is_guessing"]]
    ax.scatter(best["x"], best["value"], s=110, facecolor="none", edgecolor=INK, linewidth=1.3, zorder=5)
    ax.plot(
        published["x"],
        published["value"],
        "D",
        markersize=4.5,
        markerfacecolor="none",
        markeredgecolor=INK,
        markeredgewidth=0.9,
        zorder=4,
    )
    _draw_rail(ax, frame, styles)
    set_level_axis(ax, frame)
    ax.set_xlabel(axis_label(frame))


def _draw_rail(ax: Axes, frame: pd.DataFrame, styles: dict[str, ArmStyle]) -> None:
    """Put runs without a finite value on a line above the panel, with their number; name the best mean."""
    draw_rail(ax)
    for _, runs in frame[frame["place"] == "rail"].groupby(["x", "arm"], sort=False):
        color = styles[str(runs["arm"].iloc[0])].color
        look: dict[str, Any] = {"color": color, "markersize": 5, "markeredgewidth": 1.4}
        for status, alike in runs.groupby("status"):
            mark_rail(ax, alike["x"], "+" if status == "failed" else "x", **look)
        write_above(ax, float(runs["x"].iloc[0]), str(len(runs)))
    best = literal(best_in_words(frame))
    ax.text(1, RAIL + 0.11, best, transform=ax.transAxes, ha="right", fontsize=7.5, color=INK)


def best_in_words(frame: pd.DataFrame) -> str:
    """Return the best mean of a panel and where it is; nothing where no two means are known.

    Where no run learned anything, it says so.
    """
    if frame["is_guessing"].any():
        return "no run is better than guessing"
    best = frame[frame["is_best"]]
    if best.empty:
        return ""
    where = " and ".join(best["level"]) if len(best) < 3 else f"{len(best)} values"
    metric = metric_in(best)
    unit = f" {metric.value_unit}" if metric.value_unit else ""
    return f"best mean {best['value'].iloc[0]:.4g}{unit} at {where}"


def _set_heights(column: list[Axes], lines: list[str], frame: pd.DataFrame) -> None:
    """Set the vertical scales of one metric: one scale where the lines' values overlap, else one each."""
    panels = [frame[frame["line"] == line] for line in lines]
    spans = [(panel["value"].min(), panel["value"].max()) for panel in panels if panel["value"].notna().any()]
    is_shared = len(spans) > 0 and max(low for low, _ in spans) <= min(high for _, high in spans)
    for ax, panel in zip(column, panels, strict=True):
        _set_height(ax, frame if is_shared else panel)


def _set_height(ax: Axes, frame: pd.DataFrame) -> None:
    """Set one panel's vertical scale and limits for the values in a frame."""
    values = frame["value"].dropna()
    metric = metric_in(frame) if len(frame) else None
    is_share = metric is not None and metric.is_accuracy
    is_loss = metric is not None and metric.short == "loss"
    is_log = is_loss and fits_log_scale(values) and _DECADE * values.min() <= values.max()
    ax.set_ylabel(f"{metric.axis}{' (log scale)' if is_log else ''}" if metric else "")
    if values.empty:
        ax.set_yticks([])
        return
    least = 0.0 if (is_share or is_loss) and values.min() >= 0 else -math.inf
    most = 100.0 if is_share and values.max() <= 100 else math.inf
    ends = pd.concat([frame["low"], frame["high"]]).dropna().clip(least, most)
    if is_log:
        ax.set_yscale("log")
        low, high = limits(np.log10(values), np.log10(ends.clip(lower=values.min() * 1e-9)), reach=0.5)
        ax.set_ylim(10**low, 10**high)
        plain_log_ticks(ax)
    else:
        low, high = limits(values, ends, reach=0.5)
        # An axis does not show what no value can be, unless a mark stands at that end.
        low, high = (
            low if values.min() <= least else max(low, least),
            high if values.max() >= most else min(high, most),
        )
        ax.set_ylim(low, high)
