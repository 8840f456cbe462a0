"""Early stopping: where would the runs it ended have ended, compared with the winner?

One panel an arm. Audited runs stand above the epoch at which they were stopped, at the height by which they
ended better or worse than the winner; those above the line would have won. Distances are small near the
winner and large far from it, hence a scale that is logarithmic in both directions.
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
from matplotlib.transforms import blended_transform_factory

from analysis import audit, claims
from analysis.plots.spec import Plot
from analysis.records import StudyRecords
from analysis.render import numbers
from analysis.render.style import FAINT, INK, MOST_VECTOR_POINTS, RC, ArmStyle, mark_size
from analysis.tables.early_stopping import amount
from analysis.winner_rule import WinnerRule

_RAIL = 1.045
"""Height of the rail for audit runs that diverged, in axes fractions."""
_LINEAR_DECADES = 2
"""Decades below the largest distance at which the scale becomes linear around the winner."""
_PLACES = (0.0, -0.2, 0.2, -0.1, 0.1, -0.3, 0.3)
"""Where neighbours in rank stand beside each other, in columns, so that they hide no other."""


def compute_stopping(records: StudyRecords) -> pd.DataFrame:
    """Return the rows of `analysis.audit.compute_runs`, of arms with a winner and an audit run with a result.

    Stopped runs that were not audited are among them: they are counted below the axis.
    """
    runs = audit.compute_runs(records)
    is_known = (runs["fate"] == "audited") & runs["full_status"].isin(["completed", "diverged"])
    shown = set(runs.loc[is_known, "arm"]) & set(runs.loc[runs["is_winner"], "arm"])
    return runs[runs["arm"].isin(shown)].reset_index(drop=True)


def draw_stopping(frame: pd.DataFrame, styles: dict[str, ArmStyle]) -> Figure:
    """Draw one panel an arm, all with the same stopping epochs and one scale of the distance."""
    arms = list(dict.fromkeys(frame["arm"]))
    metric = claims.METRICS[str(frame["metric"].iloc[0])]
    frame = frame.assign(gain=metric.scale * frame["gain"])
    is_image = int(frame["gain"].notna().sum()) > MOST_VECTOR_POINTS
    stops = sorted(set(frame.loc[frame["fate"] != "completed", "search_epochs"]))
    columns = min(3, len(arms))
    rows = math.ceil(len(arms) / columns)
    with mpl.rc_context(RC):
        figure = Figure(figsize=(max(4.8, 3.4 * columns), 3.4 * rows), layout="constrained")
        axes = figure.subplots(rows, columns, sharey=True, squeeze=False)
        _scale(axes[0, 0], frame["gain"], metric)
        for ax, arm in zip(axes.flat, arms, strict=False):
            _draw_arm(ax, frame[frame["arm"] == arm], stops, styles[arm], is_image=is_image)
        for ax in axes.flat[len(arms) :]:
            ax.set_visible(False)
        figure.supxlabel("stopped after epoch (below: runs audited, of those stopped there)", fontsize=9)
        height = f"final {metric.label},\nbetter (+) or worse than the winner{_in(metric)}"
        figure.supylabel(height, fontsize=9, multialignment="center")
    return figure


def _in(metric: claims.Metric) -> str:
    return f",{metric.unit}" if metric.unit else ""


def _scale(ax: Axes, gains: "pd.Series[float]", metric: claims.Metric) -> None:
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
    ax: Axes, frame: pd.DataFrame, stops: Sequence[int], style: ArmStyle, *, is_image: bool
) -> None:
    ax.set_title(style.label, pad=20)
    ax.axhline(0, color=INK, linewidth=1.2, zorder=2)
    metric = claims.METRICS[str(frame["metric"].iloc[0])]
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
    _draw_rail(ax, frame[frame["fate"] == "audited"], stops, style)


def _draw_column(
    ax: Axes, runs: pd.DataFrame, column: int, style: ArmStyle, *, face: str, is_image: bool
) -> None:
    """Draw the runs of one stopping epoch from the best down, side by side; ring the winner."""
    runs = runs[runs["gain"].notna()].sort_values(["gain", "run_id"], ascending=False)
    places = column + np.resize(_PLACES, len(runs))
    look: dict[str, Any] = {"marker": style.marker, "edgecolor": style.color, "zorder": 3}
    look |= mark_size(30, len(runs))
    ax.scatter(places, runs["gain"], facecolor=face, rasterized=is_image, **look)
    won = runs["is_winner"].to_numpy()
    ax.scatter(
        places[won], runs["gain"][won], s=150, facecolor="none", edgecolor=INK, linewidth=1.3, zorder=4
    )


def _draw_rail(ax: Axes, audited: pd.DataFrame, stops: Sequence[int], style: ArmStyle) -> None:
    """Put audit runs that diverged on a line above the panel."""
    above = blended_transform_factory(ax.transData, ax.transAxes)
    ax.plot([0, 1], [_RAIL, _RAIL], color=FAINT, linewidth=0.6, transform=ax.transAxes, clip_on=False)
    diverged = audited[audited["full_status"] == "diverged"]
    for column, stop in enumerate(stops):
        count = int((diverged["search_epochs"] == stop).sum())
        places = column + np.resize(_PLACES, count)
        look: dict[str, Any] = {
            "color": style.color,
            "markersize": 6,
            "markeredgewidth": 1.6,
            "linestyle": "none",
        }
        if count:  # an empty line outside the panel would count as a point at the figure's corner
            ax.plot(places, [_RAIL] * count, "x", transform=above, clip_on=False, zorder=5, **look)
    failed = int((audited["full_status"] == "failed").sum())
    said = f"{len(diverged)} diverged" + (f", {failed} failed" if failed else "")
    ax.text(1, _RAIL + 0.03, said, transform=ax.transAxes, ha="right", va="bottom", fontsize=7.5, color=FAINT)


def caption_stopping(records: StudyRecords, frame: pd.DataFrame) -> str:
    """Return what the marks and the scale mean."""
    if frame.empty:
        return (
            "No drawing of early stopping: in no arm with a winner has an audit run completed or diverged, "
            "so whether stopped runs would have won is not known."
        )
    rule, metric = WinnerRule.of(records.manifest), claims.METRICS[str(frame["metric"].iloc[0])]
    is_known = (frame["fate"] == "audited") & (frame["full_status"] != "failed")
    sizes = frame[is_known].groupby("arm", sort=False).size()
    counts = ", ".join(f"{arm} {n}" for arm, n in sizes.items())
    shown = set(frame["arm"].unique())
    without = [arm for arm in records.arms if arm not in shown]
    region = (
        f" Shaded: within ±{metric.scale * metric.equivalence:g}{metric.unit} of the winner, where claims "
        "count a difference as too small to matter unless the study says otherwise."
        if metric.equivalence is not None
        else ""
    )
    return (
        f"Would stopped runs have won? Hollow: randomly drawn stopped runs, trained again at full length (n: "
        f"{counts}), above the epoch at which they were stopped; one above the line ended better than the "
        "winner. Filled: the runs that were never stopped; ringed: the winner. Height: the final value "
        f"({rule.in_words()}) less the winner's, turned so that up is better, on a scale that is logarithmic "
        f"in both directions; a point is one run, so no interval.{region} On the rail above: {numbers.TIMES} "
        f"diverged when trained on. Audit runs that failed are missing, and search runs that diverged or "
        "failed are left out."
        + (f" Not shown, for want of a winner or an audit run: {', '.join(without)}." if without else "")
    )


def alt_stopping(frame: pd.DataFrame) -> str:
    """Return for each arm how many audited runs would have won, and by how much at most."""
    said = []
    for arm, runs in frame.groupby("arm", sort=False):
        audited = runs[(runs["fate"] == "audited") & (runs["full_status"] != "failed")]
        better = audited[audited["gain"] > 0]["gain"]
        metric = str(runs["metric"].iloc[0])
        most = f", by up to {amount(metric, float(better.max()))}{claims.METRICS[metric].unit}"
        found = f"{len(better)} of {len(audited)} audited runs ended better than the winner"
        said.append(f"{arm}: {found}{most if len(better) else ''}")
    return (
        f"Final values of stopped runs that were trained again, compared with the winner. {'; '.join(said)}."
    )


EARLY_STOPPING = Plot(
    title="Early stopping",
    section="trust",
    compute=compute_stopping,
    draw=draw_stopping,
    caption=caption_stopping,
    alt=alt_stopping,
    is_for=audit.is_asked,
)
