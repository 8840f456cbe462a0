"""How do losses and accuracies depend on a setting, and at which values do runs diverge?

The figure has one row of panels a line (an arm's grid, or a template's arms) and one column a metric. Every
run is drawn: one without a finite value stands on a rail above the panel. What the numbers say of claims is
decided in `analysis.claims.evidence`; here they are only shown.
"""

import math
from collections.abc import Iterator
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis import responses
from analysis.blocks import Block, Plot
from analysis.blocks.response_means import NOTHING, RESPONSE_IN_NUMBERS, compute_means, guessing_in_words
from analysis.facts import Facts
from analysis.noted import metric_in, metrics_in, noted
from analysis.records import StudyRecords
from analysis.render import numbers
from analysis.render.axes import (
    RAIL,
    axis_label,
    draw_rail,
    limits,
    mark_rail,
    plain_log_ticks,
    set_level_axis,
    write_above,
)
from analysis.render.figure import (
    FAINT,
    INK,
    MOST_VECTOR_POINTS,
    RC,
    ArmStyle,
    line_styles,
    literal,
    mark_size,
)
from analysis.render.svg import name_runs

_DECADE = 10
"""Losses that span such a factor or more are shown on a logarithmic scale."""
_PLACE = ["line", "arm", "phase", "field", "level", "x", "scale", "metric"]
_BLANK: dict[str, Any] = {"run_id": "", "seed": None, "status": "", "place": "panel", "source": ""}
_BLANK |= {"is_best": False, "is_guessing": False}
_TYPES = {"x": "float64", "seed": "Int64", "value": "float64", "low": "float64", "high": "float64"}
_COLUMNS = [*_PLACE, "kind", "run_id", "seed", "status", "place", "value", "low", "high", "n"]
_COLUMNS += ["is_best", "is_guessing"]


def compute_response(facts: Facts) -> pd.DataFrame:
    """Return everything drawn: every run, every mean and every published value of each line and metric.

    Returns: Columns `line, arm, phase, field, level, x, scale, metric, kind, run_id, seed, status, place,
        value, low, high, n, is_best, is_guessing, source`. `kind` is `seed`, `mean` or `published`. `place`
        is `rail` for a run that diverged, failed or has no finite value, else `panel`. `low` and `high` are
        the 95 % t-interval of a mean over n >= 2 seeds; `is_best` marks the best mean.
    """
    means = facts.once(compute_means)
    rows = [*_mean_rows(means)]
    for line in facts.lines:
        if line.name in set(means["line"]):
            rows += [*_seed_rows(facts.records, line), *_published_rows(facts.records, line)]
    frame = pd.DataFrame([_BLANK | row for row in rows], columns=[*_COLUMNS, "source"]).astype(_TYPES)
    order = list(dict.fromkeys(means["line"]))
    frame = frame.sort_values(
        "line", key=lambda names: names.map(order.index), kind="stable", ignore_index=True
    )
    return noted(frame, facts.records.metrics)


def _mean_rows(means: pd.DataFrame) -> Iterator[dict[str, Any]]:
    for row in means.to_dict("records"):
        ends = {"low": row["mean"] - row["half_width"], "high": row["mean"] + row["half_width"]}
        marks = {name: row[name] for name in ("is_best", "is_guessing")}
        known = {"kind": "mean", "value": row["mean"], "n": row["n"], **marks, **ends}
        yield {name: row[name] for name in _PLACE} | known


def _seed_rows(records: StudyRecords, line: responses.Line) -> Iterator[dict[str, Any]]:
    metrics = line.metrics(records)
    shown = ["run_id", "seed", "status", *metrics]
    for point in line.points:
        place = responses.place(line, point.level, point.arm)
        for run in point.runs(records)[shown].to_dict("records"):
            known = {"kind": "seed", "n": 1, **{name: run[name] for name in ("run_id", "seed", "status")}}
            for metric in metrics:
                is_lost = run["status"] in {"diverged", "failed"} or not numbers.is_present(run[metric])
                value = {"value": None, "place": "rail"} if is_lost else {"value": run[metric]}
                yield place | known | value | {"metric": metric}


def _published_rows(records: StudyRecords, line: responses.Line) -> Iterator[dict[str, Any]]:
    for level, arm, run in responses.published_of(records, line):
        place = responses.place(line, level, arm)
        for metric in line.metrics(records):
            if metric in run.metrics:
                known = {"kind": "published", "metric": metric, "n": 1, "source": run.source}
                yield place | known | {"value": run.metrics[metric]}


