"""What did an arm's search reach at each value of a setting, whatever the other settings were?

Source: Google tuning playbook, isolation plots: the best value at each setting of one field, over all others.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis import statistics
from analysis.blocks import Block, Plot
from analysis.facts import Facts
from analysis.metrics import Metric
from analysis.noted import metric_in, noted
from analysis.records import StudyRecords
from analysis.render import numbers
from analysis.render.axes import name_panel, panel_grid, rate_ticks, ring, set_level_axis, write_above
from analysis.render.figure import FAINT, INK, MOST_VECTOR_POINTS, RC, ArmStyle, literal
from analysis.render.svg import name_runs
from analysis.replicates import replicates
from analysis.responses import as_level, label
from analysis.search import SearchedField, at_full_length, fields_of
from harness.study.domains import NumericRange

_BUCKETS = 5
"""Equal parts of a range, on its declared scale."""
MOST_PANELS = 12
_HIDDEN_SHARE = 0.1
"""Share of an arm's runs that may lie beyond the panels: a few hopeless ones must not flatten the rest."""
_ASIDE = (0.0, 0.09, -0.09, 0.18, -0.18)

_COLUMNS = {
    "arm": "str",
    "field": "str",
    "condition": "str",
    "scale": "str",
    "metric": "str",
    "kind": "str",
    "run_id": "str",
    "level": "str",
    "x": "float64",
    "left": "float64",
    "right": "float64",
    "value": "float64",
    "low": "float64",
    "high": "float64",
    "n": "int64",
    "is_winner": "bool",
}


@dataclass(frozen=True, kw_only=True)
class _Panel:
    """One searched field of one arm, and its completed search runs."""

    arm: str
    field: SearchedField
    runs: pd.DataFrame
    """With the column `value`: the search metric by the winner's rule."""


def _title(field: str, condition: str) -> str:
    """Return a field with the condition under which it was searched, such as `momentum (optimizer sgd)`."""
    return f"{field} ({condition})" if condition else field


def _fields(records: StudyRecords, arm: str) -> list[SearchedField]:
    """Return an arm's searched fields; its learning rate, which has a figure of its own, only by branches."""
    fields = fields_of(records.declaration.arms[arm].space)
    return [field for field in fields if field.name != "lr" or field.condition]


def _panels(facts: Facts) -> list[_Panel]:
    """Return every searched field of every arm but the learning rate, those without completed runs too."""
    records = facts.records
    panels = []
    for arm in records.arms:
        values = at_full_length(records, "search", arm)
        runs = records.runs_of("search", arm)
        runs = runs.assign(value=runs["run_id"].map(values)).dropna(subset="value")
        fields = _fields(records, arm)
        panels += [_Panel(arm=arm, field=field, runs=field.runs_with(runs)) for field in fields]
    return panels


def compute(facts: Facts) -> pd.DataFrame:
    """Return everything drawn: of each panel every completed search run, the best of each value, the winner.

    Returns: Columns `arm, field, condition, scale, metric, kind, run_id, level, x, left, right, value, low,
        high, n, is_winner`. `kind` is `run`, `best` (of the `n` runs at one value of a list, or in one
        fifth of a range from `left` to `right`; of equals, that of the first run id) or `confirm` (mean and
        95 % t-interval of the arm's winners over `n` replicates, absent where a run diverged). `x` is the
        value, or its position in the list. Accuracies are in [0, 1].
    """
    records, rule = facts.records, facts.rule
    frames = []
    for panel in [panel for panel in facts.once(_panels) if len(panel.runs)][:MOST_PANELS]:
        runs = _placed(panel, records.winners_of(panel.arm))
        parts = [runs, _bests(panel.field, runs, rule.sign), _confirm(records, panel.arm)]
        frames.append(
            pd.concat(parts).assign(
                arm=panel.arm,
                field=panel.field.name,
                condition=panel.field.condition,
                scale=_scale(panel.field),
                metric=rule.metric,
            )
        )
    frame = pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()
    blank = {"run_id": "", "level": "", "is_winner": False}
    frame = frame.reindex(columns=list(_COLUMNS)).fillna(blank).astype(_COLUMNS)
    return noted(frame, records.metrics)


def _scale(field: SearchedField) -> str:
    if field.range is None:
        return "listed"
    return "log" if field.range.is_log else "linear"


def _placed(panel: _Panel, winners: Sequence[str | None]) -> pd.DataFrame:
    """Return a panel's runs as rows of the frame, with their `bucket`: the number of their value or fifth."""
    places = panel.field.places(panel.runs)
    placed = panel.runs[["run_id", "value"]].assign(kind="run", n=1, x=places)
    if not panel.field.listed:
        places = np.clip(np.floor(places * _BUCKETS), 0, _BUCKETS - 1)
        placed["x"] = panel.runs[f"config.{panel.field.name}"]
    placed["bucket"] = places.astype(np.int64)
    level = placed["bucket"].map(dict(enumerate(_levels(panel.field)))).fillna("other")
    return placed.assign(level=level, is_winner=placed["run_id"].isin(winners))


