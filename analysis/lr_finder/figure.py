"""The finder's figure: loss against a rising learning rate, one panel an arm, with what diverged."""

import math
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import LogLocator, NullLocator
from matplotlib.transforms import blended_transform_factory

from analysis.lr_finder.suggestions import (
    RULE_NAMES,
    RULES,
    RULES_IN_WORDS,
    SHAPES,
    diverged_in_words,
    not_turned_in_words,
    rate_range,
)
from analysis.render import numbers
from analysis.render.axes import (
    RAIL,
    draw_rail,
    fits_log_scale,
    limits,
    mark_rail,
    plain_log_ticks,
    write_beside_rail,
)
from analysis.render.figure import INK, RC, ArmStyle, RenderedFigure, arm_styles, as_csv
from analysis.render.names import name_panel
from harness.records.range_test import RangeTests

_LINEAR_SPAN = 10
"""Smoothed losses that span less than such a factor are shown on a linear scale."""
_LOOKS: dict[str, dict[str, Any]] = {
    "minimum_tenth": {"marker": "s", "markersize": 7, "linestyle": (0, (1, 1))},
    "valley": {"marker": "o", "markersize": 5.5, "linestyle": "-"},
    "steepest_descent": {"marker": "v", "markersize": 4, "linestyle": (0, (5, 1.5))},
}
"""Marker of a seed's suggestion and line of the median, by rule; smaller ones on top, so none is hidden."""
_MARK: dict[str, Any] = {"markerfacecolor": "white", "markeredgecolor": INK, "markeredgewidth": 0.9}
_SHADE = "#e6ecf2"
_DRAWN = ["arm", "seed", "kind", "lr", "value", "place", "low", "high", "shape"]


def compute_figure(tests: RangeTests, suggestions: pd.DataFrame) -> pd.DataFrame:
    """Return everything drawn.

    Args:
        tests: The range tests.
        suggestions: One row a test, as `compute_suggestions` returns.

    Returns: Columns `arm, seed, kind, lr, value, place, low, high, shape`. `kind` is `raw` or `smoothed` (a
        step's loss, in nats), `diverged` (the end of a test; no value), a rule (a seed's suggestion; its
        value is the smoothed loss there, absent below the first rate) or `rule median` (no seed, no value).
        `place` is `rail` for what is drawn above the panels: where a test diverged, and raw losses above
        every smoothed one. `low` and `high` bound the declared learning rates of the arm. `shape` is that of
        the test, as `suggestions.SHAPES`; absent for medians.
    """
    curves = tests.curves[~tests.curves["diverged"]]
    raw = curves[["arm", "seed", "lr"]].assign(kind="raw", value=curves["loss"])
    smoothed = curves[["arm", "seed", "lr"]].assign(kind="smoothed", value=curves["smoothed_loss"])
    lost = tests.curves[tests.curves["diverged"]]
    ends = lost[["arm", "seed", "lr"]].assign(kind="diverged", value=math.nan)
    frame = pd.concat([raw, smoothed, ends, _marks(tests, suggestions)], ignore_index=True)
    is_above = (frame["kind"] == "raw") & (frame["value"] > _ceiling(frame))
    frame["place"] = np.where(is_above | (frame["kind"] == "diverged"), "rail", "panel")
    ranges = {name: rate_range(arm) for name, arm in tests.settings.arms.items()}
    frame["low"] = [r.low if (r := ranges[arm]) else math.nan for arm in frame["arm"]]
    frame["high"] = [r.high if (r := ranges[arm]) else math.nan for arm in frame["arm"]]
    frame = frame.merge(suggestions[["arm", "seed", "shape"]].astype({"seed": "Int64"}), how="left")
    order = {name: position for position, name in enumerate(ranges)}
    return frame.sort_values("arm", key=lambda arms: arms.map(order), kind="stable", ignore_index=True)[
        _DRAWN
    ]


def _marks(tests: RangeTests, suggestions: pd.DataFrame) -> pd.DataFrame:
    """Return the suggestions: one a seed and rule with its place on the curve, and the medians."""
    curves = dict(iter(tests.curves.groupby(["arm", "seed"], sort=False)))
    rows: list[dict[str, Any]] = []
    for row in suggestions.to_dict("records"):
        curve = curves[row["arm"], row["seed"]]
        for rule in RULES:
            if numbers.is_present(row[rule]):
                log_rates, losses = np.log(curve["lr"]), curve["smoothed_loss"]
                height = np.interp(math.log(row[rule]), log_rates, losses, left=math.nan)
                mark = {"arm": row["arm"], "seed": row["seed"], "kind": rule, "lr": row[rule]}
                rows.append({**mark, "value": float(height)})
    for arm, own in suggestions.groupby("arm", sort=False):
        medians = own[list(RULES)].median().dropna()
        rows += [{"arm": arm, "kind": f"{rule} median", "lr": rate} for rule, rate in medians.items()]
    return pd.DataFrame(rows, columns=["arm", "seed", "kind", "lr", "value"]).astype({"seed": "Int64"})


