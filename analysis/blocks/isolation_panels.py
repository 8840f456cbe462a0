"""The drawing of what a search reached at each value of a setting: one panel an arm and setting."""

from typing import Any

import matplotlib as mpl
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.metrics import Metric
from analysis.noted import metric_in
from analysis.render import numbers
from analysis.render.axes import panel_grid, rate_ticks, ring, set_level_axis, write_above
from analysis.render.figure import FAINT, INK, MOST_VECTOR_POINTS, RC, ArmStyle, literal
from analysis.render.names import name_panel
from analysis.render.svg import name_runs
from harness.study.domains import NumericRange

_HIDDEN_SHARE = 0.1
"""Share of an arm's runs that may lie beyond the panels: a few hopeless ones must not flatten the rest."""
_ASIDE = (0.0, 0.09, -0.09, 0.18, -0.18)


def title_of(field: str, condition: str) -> str:
    """Return a field with the condition under which it was searched, such as `momentum (optimizer sgd)`."""
    return f"{field} ({condition})" if condition else field


def draw(frame: pd.DataFrame, styles: dict[str, ArmStyle]) -> Figure:
    """Draw one panel an arm and setting; the panels of an arm have one scale of the metric."""
    metric = metric_in(frame)
    scaled = {name: frame[name] * metric.scale for name in ("value", "low", "high")}
    panels = list(frame.assign(**scaled).groupby(["arm", "field", "condition"], sort=False))
    columns = min(len(panels), 3 if len(panels) in {5, 6, 9} else 4)
    with mpl.rc_context(RC):
        figure, axes = panel_grid(len(panels), columns=columns, side=2.9)
        for ax, ((arm, _, _), panel) in zip(axes, panels, strict=True):
            everything = pd.concat([other for (owner, _, _), other in panels if owner == arm])
            limits = _limits(everything, metric.sign)
            is_image = len(frame) > MOST_VECTOR_POINTS
            _draw_panel(ax, panel, styles[str(arm)], limits, metric, is_image=is_image)
        figure.supylabel(metric.drawn_axis, fontsize=9)
    return figure


def _limits(frame: pd.DataFrame, sign: int) -> tuple[float, float]:
    """Return the vertical limits of an arm's panels: all but the last tenth of its runs, and the interval."""
    values = frame.loc[frame["kind"] == "run", "value"]
    worst = (  # a run's own value: between two of them, a hopeless one would count in part
        values.quantile(_HIDDEN_SHARE, interpolation="higher")
        if sign > 0
        else values.quantile(1 - _HIDDEN_SHARE, interpolation="lower")
    )
    best = float(values.max() if sign > 0 else values.min())
    ends = [float(worst), best, *frame["low"].dropna(), *frame["high"].dropna()]
    room = 0.08 * (max(ends) - min(ends)) or 0.01 * abs(best) or 1.0
    return min(ends) - room, max(ends) + room


def _draw_panel(
    ax: Axes,
    frame: pd.DataFrame,
    style: ArmStyle,
    limits: tuple[float, float],
    metric: Metric,
    *,
    is_image: bool,
) -> None:
    """Draw one panel: the interval of the confirm runs, every run, and the best of each value on top."""
    first = frame.iloc[0]
    name_panel(ax, style.label, fontsize=8.5, pad=18)
    ax.set_xlabel(literal(title_of(first["field"], first["condition"])))
    for row in frame[frame["kind"] == "confirm"].to_dict("records"):
        if numbers.is_present(row["low"]):
            ax.axhspan(row["low"], row["high"], color="#d5dde5", zorder=0)
        ax.axhline(row["value"], color=INK, linewidth=0.8, zorder=0.5)
    ax.set_xscale("log" if first["scale"] == "log" else "linear")
    _draw_runs(ax, frame, limits, metric, is_image=is_image)
    _draw_bests(ax, frame[frame["kind"] == "best"], style, limits)
    ax.set_ylim(*limits)


def _draw_runs(
    ax: Axes, frame: pd.DataFrame, limits: tuple[float, float], metric: Metric, *, is_image: bool
) -> None:
    """Draw every run as a small circle, those beyond the limits as triangles at the edge of the panel."""
    runs = frame[frame["kind"] == "run"]
    x = runs["x"] + _aside(runs, metric) if frame["scale"].iloc[0] == "listed" else runs["x"]
    is_inside = runs["value"].between(*limits)
    look: dict[str, Any] = {"facecolor": "none", "edgecolor": FAINT, "linewidth": 0.7, "zorder": 2}
    if is_image:  # with a face, though one that cannot be seen, matplotlib draws one mark and copies it
        look |= {"facecolor": (0, 0, 0, 0), "rasterized": True}
    dots = ax.scatter(x[is_inside], runs["value"][is_inside], s=14, **look)
    name_runs(dots, runs["run_id"][is_inside])
    _draw_beyond(ax, x, runs["value"], limits, look)
    winner = runs["is_winner"]
    ring(ax, x[winner], runs["value"][winner], area=110, width=1.2)


def _aside(runs: pd.DataFrame, metric: Metric) -> "pd.Series[float]":
    """Return how far to move runs of one value aside to tell them apart: by rank, never at random."""
    ranks = runs.groupby("x")["value"].rank(method="first", ascending=metric.sign < 0)
    return (ranks - 1).mod(len(_ASIDE)).map(dict(enumerate(_ASIDE)))


def _draw_beyond(
    ax: Axes,
    x: "pd.Series[float]",
    values: "pd.Series[float]",
    limits: tuple[float, float],
    look: dict[str, Any],
) -> None:
    """Draw a triangle at the edge of the panel for each value beyond it."""
    for edge, marker, beyond in ((limits[0], "v", values < limits[0]), (limits[1], "^", values > limits[1])):
        if beyond.any():  # an empty collection outside the panel would count as a point at its corner
            ax.scatter(x[beyond], [edge] * int(beyond.sum()), s=18, marker=marker, clip_on=False, **look)


def _draw_bests(ax: Axes, bests: pd.DataFrame, style: ArmStyle, limits: tuple[float, float]) -> None:
    """Draw the best run of each value or fifth, with a bar across it, and the number of its runs above."""
    is_listed = bests["scale"].iloc[0] == "listed"
    left, right = (bests["x"] - 0.32, bests["x"] + 0.32) if is_listed else (bests["left"], bests["right"])
    is_inside = bests["value"].between(*limits)
    xs, values = bests["x"][is_inside], bests["value"][is_inside]
    ax.hlines(values, left[is_inside], right[is_inside], color=style.color, linewidth=1.6, zorder=3)
    look: dict[str, Any] = {"facecolor": style.color, "edgecolor": style.color, "zorder": 4}
    ax.scatter(xs, values, s=26, marker=style.marker, **look)
    _draw_beyond(ax, bests["x"], bests["value"], limits, look)
    if is_listed:
        set_level_axis(ax, bests)
        ax.set_xlim(-0.5, len(bests) - 0.5)
        centres = bests["x"]
    else:
        is_log = bests["scale"].iloc[0] == "log"
        declared = NumericRange(low=left.iloc[0], high=right.iloc[-1], is_log=is_log)
        ax.set_xlim(declared.at(-0.03), declared.at(1.03))
        if is_log:
            rate_ticks(ax)
        centres = (left * right).pow(0.5) if is_log else (left + right) / 2
    for x, n in zip(centres, bests["n"], strict=True):
        write_above(ax, x, str(n), height=1.02, size=7)
