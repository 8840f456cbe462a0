"""What figures share: panels, scales and ticks, the rail above a panel, and marks moved apart."""

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator
from matplotlib.transforms import blended_transform_factory

from analysis.render.figure import FAINT, INK, literal, short_names
from analysis.render.numbers import rate

_MOST_LABELS = 7
"""With more values than that only every second, third ... is labelled; each keeps its tick."""
_LONGEST_LEVEL = 30
"""Letters of a value below an axis; the middle of longer ones is left out."""
_LONG_LABELS = 24
"""Names with more letters than that in all are written aslant."""
_LEAST_ROW = 0.32
"""Inches that dots, a bar and a name of two lines need."""
_FEW_ROWS = 8
_SHORT_AXIS = 60
"""Factor from one end of a logarithmic axis to the other, below which its decades alone say too little."""
RAIL = 1.045
"""Height of the rail above a panel, in axes fractions."""


def panel_grid(count: int, *, columns: int, side: float, sharey: bool = False) -> tuple[Figure, list[Axes]]:
    """Return a figure with a number of panels, row by row.

    Args:
        count: Of panels.
        columns: Of panels beside each other; the last row may have fewer.
        side: Of a panel with its labels, in inches.
        sharey: Whether all panels have one vertical scale.
    """
    rows = math.ceil(count / columns)
    figure = Figure(figsize=(max(4.8, side * columns), side * rows), layout="constrained")
    axes = list(figure.subplots(rows, columns, sharey=sharey, squeeze=False).flat)
    for ax in axes[count:]:
        ax.set_visible(False)
    return figure, axes[:count]


def ring(ax: Axes, xs: Any, ys: Any, *, area: float = 150, width: float = 1.3) -> None:
    """Draw a ring around each chosen point, of an area in square points and a line's width in points."""
    ax.scatter(xs, ys, s=area, facecolor="none", edgecolor=INK, linewidth=width, zorder=5)


def set_level_axis(ax: Axes, frame: pd.DataFrame) -> None:
    """Set scale, limits and ticks of the values of a setting, after everything is drawn.

    Args:
        ax: One panel.
        frame: Columns `x`, `level` (its text) and `scale` as `analysis.responses.compute_means` returns.
    """
    scale = frame["scale"].iloc[0]
    positive = frame.loc[frame["x"] > 0, "x"]
    ax.margins(x=0.07)
    match scale:
        case "log2":
            ax.set_xscale("log", base=2)
        case "log":
            ax.set_xscale("log")
        case "symlog":
            ax.set_xscale("symlog", linthresh=float(positive.min()))
        case _:
            pass
    ticks = frame.drop_duplicates("x").sort_values("x")
    short = short_names([str(level) for level in ticks["level"]], _LONGEST_LEVEL)
    texts = [short[str(level)] for level in ticks["level"]]
    step = 1 if scale == "listed" else math.ceil(len(texts) / _MOST_LABELS)
    labels = [literal(text) if position % step == 0 else "" for position, text in enumerate(texts)]
    is_aslant = scale == "listed" and sum(len(text) for text in texts) > _LONG_LABELS
    aslant: dict[str, Any] = {"rotation": 30, "ha": "right"} if is_aslant else {}
    ax.set_xticks(list(ticks["x"]), labels, **aslant)
    ax.xaxis.set_minor_locator(NullLocator())


def axis_label(frame: pd.DataFrame) -> str:
    """Return what stands below the axis: the setting, and that its scale is logarithmic."""
    scale = " (log scale)" if frame["scale"].iloc[0] in {"log", "log2", "symlog"} else ""
    return f"{frame['field'].iloc[0]}{scale}"


def fits_log_scale(values: "pd.Series[float]") -> bool:
    """Return whether a logarithmic axis would show all values: there are some, and all are above 0.

    Losses of one's own may be at or below it, and there the best would be the first to be left out.
    """
    return bool(values.min() > 0)


def plain_log_ticks(ax: Axes) -> None:
    """Label a logarithmic y axis with plain numbers: round ones below a decade, powers of ten above three.

    Args:
        ax: Its limits must be final.
    """
    low, high = ax.get_ylim()
    if high < 10 * low:
        ax.yaxis.set_major_locator(MaxNLocator(6))
        ax.yaxis.set_minor_locator(NullLocator())
    elif high < 1000 * low:
        ax.yaxis.set_minor_formatter(FuncFormatter(_two_three_five))
    ax.yaxis.set_major_formatter(FuncFormatter(_plain))