def _ceiling(frame: pd.DataFrame) -> float:
    """Return the highest smoothed loss of all panels."""
    return float(frame.loc[frame["kind"] == "smoothed", "value"].max())


def draw_figure(frame: pd.DataFrame, styles: dict[str, ArmStyle], low: float, high: float) -> Figure:
    """Draw one panel an arm, all with the same scales.

    Args:
        frame: As `compute_figure` returns.
        styles: Look of every arm.
        low: The first rate tried.
        high: The last.
    """
    arms = list(dict.fromkeys(frame["arm"]))
    columns = min(3, len(arms))
    rows = math.ceil(len(arms) / columns)
    with mpl.rc_context(RC):
        figure = Figure(figsize=(max(5.6, 3.4 * columns), 3.3 * rows + 0.5), layout="constrained")
        axes = figure.subplots(rows, columns, sharey=True, sharex=True, squeeze=False)
        for ax, arm in zip(axes.flat, arms, strict=False):
            _draw_arm(ax, frame[frame["arm"] == arm], styles[arm], high)
        for ax in axes.flat[len(arms) :]:
            ax.set_visible(False)
        scale = _set_scales(axes[0, 0], frame, low, high)
        for row in axes:
            row[0].set_ylabel(f"training loss{scale}")
        for ax in axes.flat[max(0, len(arms) - columns) : len(arms)]:
            ax.set_xlabel("learning rate")
            ax.tick_params(labelbottom=True)
        figure.legend(handles=_legend(frame), loc="outside lower center", ncols=4, frameon=False, fontsize=8)
    return figure


def _set_scales(ax: Axes, frame: pd.DataFrame, low: float, high: float) -> str:
    """Set the scales that all panels share; return what the loss axis's label says of its own."""
    values = frame.loc[frame["kind"] == "smoothed", "value"]
    ax.set_xscale("log")
    ax.set_xlim(low, high)
    ax.xaxis.set_major_locator(LogLocator(100 if high > 1e5 * low else 10))
    ax.xaxis.set_minor_locator(NullLocator())
    steps = frame.loc[(frame["kind"] == "raw") & (frame["place"] == "panel"), "value"]
    if not fits_log_scale(values) or steps.min() < 0:
        drawn = pd.concat([values, steps])
        ax.set_ylim(*limits(drawn, drawn, reach=0))
        return ""
    if values.max() < _LINEAR_SPAN * values.min():
        ax.set_ylim(0, 1.03 * values.max())
        return ""
    ax.set_yscale("log")
    lowest = frame.loc[frame["kind"].isin(["raw", "smoothed"]) & frame["value"].gt(0), "value"].min()
    ax.set_ylim(0.8 * lowest, 1.05 * values.max())
    plain_log_ticks(ax)
    return " (log scale)"


def _draw_arm(ax: Axes, frame: pd.DataFrame, style: ArmStyle, high: float) -> None:
    name_panel(ax, style.label, pad=26)
    if frame["low"].notna().any():
        ax.axvspan(frame["low"].iloc[0], frame["high"].iloc[0], color=_SHADE, zorder=0)
    raw = frame[(frame["kind"] == "raw") & (frame["place"] == "panel")]
    ax.plot(
        raw["lr"], raw["value"], ".", color=style.color, markersize=2, alpha=0.3, markeredgewidth=0, zorder=2
    )
    for _, line in frame[frame["kind"] == "smoothed"].groupby("seed", sort=False):
        ax.plot(line["lr"], line["value"], color=style.color, linewidth=1, zorder=3)
    for rule, look in _LOOKS.items():
        for median in frame.loc[frame["kind"] == f"{rule} median", "lr"]:
            ax.axvline(median, color=INK, linewidth=0.9, linestyle=look["linestyle"], zorder=2.5)
        seeds = frame[frame["kind"] == rule]
        ax.plot(seeds["lr"], seeds["value"], zorder=4, **{**look, **_MARK, "linestyle": "none"})
    _draw_rail(ax, frame, style, high)
    _write_shapes(ax, frame)


