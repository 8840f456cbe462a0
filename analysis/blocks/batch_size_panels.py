"""The drawing of what batch sizes cost and reach: one panel a quantity, all lines in each."""

from typing import Any

import matplotlib as mpl
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from matplotlib.transforms import blended_transform_factory

from analysis.batch_sizes import way_of
from analysis.metrics import Metrics
from analysis.noted import metrics_in
from analysis.render.axes import RAIL, axis_label, mark_rail, plain_log_ticks, set_level_axis
from analysis.render.figure import FAINT, INK, RC, ArmStyle, line_styles
from analysis.render.names import height_for_labels, label_ends

_RAIL_STEP = 0.055
"""By how much the rail of each further line lies higher."""

_LOG = {"steps_per_epoch", "learning_rate", "steps_to"}

SINGLE = ("steps_per_epoch", "learning_rate")
"""What each batch size has once, whatever the seed."""


def panels_of(metrics: Metrics) -> dict[str, str]:
    """Return the quantities drawn, with the labels of their axes."""
    return {
        "steps_per_epoch": "steps per epoch",
        **{metric.name: metric.axis for metric in (way_of(metrics), metrics.headline)},
        "learning_rate": "learning rate",
        "epochs_to": "epochs to the target",
        "steps_to": "steps to the target",
    }


def draw(frame: pd.DataFrame, styles: dict[str, ArmStyle]) -> Figure:
    """Draw one panel a quantity, all lines in each, moved aside a little so that they can be told apart."""
    looks = line_styles(frame, styles)
    ranks = frame["line"].map({name: rank for rank, name in enumerate(looks)})
    aside = (2 ** (0.16 * (ranks - (len(looks) - 1) / 2))).mask(frame["quantity"].isin(SINGLE), 1.0)
    metrics = metrics_in(frame)
    panels = panels_of(metrics)
    shown = {name: metrics[name].scale for name in panels if name in metrics and not metrics[name].is_time}
    factor = frame["quantity"].map(shown).fillna(1.0)
    scaled = {name: factor * frame[name] for name in ("value", "low", "high")}
    frame = frame.assign(**scaled, at=aside * frame["x"], rail=RAIL + _RAIL_STEP * ranks)
    with mpl.rc_context(RC):
        figure = Figure(figsize=(10.8, height_for_labels(len(looks), 6.4, rows=2)), layout="constrained")
        axes = figure.subplots(2, 3)
        for ax, (quantity, words) in zip(axes.flat, panels.items(), strict=False):
            panel = frame[frame["quantity"] == quantity]
            for name, rows in panel.groupby("line", sort=False):
                _draw_line(ax, rows, looks[str(name)])
            _set_axes(ax, panel, words)
        for ax, quantity in ((axes[0, -1], metrics.headline.name), (axes[1, -1], "steps_to")):
            means = frame[(frame["quantity"] == quantity) & (frame["kind"] == "mean")].dropna(subset="value")
            last = means.groupby("line", sort=False).tail(1).to_dict("records")
            label_ends(ax, {row["line"]: (row["at"], row["value"]) for row in last}, looks)
    return figure


def _draw_line(ax: Axes, rows: pd.DataFrame, style: ArmStyle) -> None:
    """Draw every seed, the means with their intervals, and on a rail the runs without a value."""
    means, seeds = (rows[rows["kind"] == kind] for kind in ("mean", "seed"))
    lost = seeds[seeds["value"].isna()]
    reach = [means["value"] - means["low"], means["high"] - means["value"]]
    bars: dict[str, Any] = {"ecolor": INK, "elinewidth": 1.2, "capsize": 2.5, "zorder": 2.5}
    ax.errorbar(
        means["at"],
        means["value"],
        yerr=reach,
        color=style.color,
        linestyle=style.line,
        linewidth=1.3,
        **bars,
    )
    ax.scatter(
        seeds["at"], seeds["value"], s=14, alpha=0.55, linewidth=0, color=style.color, marker=style.marker
    )
    is_open = means["x"].isin(lost["x"]) | ((means["quantity"] == "learning_rate") & ~means["is_tuned"])
    for hollow, face in ((True, "white"), (False, style.color)):
        shown = means[is_open == hollow]
        look: dict[str, Any] = {"marker": style.marker, "facecolor": face, "edgecolor": style.color}
        ax.scatter(shown["at"], shown["value"], s=32, zorder=3, **look)
    for row in means[(means["quantity"] == "learning_rate") & (means["edge"] != "")].to_dict("records"):
        arrow = "↑" if row["edge"] == "upper" else "↓"
        ax.annotate(arrow, (row["at"], row["value"]), (5, 0), textcoords="offset points", va="center")
    _draw_rail(ax, lost, style)


def _draw_rail(ax: Axes, lost: pd.DataFrame, style: ArmStyle) -> None:
    """Put runs without a value above the panel, each line at a height of its own, with their number."""
    above = blended_transform_factory(ax.transData, ax.transAxes)
    beside: dict[str, Any] = {"textcoords": "offset points", "va": "center", "fontsize": 6.5, "color": FAINT}
    counts = lost.groupby("x")["x"].transform("size")
    for row in lost.assign(count=counts).drop_duplicates("x").to_dict("records"):
        look: dict[str, Any] = {"color": style.color, "markersize": 5, "markeredgewidth": 1.0, "zorder": 2}
        mark_rail(ax, [row["at"]], "x", row["rail"], **look)
        ax.annotate(str(row["count"]), (row["at"], row["rail"]), (5, 0), xycoords=above, **beside)


def _set_axes(ax: Axes, panel: pd.DataFrame, words: str) -> None:
    """Set scales, limits, ticks and labels of one panel, after everything is drawn."""
    values = panel["value"].dropna()
    set_level_axis(ax, panel)
    ax.set_xlabel(axis_label(panel))
    is_log = panel["quantity"].iloc[0] in _LOG and len(values) > 0
    ax.set_ylabel(f"{words} (log scale)" if is_log else words)
    if is_log:
        ax.set_yscale("log")
        plain_log_ticks(ax)
    elif values.empty:
        ax.set_yticks([])
    elif panel["quantity"].iloc[0] == "epochs_to":
        ax.set_ylim(0, 1.08 * max([*values, *panel["high"].dropna()]))
        ax.yaxis.set_major_locator(MaxNLocator(6, integer=True))
