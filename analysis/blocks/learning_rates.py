"""Which learning rates were tried, what did each come to, and in which part of its range does the best lie?

One panel an arm and every search run of it: nothing that was tried is left out because it failed.
"""

from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis import selection
from analysis.blocks import Block, Plot
from analysis.facts import Facts
from analysis.noted import metric_in, noted
from analysis.render import numbers
from analysis.render.axes import (
    draw_rail,
    fits_log_scale,
    lost_in_words,
    mark_rail,
    panel_grid,
    plain_log_ticks,
    rate_ticks,
    ring,
    write_beside_rail,
)
from analysis.render.figure import MOST_VECTOR_POINTS, RC, ArmStyle, mark_size
from analysis.render.names import name_panel
from analysis.render.svg import name_runs
from harness.study.domains import NumericRange

_BOUNDS = ("low", "high", "is_log", "is_listed")


def compute_learning_rates(facts: Facts) -> pd.DataFrame:
    """Return one row a search run, of arms whose learning rate was searched.

    Returns: Columns `arm, run_id, seed, learning_rate, status, epochs, metric, value, place, is_best, edge,
        low, high, is_log, is_listed`. `value` is the search metric in the run's row, absent where not
        finite. `place` says how the run is drawn: `filled` (full length), `hollow` (stopped), `rail`
        (diverged, failed or without a finite value). `low` and `high` bound the range declared for the run:
        in a conditional space that of its branch, absent where its branch fixes the rate.
    """
    metric = facts.rule.metric
    ranged = {arm: choice for arm, choice in facts.choices.items() if arm in _searched_arms(facts)}
    runs = facts.records.runs_of("search")
    if "config.lr" not in runs:
        runs = runs.assign(**{"config.lr": float("nan")})
    is_drawn = runs["arm"].isin(ranged) & runs["config.lr"].notna()
    runs = runs[is_drawn]
    arms = runs["arm"]
    declared = [found for arm in ranged for found in _declared_for(facts, arm, runs[arms == arm])]
    is_best = runs["run_id"].isin(facts.records.all_winners)
    edges = {one.run_id: one.own_edge for choice in ranged.values() for one in choice.searches if one.run_id}
    frame = pd.DataFrame(
        {
            **{name: runs[name] for name in ("arm", "run_id", "seed")},
            "learning_rate": runs["config.lr"],
            "status": runs["status"],
            "epochs": runs["epochs"],
            "metric": metric,
            "value": runs[metric].mask(runs["status"] == "diverged"),
            "place": _places(runs["status"], runs[metric]),
            "is_best": is_best,
            "edge": runs["run_id"].map(edges),
            **{name: [getattr(found, name, None) for found in declared] for name in _BOUNDS},
        }
    ).reset_index(drop=True)
    return noted(frame, facts.records.metrics)


def _places(statuses: pd.Series, values: pd.Series) -> list[str]:
    is_lost = statuses.isin(["diverged", "failed"]) | values.isna()
    return list(np.select([is_lost, statuses == "stopped"], ["rail", "hollow"], default="filled"))


def _searched_arms(facts: Facts) -> set[str]:
    """Return the arms that search their learning rate, in one branch at least."""
    arms = facts.records.declaration.arms
    return {name for name, arm in arms.items() if selection.declared_ranges(arm.space, "lr")}


def _declared_for(facts: Facts, arm: str, runs: pd.DataFrame) -> list[NumericRange | None]:
    """Return the range that each of an arm's runs drew its learning rate from."""
    space = facts.records.declaration.arms[arm].space
    if runs.empty:
        return []
    fields = selection.choosers(space)
    taken = list(zip(*(runs[f"config.{field}"] for field in fields), strict=True)) or [()] * len(runs)
    ranges = {
        values: selection.declared_range(space, "lr", dict(zip(fields, values, strict=True)))
        for values in set(taken)
    }
    return [ranges[values] for values in taken]


def draw_learning_rates(frame: pd.DataFrame, styles: dict[str, ArmStyle]) -> Figure:
    """Draw one panel an arm, all with one scale of the metric."""
    arms = list(dict.fromkeys(frame["arm"]))
    metric = metric_in(frame)
    columns = min(3, len(arms))
    frame = frame.assign(value=metric.scale * frame["value"])
    with mpl.rc_context(RC):
        figure, axes = panel_grid(len(arms), columns=columns, side=3.4, sharey=True)
        for ax, arm in zip(axes, arms, strict=True):
            _draw_arm(ax, frame[frame["arm"] == arm], styles[arm], is_image=len(frame) > MOST_VECTOR_POINTS)
        is_log = metric.short == "loss" and fits_log_scale(frame["value"])
        if is_log:
            axes[0].set_yscale("log")
            plain_log_ticks(axes[0])
        elif frame["value"].isna().all():
            axes[0].set_yticks([])
        for ax in axes[::columns]:
            ax.set_ylabel(metric.drawn_axis + (" (log scale)" if is_log else ""))
        figure.supxlabel("learning rate", fontsize=9)
    return figure


