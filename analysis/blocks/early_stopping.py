"""Would runs that early stopping ended have won?

The figure has one panel an arm. Audited runs stand above the epoch at which they were stopped, at the height
by which they ended better (above the line) or worse than the winner. Distances are small
near the winner and large far from it, hence a scale that is logarithmic in both directions.
"""

import math
from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, SymmetricalLogLocator

from analysis import audit
from analysis.blocks import Block, Plot
from analysis.blocks.early_stopping_audit import AUDIT
from analysis.facts import Facts
from analysis.metrics import Metric
from analysis.noted import metric_in, noted
from analysis.render import numbers
from analysis.render.axes import draw_rail, lost_in_words, mark_rail, panel_grid, ring, write_beside_rail
from analysis.render.figure import INK, MOST_VECTOR_POINTS, RC, ArmStyle, mark_size
from analysis.render.names import name_panel

_LINEAR_DECADES = 2
"""Decades below the largest distance at which the scale becomes linear around the winner."""
_PLACES = (0.0, -0.2, 0.2, -0.1, 0.1, -0.3, 0.3)
"""Where neighbours in rank stand beside each other, in columns, so that they hide no other."""


def compute(facts: Facts) -> pd.DataFrame:
    """Return the rows of `analysis.audit.compute_runs`, of arms with a winner and an audit run with a result.

    Stopped runs that were not audited are among them: they are counted below the axis.
    """
    runs = facts.audited_runs
    is_known = (runs["fate"] == "audited") & runs["full_status"].isin(["completed", "diverged"])
    arms = set(runs.loc[is_known, "arm"]) & set(runs.loc[runs["is_winner"], "arm"])
    return noted(runs[runs["arm"].isin(arms)].reset_index(drop=True), facts.records.metrics)


def draw(frame: pd.DataFrame, styles: dict[str, ArmStyle]) -> Figure:
    """Draw one panel an arm, all with the same stopping epochs and one scale of the distance."""
    arms = list(dict.fromkeys(frame["arm"]))
    metric = metric_in(frame)
    frame = frame.assign(gain=metric.scale * frame["gain"])
    is_image = int(frame["gain"].notna().sum()) > MOST_VECTOR_POINTS
    stops = sorted(set(frame.loc[frame["fate"] != "completed", "search_epochs"]))
    with mpl.rc_context(RC):
        figure, axes = panel_grid(len(arms), columns=min(3, len(arms)), side=3.4, sharey=True)
        _scale(axes[0], frame["gain"], metric)
        for ax, arm in zip(axes, arms, strict=True):
            _draw_arm(ax, frame[frame["arm"] == arm], stops, styles[arm], metric, is_image=is_image)
        figure.supxlabel("stopped after epoch (below: runs audited, of those stopped there)", fontsize=9)
        height = f"final {metric.label},\nbetter (+) or worse than the winner{_in(metric)}"
        figure.supylabel(height, fontsize=9, multialignment="center")
    return figure


def _in(metric: Metric) -> str:
    return f",{metric.unit}" if metric.unit else ""


def _scale(ax: Axes, gains: "pd.Series[float]", metric: Metric) -> None:
    """Make the shared height logarithmic in both directions, with room above the winner's line."""
    largest = float(gains.abs().max())
    decade = math.floor(math.log10(largest)) if largest > 0 else 0
    linear = 10.0 ** (decade - _LINEAR_DECADES)
    region = metric.scale * (metric.equivalence or 0.0)
    ax.set_yscale("symlog", linthresh=linear)
    margin = max(2 * linear, 1.5 * region)
    ax.set_ylim(min(1.8 * gains.min(), -margin), max(1.8 * gains.max(), margin))
    ax.yaxis.set_major_locator(SymmetricalLogLocator(base=10, linthresh=linear))
    ax.yaxis.set_major_formatter(FuncFormatter(_signed))


def _signed(value: float, _position: int | None) -> str:
    return f"{value:+g}".replace("-", "\N{MINUS SIGN}") if value else "winner"


def _draw_arm(
    ax: Axes, frame: pd.DataFrame, stops: Sequence[int], style: ArmStyle, metric: Metric, *, is_image: bool
) -> None:
    name_panel(ax, style.label, pad=20)
    ax.axhline(0, color=INK, linewidth=1.2, zorder=2)
    if metric.equivalence is not None:
        half = metric.scale * metric.equivalence
        ax.axhspan(-half, half, color="#eef2f6", zorder=0)
    labels = []
    for column, stop in enumerate(stops):
        stopped = frame[(frame["fate"] != "completed") & (frame["search_epochs"] == stop)]
        audited = stopped[stopped["fate"] == "audited"]
        _draw_column(ax, audited, column, style, face="white", is_image=is_image)
        labels.append(f"{stop}\n{len(audited)} of {len(stopped)}" if len(stopped) else f"{stop}\nnone")
    completed = frame[frame["fate"] == "completed"]
    _draw_column(ax, completed, len(stops), style, face=style.color, is_image=is_image)
    ax.set_xticks(range(len(stops) + 1), [*labels, f"never\n{len(completed)} runs"])
    ax.set_xlim(-0.5, len(stops) + 0.5)
    ax.grid(visible=False, axis="x")
    _draw_lost(ax, frame[frame["fate"] == "audited"], stops, style)