def draw_response(frame: pd.DataFrame, styles: dict[str, ArmStyle]) -> Figure:
    """Draw one row of panels a line and one column a metric."""
    lines, metrics = (list(dict.fromkeys(frame[name])) for name in ("line", "metric"))
    factors = {metric: metrics_in(frame)[metric].scale for metric in metrics}
    values = frame[["value", "low", "high"]].mul(frame["metric"].map(factors), axis=0)
    frame = frame.assign(**values)
    labels = {line: style.label for line, style in line_styles(frame, styles).items()}
    width = 3.4 if len(metrics) < 4 else 3.0
    with mpl.rc_context(RC):
        figure = Figure(figsize=(width * len(metrics), 2.85 * len(lines)), layout="constrained")
        axes = figure.subplots(len(lines), len(metrics), squeeze=False)
        for row, line in zip(axes, lines, strict=True):
            row[0].set_title(labels[line], pad=35)
            for ax, metric in zip(row, metrics, strict=True):
                panel = frame[(frame["line"] == line) & (frame["metric"] == metric)]
                ax.set_visible(len(panel) > 0)
                if len(panel):
                    _draw_panel(ax, panel, styles, is_image=len(frame) > MOST_VECTOR_POINTS)
        for column, metric in zip(axes.T, metrics, strict=True):
            _set_heights(list(column), lines, frame[frame["metric"] == metric])
    return figure


def _draw_panel(ax: Axes, frame: pd.DataFrame, styles: dict[str, ArmStyle], *, is_image: bool) -> None:
    import seaborn as sns  # it takes as long as all other imports of a report: only studies of settings wait

    means, published = (frame[frame["kind"] == kind] for kind in ("mean", "published"))
    arms = list(dict.fromkeys(means["arm"]))
    color = styles[arms[0]].color if len(arms) == 1 else FAINT
    reach = [means["value"] - means["low"], means["high"] - means["value"]]
    bars: dict[str, Any] = {"ecolor": mpl.colors.to_rgba(color, 0.28), "elinewidth": 5}
    ax.errorbar(means["x"], means["value"], yerr=reach, color=color, linewidth=1.3, zorder=2.5, **bars)
    for arm, seeds in frame[(frame["kind"] == "seed") & (frame["place"] == "panel")].groupby("arm"):
        look: dict[str, Any] = {"color": styles[str(arm)].color, "marker": styles[str(arm)].marker}
        look |= {"edgecolor": look["color"]}  # which seaborn would make white
        look |= mark_size(13, len(seeds)) | {"linewidth": 0, "zorder": 3, "rasterized": is_image}
        sns.scatterplot(x=seeds["x"].to_numpy(), y=seeds["value"].to_numpy(), ax=ax, **look)
        name_runs(ax.collections[-1], seeds["run_id"])
    ax.plot(means["x"], means["value"], "_", color=INK, markersize=7, markeredgewidth=1.2, zorder=3.5)
    best = means[means["is_best"] & ~means["is_guessing"]]
    ax.scatter(best["x"], best["value"], s=110, facecolor="none", edgecolor=INK, linewidth=1.3, zorder=5)
    ax.plot(
        published["x"],
        published["value"],
        "D",
        markersize=4.5,
        markerfacecolor="none",
        markeredgecolor=INK,
        markeredgewidth=0.9,
        zorder=4,
    )
    _draw_rail(ax, frame, styles)
    set_level_axis(ax, frame)
    ax.set_xlabel(axis_label(frame))


def _draw_rail(ax: Axes, frame: pd.DataFrame, styles: dict[str, ArmStyle]) -> None:
    """Put runs without a finite value on a line above the panel, with their number; name the best mean."""
    draw_rail(ax)
    for _, runs in frame[frame["place"] == "rail"].groupby(["x", "arm"], sort=False):
        color = styles[str(runs["arm"].iloc[0])].color
        look: dict[str, Any] = {"color": color, "markersize": 5, "markeredgewidth": 1.4}
        for status, alike in runs.groupby("status"):
            mark_rail(ax, alike["x"], "+" if status == "failed" else "x", **look)
        write_above(ax, float(runs["x"].iloc[0]), str(len(runs)))
    best = literal(_best_in_words(frame))
    ax.text(1, RAIL + 0.11, best, transform=ax.transAxes, ha="right", fontsize=7.5, color=INK)


def _best_in_words(frame: pd.DataFrame) -> str:
    """Return the best mean of a panel and where it is; nothing where no two means are known.

    Where no run learned anything, it says so.
    """
    if frame["is_guessing"].any():
        return "no run is better than guessing"
    best = frame[frame["is_best"]]
    if best.empty:
        return ""
    where = " and ".join(best["level"]) if len(best) < 3 else f"{len(best)} values"
    metric = metric_in(best)
    unit = f" {metric.value_unit}" if metric.value_unit else ""
    return f"best mean {best['value'].iloc[0]:.4g}{unit} at {where}"


