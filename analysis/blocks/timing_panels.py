"""The drawing of times against batch sizes: one panel a quantity."""

from typing import Any

import matplotlib as mpl
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.render.axes import axis_label, plain_log_ticks, set_level_axis
from analysis.render.figure import RC, ArmStyle, line_styles
from analysis.render.names import height_for_labels, label_ends

QUANTITIES = {
    "epoch_seconds": "seconds per epoch",
    "steps_per_second": "steps per second",
    "samples_per_second": "samples per second",
}
"""What is timed, with its words."""


def draw(frame: pd.DataFrame, styles: dict[str, ArmStyle]) -> Figure:
    """Draw one panel a quantity, all lines in each."""
    looks = line_styles(frame, styles)
    with mpl.rc_context(RC):
        figure = Figure(figsize=(10.8, height_for_labels(len(looks), 3.6)), layout="constrained")
        axes = figure.subplots(1, len(QUANTITIES))
        for ax, (quantity, words) in zip(axes, QUANTITIES.items(), strict=True):
            for line, rows in frame.groupby("line", sort=False):
                _draw_line(ax, rows, quantity, looks[str(line)])
            set_level_axis(ax, frame)
            ax.set_yscale("log")
            plain_log_ticks(ax)
            ax.set_xlabel(axis_label(frame))
            ax.set_ylabel(f"{words} (log scale)")
        last = frame[frame["kind"] == "measured"].groupby("line", sort=False).tail(1).to_dict("records")
        label_ends(axes[-1], {row["line"]: (row["x"], row[quantity]) for row in last}, looks)
    return figure


def _draw_line(ax: Axes, frame: pd.DataFrame, quantity: str, style: ArmStyle) -> None:
    """Draw medians with quartiles, and published values as hollow marks on a thin dotted line."""
    measured, published = (frame[frame["kind"] == kind] for kind in ("measured", "published"))
    middle = measured[quantity]
    reach = [middle - measured[f"{quantity}_low"], measured[f"{quantity}_high"] - middle]
    shared: dict[str, Any] = {"color": style.color, "marker": style.marker}
    bars: dict[str, Any] = {"ecolor": style.color, "elinewidth": 1.2, "capsize": 2.5}
    ax.errorbar(
        measured["x"],
        middle,
        yerr=reach,
        markersize=4.5,
        linestyle=style.line,
        linewidth=1.3,
        **shared,
        **bars,
    )
    known = published[published[quantity].notna()]
    hollow: dict[str, Any] = {"markerfacecolor": "white", "markersize": 5, "linestyle": ":", "linewidth": 0.8}
    if len(known):
        ax.plot(known["x"], known[quantity], zorder=1.5, **shared, **hollow)