def _draw_column(
    ax: Axes, runs: pd.DataFrame, column: int, style: ArmStyle, *, face: str, is_image: bool
) -> None:
    """Draw the runs of one stopping epoch from the best down, side by side; ring the winner."""
    runs = runs[runs["gain"].notna()].sort_values(["gain", "run_id"], ascending=False)
    places = column + np.resize(_PLACES, len(runs))
    look: dict[str, Any] = {"marker": style.marker, "edgecolor": style.color, "zorder": 3}
    look |= mark_size(30, len(runs))
    ax.scatter(places, runs["gain"], facecolor=face, rasterized=is_image, **look)
    is_winner = runs["is_winner"].to_numpy()
    ring(ax, places[is_winner], runs["gain"][is_winner])


def _draw_lost(ax: Axes, audited: pd.DataFrame, stops: Sequence[int], style: ArmStyle) -> None:
    """Put audit runs that diverged on the rail."""
    draw_rail(ax)
    diverged = audited[audited["full_status"] == "diverged"]
    for column, stop in enumerate(stops):
        count = int((diverged["search_epochs"] == stop).sum())
        mark_rail(ax, column + np.resize(_PLACES, count), "x", color=style.color)
    write_beside_rail(ax, lost_in_words(len(diverged), int((audited["full_status"] == "failed").sum())))


def caption(facts: Facts, frame: pd.DataFrame) -> str:
    """Return what the marks and the scale mean."""
    if frame.empty:
        return (
            "No drawing of early stopping: in no arm with a winner has an audit run completed or diverged, "
            "so whether stopped runs would have won is not known."
        )
    rule, metric = facts.rule, metric_in(frame)
    is_known = (frame["fate"] == "audited") & (frame["full_status"] != "failed")
    sizes = frame[is_known].groupby("arm", sort=False).size()
    counts = ", ".join(f"{arm} {n}" for arm, n in sizes.items())
    drawn = set(frame["arm"].unique())
    without = [arm for arm in facts.records.arms if arm not in drawn]
    region = (
        f" Shaded: within ±{metric.scale * metric.equivalence:g}{metric.unit} of the winner, where claims "
        "count a difference as too small to matter unless the study says otherwise."
        if metric.equivalence is not None
        else ""
    )
    return (
        f"Would stopped runs have won? Hollow: randomly drawn stopped runs, trained again at full length (n: "
        f"{counts}), above the epoch at which they were stopped; one above the line ended better than the "
        "winner. Filled: the runs that were never stopped; ringed: the winner of each search. Height: the "
        f"final value ({rule.in_words()}) less that of the search's winner, turned so that up is better, on "
        f"a scale that is logarithmic in both directions; a point is one run, so no interval.{region} On the "
        f"rail above: {numbers.TIMES} diverged when trained on. Audit runs that failed are missing, and "
        "search runs that diverged or failed are left out."
        + (f" Not shown, for want of a winner or an audit run: {', '.join(without)}." if without else "")
    )


def alt(frame: pd.DataFrame) -> str:
    """Return for each arm how many audited runs ended better than the winner, and by how much at most."""
    arms = []
    for arm, runs in frame.groupby("arm", sort=False):
        audited = runs[(runs["fate"] == "audited") & (runs["full_status"] != "failed")]
        better = audited[audited["gain"] > 0]["gain"]
        metric = metric_in(frame)
        most = f", by up to {metric.amount(better.max())}{metric.unit}"
        count = f"{len(better)} of {len(audited)} audited runs ended better than the winner"
        arms.append(f"{arm}: {count}{most if len(better) else ''}")
    return (
        f"Final values of stopped runs that were trained again, compared with the winner. {'; '.join(arms)}."
    )


EARLY_STOPPING = Block(
    name="early_stopping",
    section="trust",
    table=AUDIT,
    plot=Plot(
        title="Early stopping",
        compute=compute,
        draw=draw,
        caption=caption,
        alt=alt,
        is_for=lambda facts: audit.is_asked(facts.records),
    ),
)