def _set_heights(column: list[Axes], lines: list[str], frame: pd.DataFrame) -> None:
    """Set the vertical scales of one metric: one scale where the lines' values overlap, else one each."""
    panels = [frame[frame["line"] == line] for line in lines]
    spans = [(panel["value"].min(), panel["value"].max()) for panel in panels if panel["value"].notna().any()]
    is_shared = len(spans) > 0 and max(low for low, _ in spans) <= min(high for _, high in spans)
    for ax, panel in zip(column, panels, strict=True):
        _set_height(ax, frame if is_shared else panel)


def _set_height(ax: Axes, frame: pd.DataFrame) -> None:
    """Set one panel's vertical scale and limits for the values in a frame."""
    values = frame["value"].dropna()
    metric = metric_in(frame) if len(frame) else None
    is_share = metric is not None and metric.is_accuracy
    is_loss = metric is not None and metric.short == "loss"
    is_log = is_loss and len(values) > 0 and 0 < _DECADE * values.min() <= values.max()
    ax.set_ylabel(f"{metric.axis}{' (log scale)' if is_log else ''}" if metric else "")
    if values.empty:
        ax.set_yticks([])
        return
    least = 0.0 if is_share or is_loss else -math.inf
    most = 100.0 if is_share else math.inf
    ends = pd.concat([frame["low"], frame["high"]]).dropna().clip(least, most)
    if is_log:
        ax.set_yscale("log")
        low, high = limits(np.log10(values), np.log10(ends.clip(lower=values.min() * 1e-9)), reach=0.5)
        ax.set_ylim(10**low, 10**high)
        plain_log_ticks(ax)
    else:
        low, high = limits(values, ends, reach=0.5)
        # An axis does not show what no value can be, unless a mark stands at that end.
        low, high = (
            low if values.min() <= least else max(low, least),
            high if values.max() >= most else min(high, most),
        )
        ax.set_ylim(low, high)


def caption_response(facts: Facts, frame: pd.DataFrame) -> str:
    """Return what the marks mean, n, and whose runs these are."""
    if frame.empty:
        return NOTHING
    seeds = frame[frame["kind"] == "seed"]
    sizes = seeds.drop_duplicates(["line", "level", "run_id"]).groupby(["line", "level"]).size()
    phases = " and ".join(phase for phase in ("search", "confirm") if phase in set(seeds["phase"]))
    how = (
        f"One row a line, one column a metric. Dots: every {phases} run, n = {numbers.span(sizes)} a value "
        f"(a seed fixes {facts.records.seed_fixes}). Line and bars: mean and 95 % "
        "Student t-interval over the seeds, where none diverged; a bar may leave its panel. Ringed, and "
        "named above the panel: the best mean, which is optimistic, being the best of several. On the rail "
        f"above: runs without a finite value, {numbers.TIMES} diverged, + failed, with how many."
    )
    sentences = [how, facts.rule.values_in_words(), *guessing_in_words(facts, frame)]
    sources = list(dict.fromkeys(frame.loc[frame["kind"] == "published", "source"]))
    if sources:
        sentences.append(f"Diamonds: published single runs ({'; '.join(sources)}).")
    if len(set(frame["line"])) > 1:
        sentences.append("Panels of one metric have one scale where the values of all lines overlap.")
    return " ".join(sentences)


def alt_response(frame: pd.DataFrame) -> str:
    """Return each line's best mean of each metric, and how many of its runs have no finite value."""
    by_line, metrics = [], metrics_in(frame)
    for line, rows in frame.groupby("line", sort=False):
        best = [
            f"{metrics[str(name)].label} {words}"
            for name, panel in rows.groupby("metric", sort=False)
            if (words := _best_in_words(panel.assign(value=panel["value"] * metrics[str(name)].scale)))
        ]
        on_rail = rows.loc[rows["place"] == "rail", "run_id"].nunique()
        by_line.append(f"{line}: {', '.join([*best, f'runs without a finite value: {on_rail}'])}")
    field = " and ".join(dict.fromkeys(frame["field"])) or "a setting"
    what = "Losses and accuracies" if metrics.has_accuracy else "Metrics"
    return f"{what} against {field}. {'; '.join(by_line)}."


RESPONSE = Block(
    name="response",
    section="results",
    is_open=True,
    table=RESPONSE_IN_NUMBERS,
    plot=Plot(
        title="Response",
        compute=compute_response,
        draw=draw_response,
        caption=caption_response,
        alt=alt_response,
        is_for=lambda facts: bool(facts.lines),
    ),
)