def rate_ticks(ax: Axes) -> None:
    """Label a logarithmic x axis as tables write rates: decades, of a short axis 2 and 5 too.

    Args:
        ax: Its limits must be final.
    """
    low, high = ax.get_xlim()
    ax.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if high < _SHORT_AXIS * low else (1,)))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: rate(value)))
    ax.xaxis.set_minor_locator(NullLocator())


def _plain(value: float, _position: int | None) -> str:
    return f"{value:g}"


def _two_three_five(value: float, _position: int | None) -> str:
    return f"{value:g}" if f"{value:e}"[0] in "235" else ""


def limits(
    values: "pd.Series[float]", bars: "pd.Series[float]", *, reach: float, room: float = 0.07
) -> tuple[float, float]:
    """Return limits of an axis with all values inside, and the ends of bars as far as that is no waste.

    With two or three seeds an interval can be a hundred times as wide as the seeds lie apart.

    Args:
        values: At least one.
        bars: Their ends.
        reach: How far the axis may extend for bars, as a share of the values' span, on either side.
        room: Beyond the last mark on either side, as a share of the axis.
    """
    low, high = float(values.min()), float(values.max())
    span = high - low or 0.1 * abs(high) or 1.0
    ends = bars.clip(low - reach * span, high + reach * span)
    low, high = min([low, *ends]), max([high, *ends])
    margin = room * (high - low or span)
    return low - margin, high + margin


def draw_rail(ax: Axes) -> None:
    """Draw the line above a panel on which runs without a finite value stand."""
    ax.plot([0, 1], [RAIL, RAIL], color=FAINT, linewidth=0.6, transform=ax.transAxes, clip_on=False)


def mark_rail(ax: Axes, places: Iterable[float], marker: str, height: float = RAIL, **look: Any) -> None:
    """Put marks on the rail.

    Args:
        ax: One panel.
        places: Of the marks along the horizontal axis, in its unit; there may be none.
        marker: A cross for runs that diverged, a plus for those that failed.
        height: In axes fractions.
        look: How the marks differ from the usual size and width; their colour.
    """
    xs = list(places)
    if not xs:  # an empty line outside the panel would count as a point at the figure's corner
        return
    above = blended_transform_factory(ax.transData, ax.transAxes)
    usual: dict[str, Any] = {"markersize": 6, "markeredgewidth": 1.6, "linestyle": "none", "zorder": 5}
    ax.plot(xs, [height] * len(xs), marker=marker, transform=above, clip_on=False, **usual | look)


def write_above(ax: Axes, x: float, text: str, *, height: float = RAIL + 0.03, size: float = 6.5) -> None:
    """Write faint text above a panel, centred at a place of its horizontal axis."""
    above = blended_transform_factory(ax.transData, ax.transAxes)
    ax.text(x, height, text, transform=above, ha="center", fontsize=size, color=FAINT)


def write_beside_rail(ax: Axes, text: str) -> None:
    """Write at the right end of the rail, above it, what stands on it."""
    ax.text(1, RAIL + 0.03, text, transform=ax.transAxes, ha="right", va="bottom", fontsize=7.5, color=FAINT)


def lost_in_words(diverged: int, failed: int) -> str:
    """Return how many runs stand on a rail, such as `3 diverged, 1 failed`."""
    return f"{diverged} diverged" + (f", {failed} failed" if failed else "")


def lifts(values: Sequence[float] | npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    """Return by how many steps (0, 1 or 2) to lift each dot of a row, so that neighbours stay apart.

    By rank, never at random. Shape (n,), as the values.
    """
    ranks = np.argsort(np.argsort(values, kind="stable"), kind="stable")
    return ranks % 3


def row_height(count: int, usual: float) -> float:
    """Return the height in inches of each of so many rows below each other: many stand closer.

    Args:
        count: Of rows.
        usual: The height where there are few.
    """
    return max(_LEAST_ROW, min(usual, usual * _FEW_ROWS / max(1, count)))
