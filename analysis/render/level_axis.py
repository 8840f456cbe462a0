"""The horizontal axis of a setting: its scale, and ticks at the values that were measured."""

import math
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import NullLocator

from analysis.render.style import literal

_MOST_LABELS = 7
"""With more values than that only every second, third ... is labelled; each keeps its tick."""
_LONG_LABELS = 24
"""Names with more letters than that in all are written aslant."""


def set_level_axis(ax: Axes, frame: pd.DataFrame) -> None:
    """Set scale, limits and ticks for the values in a frame, after everything is drawn.

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
    texts = [str(level) for level in ticks["level"]]
    step = 1 if scale == "listed" else math.ceil(len(texts) / _MOST_LABELS)
    shown = [literal(text) if position % step == 0 else "" for position, text in enumerate(texts)]
    is_aslant = scale == "listed" and sum(len(text) for text in texts) > _LONG_LABELS
    aslant: dict[str, Any] = {"rotation": 30, "ha": "right"} if is_aslant else {}
    ax.set_xticks(list(ticks["x"]), shown, **aslant)
    ax.xaxis.set_minor_locator(NullLocator())


def axis_label(frame: pd.DataFrame) -> str:
    """Return what stands below the axis: the setting, and that its scale is logarithmic."""
    scale = " (log scale)" if frame["scale"].iloc[0] in {"log", "log2", "symlog"} else ""
    return f"{frame['field'].iloc[0]}{scale}"