def _levels(field: SearchedField) -> list[str]:
    """Return the values of a list, or the fifths of a range, in words."""
    if field.range is None:
        return [label(as_level(value)) for value in field.listed]
    ends = [numbers.rate(end) for end in _bounds(field.range)]
    return [f"{low} to {high}" for low, high in pairwise(ends)]


def _bounds(declared: NumericRange) -> list[float]:
    """Return the ends of the fifths of a range."""
    return [declared.at(part / _BUCKETS) for part in range(_BUCKETS + 1)]


def _bests(field: SearchedField, runs: pd.DataFrame, sign: int) -> pd.DataFrame:
    """Return one row a declared value or fifth: the best of its runs, absent where it has none."""
    ordered = runs.assign(loss=-sign * runs["value"]).sort_values(["loss", "run_id"], kind="stable")
    counts, names = runs["bucket"].value_counts(), _levels(field)
    bests = ordered.drop_duplicates("bucket").set_index("bucket").reindex(range(len(names)))
    bests = bests.assign(kind="best", level=names, n=counts.reindex(bests.index, fill_value=0))
    if field.range is None:
        return bests.assign(x=bests.index)
    bounds = _bounds(field.range)
    return bests.assign(left=bounds[:-1], right=bounds[1:])


def _confirm(records: StudyRecords, arm: str) -> pd.DataFrame:
    """Return one row with what an arm's confirm runs reached; none without them."""
    runs = records.runs_of("confirm", arm)
    if runs.empty:
        return pd.DataFrame()
    values = runs["run_id"].map(at_full_length(records, "confirm", arm))
    own = replicates(records, arm, "value", runs=runs.assign(value=values))
    interval = statistics.t_interval([] if own.is_voided else own.measured.tolist())
    row = {"kind": "confirm", "value": interval.mean, "low": interval.low, "high": interval.high}
    return pd.DataFrame([row | {"n": own.count("completed")}])


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
    ax.set_xlabel(literal(_title(first["field"], first["condition"])))
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


def caption(facts: Facts, frame: pd.DataFrame) -> str:
    """Return what the marks are, over which runs, and which settings have none or are not drawn."""
    if frame.empty:
        return "Nothing is shown: no search run has reached full length."
    rule = facts.rule
    most = "highest" if rule.sign > 0 else "lowest"
    how = (
        f"Each panel: one searched setting and all completed search runs of the arm ({rule.in_words()}; "
        "stopped runs are shorter and left out). Circles: single runs, moved aside only to be seen; "
        f"triangles at an edge: runs beyond it. Filled, with a bar: the {most} of the runs at each value of "
        "the setting, or in each fifth of its declared range, and above it their number. All other settings "
        "vary along with the one shown, and more runs alone move a bar: a panel suggests, it proves nothing. "
        f"Ringed: {'the run of each repeat' if facts.records.is_repeated else 'the run'} that was chosen."
    )
    return " ".join([how, *_confirmed(facts, frame), *_missing(facts)])


def _confirmed(facts: Facts, frame: pd.DataFrame) -> list[str]:
    rows = frame[frame["kind"] == "confirm"].drop_duplicates("arm")
    if rows.empty:
        return []
    void = list(rows.loc[rows["value"].isna(), "arm"])
    without = f" Without it, because a run diverged or none completed: {', '.join(void)}." if void else ""
    over = "configurations over repeats" if facts.records.is_repeated else "configuration over fresh seeds"
    how = f"mean and 95 % Student t-interval of the chosen {over}"
    return [f"Line and band: {how} (n = {numbers.span(rows['n'])}; n = 1: no band).{without}"]


def _missing(facts: Facts) -> list[str]:
    panels = facts.once(_panels)
    empty = [
        f"{panel.arm}: {_title(panel.field.name, panel.field.condition)}"
        for panel in panels
        if panel.runs.empty
    ]
    sentences = [f"Without a completed run: {', '.join(empty)}."] if empty else []
    left_out = len(panels) - len(empty) - MOST_PANELS
    return sentences + ([f"{left_out} more settings are not drawn."] if left_out > 0 else [])


def alt(frame: pd.DataFrame) -> str:
    """Return what was reached at each value of each setting."""
    bests = frame[(frame["kind"] == "best") & (frame["n"] > 0)]
    panels = [
        f"{arm}: {_title(str(field), str(condition))}: {_reached(rows)}"
        for (arm, field, condition), rows in bests.groupby(["arm", "field", "condition"], sort=False)
    ]
    return f"What search runs of full length reached at each value of each setting. {'; '.join(panels)}."


def _reached(bests: pd.DataFrame) -> str:
    """Return the best value at each level of one panel."""
    metric = metric_in(bests)
    unit = f" {metric.value_unit}" if metric.value_unit else ""
    rows = bests.to_dict("records")
    return ", ".join(f"{row['level']} {metric.amount(row['value'])}{unit}" for row in rows)


def _is_for(facts: Facts) -> bool:
    """Return whether anything but the learning rate was searched."""
    return facts.is_searched and any(_fields(facts.records, arm) for arm in facts.records.arms)


ISOLATION = Block(
    name="isolation",
    section="results",
    plot=Plot(
        title="What each setting reached",
        compute=compute,
        draw=draw,
        caption=caption,
        alt=alt,
        is_for=_is_for,
    ),
)
