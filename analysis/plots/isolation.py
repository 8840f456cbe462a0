"""Isolation: what did an arm's search reach at each value of a setting, whatever the other settings were?"""

import math
from typing import Any

import matplotlib as mpl
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.transforms import blended_transform_factory

from analysis import isolation, selection
from analysis.claims.metrics import METRICS
from analysis.plots.spec import Plot
from analysis.records import StudyRecords
from analysis.render import numbers
from analysis.render.axes import set_level_axis
from analysis.render.style import FAINT, INK, MOST_VECTOR_POINTS, RC, ArmStyle, literal
from analysis.winner_rule import WinnerRule

_HIDDEN_SHARE = 0.1
"""Share of an arm's runs that may lie beyond the panels: a few hopeless ones must not flatten the rest."""
_ASIDE = (0.0, 0.09, -0.09, 0.18, -0.18)
_BAND = "#d5dde5"
_PANEL = ["arm", "field", "condition"]


def draw_isolation(frame: pd.DataFrame, styles: dict[str, ArmStyle]) -> Figure:
    """Draw one panel an arm and setting; the panels of an arm have one scale of the metric."""
    metric = METRICS[str(frame["metric"].iloc[0])]
    scaled = {name: frame[name] * metric.scale for name in ("value", "low", "high")}
    panels = list(frame.assign(**scaled).groupby(_PANEL, sort=False))
    columns = min(len(panels), 3 if len(panels) in {5, 6, 9} else 4)
    rows = math.ceil(len(panels) / columns)
    with mpl.rc_context(RC):
        figure = Figure(figsize=(max(4.8, 2.9 * columns), 2.9 * rows), layout="constrained")
        axes = figure.subplots(rows, columns, squeeze=False)
        for ax, ((arm, _, _), panel) in zip(axes.flat, panels, strict=False):
            everything = pd.concat([other for (owner, _, _), other in panels if owner == arm])
            limits = _limits(everything, metric.sign)
            _draw_panel(ax, panel, styles[str(arm)], limits, is_image=len(frame) > MOST_VECTOR_POINTS)
        for ax in axes.flat[len(panels) :]:
            ax.set_visible(False)
        unit = " (%)" if metric.unit else ""
        figure.supylabel(f"{metric.label}{unit}", fontsize=9)
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
    ax: Axes, frame: pd.DataFrame, style: ArmStyle, limits: tuple[float, float], *, is_image: bool
) -> None:
    """Draw one panel: the interval of the confirm runs, every run, and the best of each value on top."""
    first = frame.iloc[0]
    ax.set_title(style.label, fontsize=8.5, pad=18)
    ax.set_xlabel(literal(isolation.title(first["field"], first["condition"])))
    for row in frame[frame["kind"] == "confirm"].to_dict("records"):
        ax.axhspan(row["low"], row["high"], color=_BAND, zorder=0) if numbers.is_present(row["low"]) else None
        ax.axhline(row["value"], color=INK, linewidth=0.8, zorder=0.5)
    ax.set_xscale("log" if first["scale"] == "log" else "linear")
    _draw_runs(ax, frame, limits, is_image=is_image)
    _draw_bests(ax, frame[frame["kind"] == "best"], style, limits)
    ax.set_ylim(*limits)


def _title(frame: pd.DataFrame) -> str:
    first = frame.iloc[0]
    return f"{first['arm']}: {isolation.title(first['field'], first['condition'])}"


def _draw_runs(ax: Axes, frame: pd.DataFrame, limits: tuple[float, float], *, is_image: bool) -> None:
    """Draw every run as a small circle, those beyond the limits as triangles at the edge of the panel."""
    runs = frame[frame["kind"] == "run"]
    x = runs["x"] + _aside(runs) if frame["scale"].iloc[0] == "listed" else runs["x"]
    inside = runs["value"].between(*limits)
    look: dict[str, Any] = {"facecolor": "none", "edgecolor": FAINT, "linewidth": 0.7, "zorder": 2}
    if is_image:  # with a face, though one that cannot be seen, matplotlib draws one mark and copies it
        look |= {"facecolor": (0, 0, 0, 0), "rasterized": True}
    ax.scatter(x[inside], runs["value"][inside], s=14, **look)
    _draw_beyond(ax, x, runs["value"], limits, look)
    winner = runs["is_winner"]
    ring: dict[str, Any] = {"facecolor": "none", "edgecolor": INK, "linewidth": 1.2, "zorder": 5}
    ax.scatter(x[winner], runs["value"][winner], s=110, **ring)


