"""Timing: what does a batch size cost, in seconds an epoch, steps a second and samples a second?"""

from typing import Any

import matplotlib as mpl
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis import timing
from analysis.plots.spec import Plot
from analysis.records import StudyRecords
from analysis.render import numbers
from analysis.render.axes import axis_label, label_ends, plain_log_ticks, set_level_axis
from analysis.render.style import RC, ArmStyle, line_styles


def draw_timing(frame: pd.DataFrame, styles: dict[str, ArmStyle]) -> Figure:
    """Draw one panel a quantity, all lines in each."""
    looks = line_styles(frame, styles)
    with mpl.rc_context(RC):
        figure = Figure(figsize=(10.8, 3.6), layout="constrained")
        axes = figure.subplots(1, len(timing.QUANTITIES))
        for ax, (quantity, words) in zip(axes, timing.QUANTITIES.items(), strict=True):
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


def caption_timing(records: StudyRecords, frame: pd.DataFrame) -> str:
    """Return what was timed, over which epochs, and what the bars are."""
    said = timing.caption(records, frame)
    if frame.empty:
        return said
    sources = list(dict.fromkeys(frame.loc[frame["kind"] == "published", "source"]))
    published = (
        f" Hollow, on dotted lines: published seconds of an epoch, on another machine ({'; '.join(sources)})."
        if sources
        else ""
    )
    return f"{said} Marks: medians; bars: quartiles.{published}"


def alt_timing(frame: pd.DataFrame) -> str:
    """Return each line's seconds an epoch at its smallest and its largest batch."""
    said = []
    for line, rows in frame[frame["kind"] == "measured"].groupby("line", sort=False):
        ends = [
            f"{numbers.rate(row['epoch_seconds'])} s at {row['level']}"
            for row in rows.iloc[[0, -1]].to_dict("records")
        ]
        said.append(f"{line} {' and '.join(dict.fromkeys(ends))}")
    return f"Time of an epoch, steps and samples a second against the batch size. {'; '.join(said)}."


TIMING = Plot(
    title="Time against batch size",
    section="results",
    compute=timing.compute_timing,
    draw=draw_timing,
    caption=caption_timing,
    alt=alt_timing,
    is_for=timing.is_timed,
)
