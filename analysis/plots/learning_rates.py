"""The learning-rate plot: is each arm's best rate inside its range, and what surrounds it?

One panel an arm, every search run of it: nothing that was tried is left out because it failed.
"""

import math
from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.transforms import blended_transform_factory

from analysis import responses, selection
from analysis.plots.spec import Plot
from analysis.records import StudyRecords
from analysis.render import numbers
from analysis.render.axes import plain_log_ticks
from analysis.render.style import FAINT, INK, MOST_VECTOR_POINTS, RC, ArmStyle, mark_size
from analysis.winner_rule import WinnerRule

_RAIL = 1.045
"""Height of the rail for runs without a finite value, in axes fractions."""


def compute_rates(records: StudyRecords) -> pd.DataFrame:
    """Return one row a search run, of arms whose learning rate was searched.

    Returns: Columns `arm, run_id, seed, learning_rate, status, epochs, metric, value, place, is_best, edge,
        low, high, is_log`. `value` is the search metric in the run's row, absent where not finite.
        `place` says how the run is drawn: `filled` (full length), `hollow` (stopped), `rail` (diverged,
        failed or without a finite value). `low` and `high` bound the declared range.
    """
    metric = str(records.manifest.search.get("metric", "val_loss"))
    chosen = selection.choices(records)
    ranged = [arm for arm, choice in chosen.items() if choice.learning_rate_range is not None]
    runs = records.runs_of("search")
    if "config.lr" not in runs:
        runs = runs.assign(**{"config.lr": float("nan")})
    shown = runs["arm"].isin(ranged) & runs["config.lr"].notna()
    runs = runs.loc[shown, ["arm", "run_id", "seed", "config.lr", "status", "epochs", metric]]
    arms = runs["arm"]
    is_best = runs["run_id"] == arms.map({arm: chosen[arm].run_id for arm in ranged})
    return pd.DataFrame(
        {
            **{name: runs[name] for name in ("arm", "run_id", "seed")},
            "learning_rate": runs["config.lr"],
            "status": runs["status"],
            "epochs": runs["epochs"],
            "metric": metric,
            "value": runs[metric].mask(runs["status"] == "diverged"),
            "place": _places(runs["status"], runs[metric]),
            "is_best": is_best,
            "edge": arms.map({arm: chosen[arm].edge for arm in ranged}).where(is_best),
            **{end: arms.map(values) for end, values in _bounds(chosen, ranged).items()},
        }
    ).reset_index(drop=True)


def _places(statuses: pd.Series, values: pd.Series) -> list[str]:
    is_lost = statuses.isin(["diverged", "failed"]) | values.isna()
    return list(np.select([is_lost, statuses == "stopped"], ["rail", "hollow"], default="filled"))


