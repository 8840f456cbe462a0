"""What does each batch size cost, how soon is it at a common loss, and where does it end?

The figure is only for arms made by `for_each`, whose rate may be tuned for each size: a grid has its response
as a figure, and the tables of responses and times have its losses and seconds already.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import matplotlib as mpl
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from matplotlib.transforms import blended_transform_factory

from analysis.batch_sizes import TO_TARGET, first_below, way_of
from analysis.blocks import Block, Plot
from analysis.blocks.batch_size_costs import (
    SIZES_IN_NUMBERS,
    budgets_in_words,
    has_sizes,
    quality_in_words,
    target_in_words,
)
from analysis.facts import Facts
from analysis.metrics import Metric, Metrics
from analysis.noted import metrics_in, noted
from analysis.records import StudyRecords
from analysis.render import numbers
from analysis.render.axes import RAIL, axis_label, mark_rail, plain_log_ticks, set_level_axis
from analysis.render.figure import FAINT, INK, RC, ArmStyle, line_styles
from analysis.render.names import height_for_labels, label_ends

_RAIL_STEP = 0.055
"""By how much the rail of each further line lies higher."""
_LOG = {"steps_per_epoch", "learning_rate", "steps_to"}
_SINGLE = ("steps_per_epoch", "learning_rate")
"""What each batch size has once, whatever the seed."""
_PLACE = ["line", "arm", "field", "level", "x", "scale"]
_DRAWN = {
    **dict.fromkeys(["line", "arm", "field", "level"], "str"),
    "x": "float64",
    "scale": "str",
    "quantity": "str",
    "kind": "str",
    "run_id": "str",
    "seed": "Int64",
    **dict.fromkeys(["value", "low", "high"], "float64"),
    "n": "int64",
    "is_tuned": "bool",
    "edge": "str",
}


def _panels(metrics: Metrics) -> dict[str, str]:
    """Return the quantities drawn, with the labels of their axes."""
    return {
        "steps_per_epoch": "steps per epoch",
        **{metric.name: metric.axis for metric in (way_of(metrics), metrics.headline)},
        "learning_rate": "learning rate",
        "epochs_to": "epochs to the target",
        "steps_to": "steps to the target",
    }


def has_templates(facts: Facts) -> bool:
    """Return whether arms of one template differ in their batch size."""
    return has_sizes(facts) and any(
        not point.at for line in facts.lines_over("batch_size") for point in line.points
    )


def compute_figure(facts: Facts) -> pd.DataFrame:
    """Return everything drawn: of each batch size its settings, its means, and every run.

    Returns: Columns `line, arm, field, level, x, scale, quantity, kind, run_id, seed, value, low, high, n,
        is_tuned, edge`. `quantity` is one of `steps_per_epoch, val_loss, test_accuracy, learning_rate,
        epochs_to, steps_to`; `kind` is `mean`, with the ends of its 95 % t-interval, or `seed`, whose value
        is absent for a run that diverged, failed or misses the target.
    """
    table = _confirmed(facts)
    rows: list[dict[str, Any]] = []
    panels = list(_panels(facts.records.metrics))
    for line in facts.lines_over("batch_size"):
        for point in line.points:
            is_here = (table["line"] == line.name) & (table["arm"] == point.arm)
            for row in table[is_here].to_dict("records"):
                place = {name: row[name] for name in [*_PLACE, "is_tuned", "edge"]}
                seeds = _seeds(facts.records, point.runs(facts.records), row["target"])
                marks = [*_bars(row, panels), *seeds]
                rows += [{"run_id": "", "seed": None, **place, **mark} for mark in marks]
    return noted(pd.DataFrame(rows, columns=list(_DRAWN)).astype(_DRAWN), facts.records.metrics)


def _confirmed(facts: Facts) -> pd.DataFrame:
    """Return the rows of the table that confirm runs measure."""
    table = facts.batch_sizes
    return table[table["phase"] == "confirm"]


def _bars(row: dict[Any, Any], panels: Sequence[str]) -> Iterator[dict[str, Any]]:
    for quantity in panels:
        if quantity in _SINGLE:
            yield {"quantity": quantity, "kind": "mean", "value": row[quantity], "n": row["runs"]}
            continue
        n = row["reached"] if quantity in TO_TARGET else row["n"]
        reach = row[f"{quantity}_half_width"]
        ends = {"low": row[quantity] - reach, "high": row[quantity] + reach}
        yield {"quantity": quantity, "kind": "mean", "value": row[quantity], "n": n, **ends}


def _seeds(records: StudyRecords, runs: pd.DataFrame, target: float) -> Iterator[dict[str, Any]]:
    first = first_below(records, runs, target if numbers.is_present(target) else None)
    known = runs.merge(first, on="run_id", how="left")
    is_lost = known["status"] != "completed"
    for quantity in [name for name in _panels(records.metrics) if name not in _SINGLE]:
        values = known[quantity].astype("float64").mask(is_lost)
        for run_id, seed, value in zip(known["run_id"], known["seed"], values, strict=True):
            mark = {"quantity": quantity, "kind": "seed", "run_id": run_id, "seed": seed}
            yield mark | {"value": value, "n": 1}


def draw_batch_sizes(frame: pd.DataFrame, styles: dict[str, ArmStyle]) -> Figure:
    """Draw one panel a quantity, all lines in each, moved aside a little so that they can be told apart."""
    looks = line_styles(frame, styles)
    ranks = frame["line"].map({name: rank for rank, name in enumerate(looks)})
    aside = (2 ** (0.16 * (ranks - (len(looks) - 1) / 2))).mask(frame["quantity"].isin(_SINGLE), 1.0)
    metrics = metrics_in(frame)
    panels = _panels(metrics)
    shown = {name: metrics[name].scale for name in panels if name in metrics and not metrics[name].is_time}
    factor = frame["quantity"].map(shown).fillna(1.0)
    scaled = {name: factor * frame[name] for name in ("value", "low", "high")}
    frame = frame.assign(**scaled, at=aside * frame["x"], rail=RAIL + _RAIL_STEP * ranks)
    with mpl.rc_context(RC):
        figure = Figure(figsize=(10.8, height_for_labels(len(looks), 6.4, rows=2)), layout="constrained")
        axes = figure.subplots(2, 3)
        for ax, (quantity, words) in zip(axes.flat, panels.items(), strict=False):
            panel = frame[frame["quantity"] == quantity]
            for name, rows in panel.groupby("line", sort=False):
                _draw_line(ax, rows, looks[str(name)])
            _set_axes(ax, panel, words)
        for ax, quantity in ((axes[0, -1], metrics.headline.name), (axes[1, -1], "steps_to")):
            means = frame[(frame["quantity"] == quantity) & (frame["kind"] == "mean")].dropna(subset="value")
            last = means.groupby("line", sort=False).tail(1).to_dict("records")
            label_ends(ax, {row["line"]: (row["at"], row["value"]) for row in last}, looks)
    return figure


def _draw_line(ax: Axes, rows: pd.DataFrame, style: ArmStyle) -> None:
    """Draw every seed, the means with their intervals, and on a rail the runs without a value."""
    means, seeds = (rows[rows["kind"] == kind] for kind in ("mean", "seed"))
    lost = seeds[seeds["value"].isna()]
    reach = [means["value"] - means["low"], means["high"] - means["value"]]
    bars: dict[str, Any] = {"ecolor": INK, "elinewidth": 1.2, "capsize": 2.5, "zorder": 2.5}
    ax.errorbar(
        means["at"],
        means["value"],
        yerr=reach,
        color=style.color,
        linestyle=style.line,
        linewidth=1.3,
        **bars,
    )
    ax.scatter(
        seeds["at"], seeds["value"], s=14, alpha=0.55, linewidth=0, color=style.color, marker=style.marker
    )
    is_open = means["x"].isin(lost["x"]) | ((means["quantity"] == "learning_rate") & ~means["is_tuned"])
    for hollow, face in ((True, "white"), (False, style.color)):
        shown = means[is_open == hollow]
        look: dict[str, Any] = {"marker": style.marker, "facecolor": face, "edgecolor": style.color}
        ax.scatter(shown["at"], shown["value"], s=32, zorder=3, **look)
    for row in means[(means["quantity"] == "learning_rate") & (means["edge"] != "")].to_dict("records"):
        arrow = "↑" if row["edge"] == "upper" else "↓"
        ax.annotate(arrow, (row["at"], row["value"]), (5, 0), textcoords="offset points", va="center")
    _draw_rail(ax, lost, style)


def _draw_rail(ax: Axes, lost: pd.DataFrame, style: ArmStyle) -> None:
    """Put runs without a value above the panel, each line at a height of its own, with their number."""
    above = blended_transform_factory(ax.transData, ax.transAxes)
    beside: dict[str, Any] = {"textcoords": "offset points", "va": "center", "fontsize": 6.5, "color": FAINT}
    counts = lost.groupby("x")["x"].transform("size")
    for row in lost.assign(count=counts).drop_duplicates("x").to_dict("records"):
        look: dict[str, Any] = {"color": style.color, "markersize": 5, "markeredgewidth": 1.0, "zorder": 2}
        mark_rail(ax, [row["at"]], "x", row["rail"], **look)
        ax.annotate(str(row["count"]), (row["at"], row["rail"]), (5, 0), xycoords=above, **beside)


def _set_axes(ax: Axes, panel: pd.DataFrame, words: str) -> None:
    """Set scales, limits, ticks and labels of one panel, after everything is drawn."""
    values = panel["value"].dropna()
    set_level_axis(ax, panel)
    ax.set_xlabel(axis_label(panel))
    is_log = panel["quantity"].iloc[0] in _LOG and len(values) > 0
    ax.set_ylabel(f"{words} (log scale)" if is_log else words)
    if is_log:
        ax.set_yscale("log")
        plain_log_ticks(ax)
    elif values.empty:
        ax.set_yticks([])
    elif panel["quantity"].iloc[0] == "epochs_to":
        ax.set_ylim(0, 1.08 * max([*values, *panel["high"].dropna()]))
        ax.yaxis.set_major_locator(MaxNLocator(6, integer=True))


def caption_figure(facts: Facts, frame: pd.DataFrame) -> str:
    """Return what the marks are, which target is meant, and what the budget does to the comparison."""
    if frame.empty:
        return "No batch size is shown: no confirm run has ended."
    table = _confirmed(facts)
    rates = (
        "Learning rate: that which each size's own search chose"
        if table["is_tuned"].all()
        else "Learning rate: chosen for each size by its own search where filled, fixed where hollow"
    )
    edges = "; ↑ or ↓: at that edge of its declared range" if (table["edge"] != "").any() else ""
    metrics = facts.records.metrics
    of_what = " of loss and accuracy" if metrics.has_loss and metrics.has_accuracy else ""
    how = (
        "Lines and bars: means and 95 % Student t-intervals over the seeds, "
        f"n = {numbers.span(table['runs'])} a size. Small marks: every confirm run; above the panel: "
        f"{numbers.TIMES} those without a value (diverged, failed, or short of the target), with their "
        f"number. A size with a diverged run has no mean{of_what}; hollow, without a bar: the "
        "mean of those runs that reach the target, which the others would raise. Lines are moved aside to "
        f"tell them apart. {rates}{edges}."
    )
    sentences = [how, target_in_words(table), budgets_in_words(), quality_in_words(table)]
    return " ".join(filter(None, sentences))


def alt_figure(frame: pd.DataFrame) -> str:
    """Return each line's learning rates, test accuracies and steps to the target by batch size."""
    means = frame[frame["kind"] == "mean"]
    by_line = []
    for line, rows in means.groupby("line", sort=False):
        headline = metrics_in(frame).headline
        sizes = rows.groupby("level", sort=False)
        by_size = [_size_in_words(str(level), size, headline) for level, size in sizes]
        by_line.append(f"{line}: {'; '.join(by_size)}")
    common = "loss" if metrics_in(frame).has_loss else "value"
    what = f"Steps, rates, results and the way to a common {common} against the batch size"
    return f"{what}. {'. '.join(by_line)}."


def _size_in_words(level: str, rows: pd.DataFrame, headline: Metric) -> str:
    values = dict(zip(rows["quantity"], rows["value"], strict=True))
    amount = headline.amount(values[headline.name])
    amount += f" {headline.value_unit}" if headline.value_unit else ""
    steps = numbers.count(values["steps_to"])
    rate = numbers.rate(values["learning_rate"])
    return f"{level} with rate {rate}, {amount}, {steps} steps to the target"


BATCH_SIZES = Block(
    name="batch_sizes",
    section="results",
    table=SIZES_IN_NUMBERS,
    plot=Plot(
        title="Batch size",
        compute=compute_figure,
        draw=draw_batch_sizes,
        caption=caption_figure,
        alt=alt_figure,
        is_for=has_templates,
    ),
)