def _write_shapes(ax: Axes, frame: pd.DataFrame) -> None:
    """Write into a panel how the loss of tests went that was not seen to turn."""
    tests = frame.dropna(subset="shape").drop_duplicates("seed")
    lines = [
        f"{n} of {len(tests)} {words}"
        for shape, words in SHAPES.items()
        if shape != "turned" and (n := int((tests["shape"] == shape).sum()))
    ]
    ax.text(0.02, 0.02, "\n".join(lines), transform=ax.transAxes, va="bottom", fontsize=7.5, color=INK)


def _draw_rail(ax: Axes, frame: pd.DataFrame, style: ArmStyle, high: float) -> None:
    """Put on a line above the panel: losses higher than it, where tests diverged, rates not reached."""
    draw_rail(ax)
    rail = frame[frame["place"] == "rail"]
    ends = list(rail.loc[rail["kind"] == "diverged", "lr"])
    spikes: dict[str, Any] = {"markersize": 3, "alpha": 0.5, "markeredgewidth": 0, "zorder": 4}
    mark_rail(ax, rail.loc[rail["kind"] == "raw", "lr"], ".", color=style.color, **spikes)
    n_seeds = frame.loc[frame["kind"].isin(["smoothed", "diverged"]), "seed"].nunique()
    mark_rail(ax, ends, "x", color=style.color)
    if len(ends) == n_seeds:
        above = blended_transform_factory(ax.transData, ax.transAxes)
        bar: dict[str, Any] = {"linewidth": 3, "alpha": 0.35, "solid_capstyle": "butt", "clip_on": False}
        ax.plot([max(ends), high], [RAIL, RAIL], color=style.color, transform=above, **bar)
    write_beside_rail(ax, f"{len(ends)} of {n_seeds} diverged")


def _legend(frame: pd.DataFrame) -> list[Line2D | Patch]:
    """Return the marks and lines of the rules, and the shade of the declared range where there is one."""
    handles: list[Line2D | Patch] = [
        Line2D([], [], color=INK, linewidth=0.9, label=RULE_NAMES[rule], **look, **_MARK)
        for rule, look in _LOOKS.items()
    ]
    if frame["low"].notna().any():
        handles.append(Patch(color=_SHADE, label="declared range"))
    return handles


def caption_figure(tests: RangeTests, suggestions: pd.DataFrame) -> str:
    """Return what the marks mean, and n."""
    settings = tests.settings
    return (
        f"Training loss of single mini-batches while the learning rate rises exponentially from "
        f"{numbers.rate(settings.low)} to {numbers.rate(settings.high)} in {settings.steps} steps; one test "
        f"a seed (n = {len(settings.seeds)} an arm; split, initialisation and data order vary). Dots: single "
        f"steps. Lines: their exponential moving average (weight {settings.smoothing:g}, corrected for its "
        f"start), which lags behind by up to {settings.settling_steps} steps, a factor of "
        f"{settings.lag_factor:.2g} in the rate. Marks: each seed's suggestion; vertical lines: their "
        f"medians. {RULES_IN_WORDS} On the rail above: {numbers.TIMES} where a test diverged (smoothed "
        f"loss above {diverged_in_words(tests)}, or not finite), the bar the rates no "
        "seed reached, dots single losses above the panel. Shaded: the declared range."
        f"{' ' if (warning := not_turned_in_words(suggestions)) else ''}{warning}"
    )


def alt_figure(suggestions: pd.DataFrame) -> str:
    """Return each arm's median suggestions and how many of its tests diverged."""
    said = []
    for arm, own in suggestions.groupby("arm", sort=False):
        rates = ", ".join(f"{RULE_NAMES[rule]} {numbers.rate(own[rule].median())}" for rule in RULES)
        said.append(f"{arm}: {rates}, {int(own['diverged_lr'].notna().sum())} of {len(own)} diverged")
    medians = f"Training loss against a rising learning rate. Median suggestions: {'; '.join(said)}."
    return f"{medians} {not_turned_in_words(suggestions)}".rstrip()


def render_figure(tests: RangeTests, suggestions: pd.DataFrame) -> RenderedFigure:
    """Return the figure, ready for every format; nothing is drawn where all tests diverged at once."""
    frame, settings = compute_figure(tests, suggestions), tests.settings
    drawing = None
    if (frame["kind"] == "smoothed").any():
        drawing = draw_figure(frame, arm_styles(tests.arms), settings.low, settings.high)
    return RenderedFigure(
        name="lr_finder",
        title="Learning-rate range tests",
        caption=caption_figure(tests, suggestions),
        alt=alt_figure(suggestions),
        csv=as_csv(frame),
        drawing=drawing,
    )