def _draw_arm(ax: Axes, frame: pd.DataFrame, style: ArmStyle, *, is_image: bool) -> None:
    name_panel(ax, style.label, pad=20)
    _draw_range(ax, frame)
    for place, face in (("hollow", "white"), ("filled", style.color)):
        runs = frame[frame["place"] == place]
        look: dict[str, Any] = {
            "marker": style.marker,
            "facecolor": face,
            "edgecolor": style.color,
            **mark_size(30, len(frame)),
            "zorder": 3,
        }
        dots = ax.scatter(runs["learning_rate"], runs["value"], rasterized=is_image, **look)
        name_runs(dots, runs["run_id"])
    best = frame[frame["is_best"]]
    ring(ax, best["learning_rate"], best["value"])
    _draw_lost(ax, frame[frame["place"] == "rail"], style, is_image=is_image)


def _draw_range(ax: Axes, frame: pd.DataFrame) -> None:
    """Shade the declared ranges and, darker, the zones in which a best rate counts as being at the edge.

    The axis covers the ranges of all branches, and every run.
    """
    ranges = _drawn_ranges(frame)
    for declared in ranges:
        ax.axvspan(declared.low, declared.high, color="#eef2f6", zorder=0)
    whole = selection.hull(ranges, frame["learning_rate"])
    ax.set_xscale("log" if whole.is_log else "linear")
    chosen = _drawn_ranges(frame[frame["is_best"]]) if frame["is_best"].any() else ranges
    if len(chosen) == 1 and not chosen[0].is_listed and chosen[0].low < chosen[0].high:
        share = selection.EDGE_SHARE
        ax.axvspan(chosen[0].low, chosen[0].at(share), color="#d5dde5", zorder=0.5)
        ax.axvspan(chosen[0].at(1 - share), chosen[0].high, color="#d5dde5", zorder=0.5)
    if whole.low < whole.high:
        ax.set_xlim(whole.at(-0.06), whole.at(1.06))
    if whole.is_log:
        rate_ticks(ax)


def _drawn_ranges(frame: pd.DataFrame) -> list[NumericRange]:
    """Return the different ranges that some runs drew their learning rates from."""
    rows = frame[list(_BOUNDS)].dropna().drop_duplicates().to_dict("records")
    return [NumericRange(**{str(name): value for name, value in row.items()}) for row in rows]


def _draw_lost(ax: Axes, frame: pd.DataFrame, style: ArmStyle, *, is_image: bool) -> None:
    """Put runs without a finite value on the rail: a cross diverged, a plus failed."""
    draw_rail(ax)
    is_failed = frame["status"] == "failed"
    look: dict[str, Any] = {"color": style.color, "rasterized": is_image}
    look |= {"zorder": 3} if is_image else {}  # images drawn one after the other become one
    for runs, marker in ((frame[~is_failed], "x"), (frame[is_failed], "+")):
        mark_rail(ax, runs["learning_rate"], marker, **look)
    failed = int(is_failed.sum())
    write_beside_rail(ax, lost_in_words(len(frame) - failed, failed))


def caption_learning_rates(facts: Facts, frame: pd.DataFrame) -> str:
    """Return what the marks mean."""
    if frame.empty:
        return "No learning-rate plot: no arm searched its learning rate, or no such run has ended."
    drawn = set(frame["arm"].unique())
    fixed = [arm for arm in facts.records.arms if arm not in drawn]
    without = f" Not shown, because fixed or not yet run: {', '.join(fixed)}." if fixed else ""
    rule = facts.rule
    by = f" by {rule.in_words()}" if rule.average_epochs > 1 or rule.seeds > 1 else ""
    has_branches = frame.groupby("arm")["low"].nunique().gt(1).any()
    branches = (
        " Branches of a conditional space have ranges of their own: light are all of them, dark the outer "
        "parts of the chosen run's."
    )
    return (
        f"Every search run, one panel an arm: {len(frame)} runs, each at its {rule.epoch_in_words()} (a "
        "point is one run, so no interval). Filled: trained to full length; hollow: stopped early, so at "
        f"fewer epochs than the others; on the rail above: {numbers.TIMES} diverged, + failed. Ringed: the "
        f"run that was chosen{by}. Light: the declared range; dark: its outer 5 % on either side, where a "
        f"best rate counts as being at the edge.{branches if has_branches else ''}{without}"
    )


def alt_learning_rates(frame: pd.DataFrame) -> str:
    """Return the chosen rate of each arm, where it lies, and how many runs are on the rail."""
    arms = []
    for arm, runs in frame.groupby("arm", sort=False):
        best = runs[runs["is_best"]]
        chosen = (
            f"chosen rate {' and '.join(map(numbers.rate, best['learning_rate']))}"
            if len(best)
            else "no rate chosen"
        )
        at_edge = f" at the {best['edge'].dropna().iloc[0]} edge" if best["edge"].notna().any() else ""
        rail = int((runs["place"] == "rail").sum())
        arms.append(f"{arm}: {len(runs)} runs, {chosen}{at_edge}, {rail} without a finite value")
    return f"Validation result against learning rate for every search run. {'; '.join(arms)}."


def _shows_more_than_a_response(facts: Facts) -> bool:
    """Return whether the figure has an arm that no response over learning rates has."""
    ranged = _searched_arms(facts)
    measured = {point.arm for line in facts.lines_over("lr") for point in line.points}
    if facts.records.metrics.of_program:
        return bool(ranged - measured)
    return not ranged or bool(ranged - measured)


LEARNING_RATES = Block(
    name="learning_rates",
    section="trust",
    plot=Plot(
        title="Learning rates",
        compute=compute_learning_rates,
        draw=draw_learning_rates,
        caption=caption_learning_rates,
        alt=alt_learning_rates,
        is_for=_shows_more_than_a_response,
    ),
)