def _aside(runs: pd.DataFrame) -> "pd.Series[float]":
    """Return how far to move runs of one value aside to tell them apart: by rank, never at random."""
    is_more_better = METRICS[str(runs["metric"].iloc[0])].sign > 0
    ranks = runs.groupby("x")["value"].rank(method="first", ascending=not is_more_better)
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
    seen = bests["value"].between(*limits)
    ax.hlines(bests["value"][seen], left[seen], right[seen], color=style.color, linewidth=1.6, zorder=3)
    look: dict[str, Any] = {"facecolor": style.color, "edgecolor": style.color, "zorder": 4}
    ax.scatter(bests["x"][seen], bests["value"][seen], s=26, marker=style.marker, **look)
    _draw_beyond(ax, bests["x"], bests["value"], limits, look)
    if is_listed:
        set_level_axis(ax, bests)
        ax.set_xlim(-0.5, len(bests) - 0.5)
        centres = bests["x"]
    else:
        is_log = bests["scale"].iloc[0] == "log"
        declared = selection.Range(low=left.iloc[0], high=right.iloc[-1], is_log=is_log)
        ax.set_xlim(declared.at(-0.03), declared.at(1.03))
        centres = (left * right).pow(0.5) if is_log else (left + right) / 2
    above = blended_transform_factory(ax.transData, ax.transAxes)
    for x, n in zip(centres, bests["n"], strict=True):
        ax.text(x, 1.02, str(n), transform=above, ha="center", fontsize=7, color=FAINT)


def caption_isolation(records: StudyRecords, frame: pd.DataFrame) -> str:
    """Return what the marks are, over which runs, and which settings have none or are not drawn."""
    if frame.empty:
        return "Nothing is shown: no search run has reached full length."
    rule = WinnerRule.of(records.manifest)
    most = "highest" if rule.sign > 0 else "lowest"
    how = (
        f"Each panel: one searched setting and all completed search runs of the arm ({rule.in_words()}; "
        "stopped runs are shorter and left out). Circles: single runs, moved aside only to be seen; "
        f"triangles at an edge: runs beyond it. Filled, with a bar: the {most} of the runs at each value of "
        "the setting, or in each fifth of its declared range, and above it their number. All other settings "
        "vary along with the one shown, and more runs alone move a bar: a panel suggests, it proves nothing. "
        "Ringed: the run that was chosen."
    )
    return " ".join([how, *_confirmed(frame), *_missing(records)])


def _confirmed(frame: pd.DataFrame) -> list[str]:
    rows = frame[frame["kind"] == "confirm"].drop_duplicates("arm")
    if rows.empty:
        return []
    sizes = sorted(set(rows["n"]))
    n = f"n = {sizes[0]}" + (f" to {sizes[-1]}" if len(sizes) > 1 else "")
    void = list(rows.loc[rows["value"].isna(), "arm"])
    lost = f" Without it, because a seed diverged or none completed: {', '.join(void)}." if void else ""
    how = "mean and 95 % Student t-interval of the chosen configuration over fresh seeds"
    return [f"Line and band: {how} ({n}; one seed: no band).{lost}"]


def _missing(records: StudyRecords) -> list[str]:
    panels = isolation.panels(records)
    shown = [panel for panel in panels if len(panel.runs)]
    empty = [panel.name for panel in panels if panel.runs.empty]
    said = [f"Without a completed run: {', '.join(empty)}."] if empty else []
    left_out = len(shown) - isolation.MOST_PANELS
    return said + ([f"{left_out} more settings are not drawn."] if left_out > 0 else [])


def alt_isolation(frame: pd.DataFrame) -> str:
    """Return what was reached at each value of each setting."""
    bests = frame[(frame["kind"] == "best") & (frame["n"] > 0)]
    said = [
        f"{_title(rows)}: {', '.join(_reached(row) for row in rows.to_dict('records'))}"
        for _, rows in bests.groupby(_PANEL, sort=False)
    ]
    return f"What search runs of full length reached at each value of each setting. {'; '.join(said)}."


def _reached(row: dict[Any, Any]) -> str:
    metric = METRICS[row["metric"]]
    decimals = 2 if metric.unit else 4
    value = numbers.with_uncertainty(row["value"], None, scale=metric.scale, decimals=decimals)
    return f"{row['level']} {value}{' %' if metric.unit else ''}"


ISOLATION = Plot(
    title="What each setting reached",
    section="results",
    compute=isolation.compute_isolation,
    draw=draw_isolation,
    caption=caption_isolation,
    alt=alt_isolation,
    is_for=isolation.has_isolation,
)