def _bounds(chosen: dict[str, selection.Choice], arms: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Return, for each property of the declared range, its value by arm."""
    ranges = {arm: chosen[arm].learning_rate_range for arm in arms}
    return {
        name: {arm: getattr(declared, name) for arm, declared in ranges.items()}
        for name in ("low", "high", "is_log", "is_listed")
    }


def draw_rates(frame: pd.DataFrame, styles: dict[str, ArmStyle]) -> Figure:
    """Draw one panel an arm, all with one scale of the metric."""
    arms = list(dict.fromkeys(frame["arm"]))
    metric = str(frame["metric"].iloc[0])
    columns = min(3, len(arms))
    rows = math.ceil(len(arms) / columns)
    with mpl.rc_context(RC):
        figure = Figure(figsize=(max(4.8, 3.4 * columns), 3.4 * rows), layout="constrained")
        axes = figure.subplots(rows, columns, sharey=True, squeeze=False)
        for ax, arm in zip(axes.flat, arms, strict=False):
            _draw_arm(ax, frame[frame["arm"] == arm], styles[arm], is_image=len(frame) > MOST_VECTOR_POINTS)
        for ax in axes.flat[len(arms) :]:
            ax.set_visible(False)
        is_log = "loss" in metric and bool(frame["value"].gt(0).any())
        if is_log:
            axes[0, 0].set_yscale("log")
            plain_log_ticks(axes[0, 0])
        elif frame["value"].isna().all():
            axes[0, 0].set_yticks([])
        for row in axes:
            row[0].set_ylabel(metric.replace("val_", "validation ") + (" (log scale)" if is_log else ""))
        figure.supxlabel("learning rate", fontsize=9)
    return figure


def _draw_arm(ax: Axes, frame: pd.DataFrame, style: ArmStyle, *, is_image: bool) -> None:
    ax.set_title(style.label, pad=20)
    _draw_range(ax, frame)
    for place, face in (("hollow", "white"), ("filled", style.color)):
        shown = frame[frame["place"] == place]
        look: dict[str, Any] = {
            "marker": style.marker,
            "facecolor": face,
            "edgecolor": style.color,
            **mark_size(30, len(frame)),
            "zorder": 3,
        }
        ax.scatter(shown["learning_rate"], shown["value"], rasterized=is_image, **look)
    best = frame[frame["is_best"]]
    ax.scatter(
        best["learning_rate"], best["value"], s=150, facecolor="none", edgecolor=INK, linewidth=1.3, zorder=4
    )
    _draw_rail(ax, frame[frame["place"] == "rail"], style, is_image=is_image)


def _draw_range(ax: Axes, frame: pd.DataFrame) -> None:
    """Shade the declared range and, darker, the zones in which a best rate counts as being at the edge."""
    row = frame.iloc[0]
    declared = selection.Range(
        low=row["low"], high=row["high"], is_log=row["is_log"], is_listed=row["is_listed"]
    )
    ax.axvspan(declared.low, declared.high, color="#eef2f6", zorder=0)
    ax.set_xscale("log" if declared.is_log else "linear")
    if declared.low == declared.high:
        return
    if not declared.is_listed:
        share = selection.EDGE_SHARE
        ax.axvspan(declared.low, declared.at(share), color="#d5dde5", zorder=0.5)
        ax.axvspan(declared.at(1 - share), declared.high, color="#d5dde5", zorder=0.5)
    ax.set_xlim(declared.at(-0.06), declared.at(1.06))


def _draw_rail(ax: Axes, frame: pd.DataFrame, style: ArmStyle, *, is_image: bool) -> None:
    """Put runs without a finite value on a line above the panel: a cross diverged, a plus failed."""
    above = blended_transform_factory(ax.transData, ax.transAxes)
    ax.plot([0, 1], [_RAIL, _RAIL], color=FAINT, linewidth=0.6, transform=ax.transAxes, clip_on=False)
    for is_failed, marker in ((False, "x"), (True, "+")):
        shown = frame[(frame["status"] == "failed") == is_failed]
        look: dict[str, Any] = {
            "color": style.color,
            "markersize": 6,
            "markeredgewidth": 1.6,
            "linestyle": "none",
            "rasterized": is_image,
            "zorder": 3 if is_image else 5,  # images drawn one after the other become one
        }
        rates = list(shown["learning_rate"])
        if not rates:  # an empty line outside the panel would count as a point at the figure's corner
            continue
        ax.plot(rates, [_RAIL] * len(rates), marker=marker, transform=above, clip_on=False, **look)
    failed = int((frame["status"] == "failed").sum())
    said = f"{len(frame) - failed} diverged" + (f", {failed} failed" if failed else "")
    ax.text(1, _RAIL + 0.03, said, transform=ax.transAxes, ha="right", va="bottom", fontsize=7.5, color=FAINT)


def caption_rates(records: StudyRecords, frame: pd.DataFrame) -> str:
    """Return what the marks mean."""
    if frame.empty:
        return "No learning-rate plot: no arm searched its learning rate, or no such run has ended."
    shown = set(frame["arm"].unique())
    fixed = [arm for arm in records.arms if arm not in shown]
    without = f" Not shown, because fixed or not yet run: {', '.join(fixed)}." if fixed else ""
    rule = WinnerRule.of(records.manifest)
    by = f" by {rule.in_words()}" if rule.average_epochs > 1 or rule.seeds > 1 else ""
    return (
        f"Every search run, one panel an arm: {len(frame)} runs, each at its {rule.epoch_in_words()} (a "
        "point is one run, so no interval). Filled: trained to full length; hollow: stopped early, so at "
        f"fewer epochs than the others; on the rail above: {numbers.TIMES} diverged, + failed. Ringed: the "
        f"run that was chosen{by}. Light: the declared range; dark: its outer 5 % on either side, where a "
        f"best rate counts as being at the edge.{without}"
    )


def alt_rates(frame: pd.DataFrame) -> str:
    """Return the chosen rate of each arm, where it lies, and how many runs are on the rail."""
    said = []
    for arm, runs in frame.groupby("arm", sort=False):
        best = runs[runs["is_best"]]
        chosen = (
            f"chosen rate {numbers.rate(best['learning_rate'].iloc[0])}" if len(best) else "no rate chosen"
        )
        at_edge = f" at the {best['edge'].iloc[0]} edge" if best["edge"].notna().any() else ""
        rail = int((runs["place"] == "rail").sum())
        said.append(f"{arm}: {len(runs)} runs, {chosen}{at_edge}, {rail} without a finite value")
    return f"Validation result against learning rate for every search run. {'; '.join(said)}."


def is_apart(records: StudyRecords) -> bool:
    """Return whether this shows more than the response does, which has each point of a grid over rates."""
    ranged = {arm for arm, choice in selection.choices(records).items() if choice.learning_rate_range}
    lines = [line for line in responses.lines(records) if line.field == "lr"]
    return not ranged or bool(ranged - {point.arm for line in lines for point in line.points})


LEARNING_RATES = Plot(
    title="Learning rates",
    section="trust",
    compute=compute_rates,
    draw=draw_rates,
    caption=caption_rates,
    alt=alt_rates,
    is_for=is_apart,
)
