"""Would runs that early stopping ended have won?

The table has what each arm's audit found, and how well the values at the rungs of ASHA rank the runs as their
final values do. ASHA acts on ranks at the rungs, so Spearman's correlation with the final values measures
what it relies on. It is known for runs that reached their end only: all that were let through, and a random
sample of the stopped ones, trained again by the audit. Each audited run therefore weighs as many stopped runs
as it stands for, which estimates the correlation among all of them; unweighted, the survivors would count too
much.

The figure has one panel an arm. Audited runs stand above the epoch at which they were stopped, at the height
by which they ended better or worse than the winner; those above the line would have won. Distances are small
near the winner and large far from it, hence a scale that is logarithmic in both directions.
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

from analysis import audit, statistics
from analysis.blocks import Block, Plot, Table
from analysis.facts import Facts
from analysis.metrics import Metric
from analysis.noted import metric_in, metrics_in, noted
from analysis.render import numbers
from analysis.render.axes import (
    draw_rail,
    lost_in_words,
    mark_rail,
    name_panel,
    panel_grid,
    ring,
    write_beside_rail,
)
from analysis.render.figure import INK, MOST_VECTOR_POINTS, RC, ArmStyle, mark_size
from harness.study.file import EarlyStopping, Search

_CORRELATION = "rank_correlation_"

_RANK_COLUMNS = {"arm": "str", "epoch": "int64", "rank_correlation": "float64", "n": "int64"}
_LINEAR_DECADES = 2
"""Decades below the largest distance at which the scale becomes linear around the winner."""
_PLACES = (0.0, -0.2, 0.2, -0.1, 0.1, -0.3, 0.3)
"""Where neighbours in rank stand beside each other, in columns, so that they hide no other."""

_WOULD_HAVE_WON = (
    "Would have won: audited runs that ended better than the winner of their search, of those that "
    "completed or diverged (a diverged run wins nothing; a failed one is missing), with Clopper and "
    "Pearson's 95 % interval for the share of all runs that such a search stops; it takes no account of "
    "how many of them were audited."
)
_REGRET = (
    "Regret: by how much the best audited run is better than the winner, 0 if none is; stopped runs that "
    "were not audited may raise it, and single runs compared include their luck. What the sampler would "
    "have proposed had they gone on is not measured."
)
_OVER_SEARCHES = (
    "Winner, best audited and regret are means over an arm's searches, the regret's with the half-width of "
    "the 95 % Student t-interval over them."
)
_RANKS = (
    "Rank correlation: Spearman's, between the value at a rung of early stopping and the final one, over "
    "the n completed and audited runs that reached their end, without interval. Completed runs are all that "
    "survived, audited ones a sample of the stopped, so each audited run weighs as many stopped runs as it "
    f"stands for ({numbers.ABSENT} for n < 3 or equal values)."
)


def compute_table(facts: Facts) -> pd.DataFrame:
    """Return one row a searched arm: its audit, and the rank correlations at its rungs.

    Returns: The columns of `analysis.audit.compute_audit`, then for each rung of any arm
        `rank_correlation_<epoch>` and the runs it rests on, `n_<epoch>`, absent where an arm has no such
        rung.
    """
    table = facts.audit.copy()
    for epoch, ranks in compute_ranks(facts).groupby("epoch"):
        at_rung = ranks.set_index("arm")
        table[f"{_CORRELATION}{epoch}"] = table["arm"].map(at_rung["rank_correlation"])
        table[f"n_{epoch}"] = table["arm"].map(at_rung["n"])
    return noted(table, facts.records.metrics)


def compute_ranks(facts: Facts) -> pd.DataFrame:
    """Return one row an arm and rung below full length; no row where no audit was asked for.

    Returns: Columns `arm, epoch, rank_correlation, n`. `n` counts completed and audited runs that went on
        beyond the rung; the correlation is absent for fewer than 3 and where all values are equal.
    """
    records, runs = facts.records, facts.audited_runs
    runs = runs.assign(weight=_weights(runs))[runs["final"].notna()]
    curves = audit.metric_curves(records, list(runs["full_run_id"]), facts.rule.metric)
    runs["length"] = [len(curves[run_id]) for run_id in runs["full_run_id"].to_numpy()]
    rows: list[dict[str, object]] = []
    for arm, group in runs.groupby("arm", sort=False):
        for rung in _rungs(records.declaration.search, int(group["length"].max())):
            beyond = group[group["length"] > rung]
            there = [curves[run_id][rung - 1] for run_id in beyond["full_run_id"].to_numpy()]
            value = statistics.rank_correlation(there, list(beyond["final"]), list(beyond["weight"]))
            rows.append({"arm": arm, "epoch": rung, "rank_correlation": value, "n": len(beyond)})
    return pd.DataFrame(rows, columns=list(_RANK_COLUMNS)).astype(_RANK_COLUMNS)


def _weights(runs: pd.DataFrame) -> pd.Series:
    """Return for how many runs each stands: an audited one for its share of those its search stopped.

    Audit runs that diverged stand for stopped runs that would have; only failed ones are missing.
    """
    is_known = (runs["fate"] == "audited") & runs["full_status"].isin(["completed", "diverged"])
    searches = [runs["arm"], runs["repeat"]]
    known = is_known.groupby(searches).transform("sum")
    stopped = (runs["fate"] != "completed").groupby(searches).transform("sum")
    return (stopped / known).where(is_known, 1.0)


def _rungs(search: Search, full_length: int) -> list[int]:
    """Return the epochs below full length at which ASHA compares runs."""
    stopping = search.early_stopping
    if not isinstance(stopping, EarlyStopping):
        return []
    factors = (stopping.reduction_factor**power for power in range(full_length.bit_length()))
    rungs = [stopping.grace_epochs * factor for factor in factors]
    return [rung for rung in rungs if rung < full_length]


def lay_out(frame: pd.DataFrame) -> pd.DataFrame:
    """Return counts with their shares, values in the readers' unit, and one column a rung."""
    rows = frame.to_dict("records")
    metric = metric_in(frame) if rows else metrics_in(frame).validated
    unit = f" ({metric.value_unit})" if metric.value_unit else ""
    cells = {
        "Arm": [str(row["arm"]) for row in rows],
        "Search runs stopped": [f"{row['stopped']} of {row['ended']}" for row in rows],
        "Audited": [_audited(row) for row in rows],
        "Would have won": [_would_win(row) for row in rows],
        f"Winner's {metric.axis}": [metric.amount(row["winner_final"]) for row in rows],
        f"Best audited{unit}": [metric.amount(row["best_audited"]) for row in rows],
        f"Regret{metric.difference_heading}": [
            metric.amount(row["regret"], row["regret_half_width"]) for row in rows
        ],
    }
    for name in (name for name in frame.columns if name.startswith(_CORRELATION)):
        epoch = name.removeprefix(_CORRELATION)
        cells[f"Rank correlation, epoch {epoch}"] = [
            _correlation(row[name], row[f"n_{epoch}"]) for row in rows
        ]
    return pd.DataFrame(cells)


def _audited(row: dict[Any, Any]) -> str:
    without_value = [f"{row[status]} {status}" for status in ("diverged", "failed") if row[status]]
    return f"{row['audited']} ({', '.join(without_value)})" if without_value else str(row["audited"])


def _would_win(row: dict[Any, Any]) -> str:
    if pd.isna(row["would_win"]):
        return numbers.ABSENT
    share = f"{100 * row['share_low']:.0f} to {100 * row['share_high']:.0f} %"
    return f"{row['would_win']} of {row['completed'] + row['diverged']} ({share})"


def _correlation(value: float, n: float) -> str:
    if not numbers.is_present(n):
        return numbers.ABSENT
    coefficient = f"{value:.2f}" if numbers.is_present(value) else numbers.ABSENT
    return f"{coefficient} (n = {n:.0f})"


def caption_table(facts: Facts, frame: pd.DataFrame) -> str:
    """Return how runs were drawn for the audit, and what each column estimates."""
    drawn = (
        f"Stopped search runs, up to {facts.records.declaration.search.audit} a search and drawn at random, "
        "trained again at full length with the same configuration and seed (n = 1 run each). The audit "
        "chooses nothing: winners stay."
    )
    if not frame["audited"].any():
        return f"{drawn} No audit run has ended, so whether early stopping misled is not known."
    values = f"Values: {facts.rule.in_words()}."
    regret = [_REGRET, *([_OVER_SEARCHES] if frame["searches"].max() > 1 else [])]
    return " ".join([drawn, _WOULD_HAVE_WON, values, *regret, _RANKS, _repetition(frame)])


def _repetition(frame: pd.DataFrame) -> str:
    """Return how exactly audit runs repeated the runs they are to repeat."""
    largest = frame["repeat_deviation"].max()
    if not numbers.is_present(largest) or largest == 0:
        return "Up to where they had been stopped, audit runs repeated their values exactly."
    metric = metric_in(frame)
    return (
        "Up to where they had been stopped, audit runs departed from their values by up to "
        f"{metric.scale * largest:.2g}{metric.unit}."
    )


def compute_plot(facts: Facts) -> pd.DataFrame:
    """Return the rows of `analysis.audit.compute_runs`, of arms with a winner and an audit run with a result.

    Stopped runs that were not audited are among them: they are counted below the axis.
    """
    runs = facts.audited_runs
    is_known = (runs["fate"] == "audited") & runs["full_status"].isin(["completed", "diverged"])
    arms = set(runs.loc[is_known, "arm"]) & set(runs.loc[runs["is_winner"], "arm"])
    return noted(runs[runs["arm"].isin(arms)].reset_index(drop=True), facts.records.metrics)


def draw(frame: pd.DataFrame, styles: dict[str, ArmStyle]) -> Figure:
    """Draw one panel an arm, all with the same stopping epochs and one scale of the distance."""
    arms = list(dict.fromkeys(frame["arm"]))
    metric = metric_in(frame)
    frame = frame.assign(gain=metric.scale * frame["gain"])
    is_image = int(frame["gain"].notna().sum()) > MOST_VECTOR_POINTS
    stops = sorted(set(frame.loc[frame["fate"] != "completed", "search_epochs"]))
    with mpl.rc_context(RC):
        figure, axes = panel_grid(len(arms), columns=min(3, len(arms)), side=3.4, sharey=True)
        _scale(axes[0], frame["gain"], metric)
        for ax, arm in zip(axes, arms, strict=True):
            _draw_arm(ax, frame[frame["arm"] == arm], stops, styles[arm], metric, is_image=is_image)
        figure.supxlabel("stopped after epoch (below: runs audited, of those stopped there)", fontsize=9)
        height = f"final {metric.label},\nbetter (+) or worse than the winner{_in(metric)}"
        figure.supylabel(height, fontsize=9, multialignment="center")
    return figure


def _in(metric: Metric) -> str:
    return f",{metric.unit}" if metric.unit else ""


def _scale(ax: Axes, gains: "pd.Series[float]", metric: Metric) -> None:
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
    ax: Axes, frame: pd.DataFrame, stops: Sequence[int], style: ArmStyle, metric: Metric, *, is_image: bool
) -> None:
    name_panel(ax, style.label, pad=20)
    ax.axhline(0, color=INK, linewidth=1.2, zorder=2)
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
    _draw_lost(ax, frame[frame["fate"] == "audited"], stops, style)


def _draw_column(
    ax: Axes, runs: pd.DataFrame, column: int, style: ArmStyle, *, face: str, is_image: bool
) -> None:
    """Draw the runs of one stopping epoch from the best down, side by side; ring the winner."""
    runs = runs[runs["gain"].notna()].sort_values(["gain", "run_id"], ascending=False)
    places = column + np.resize(_PLACES, len(runs))
    look: dict[str, Any] = {"marker": style.marker, "edgecolor": style.color, "zorder": 3}
    look |= mark_size(30, len(runs))
    ax.scatter(places, runs["gain"], facecolor=face, rasterized=is_image, **look)
    is_winner = runs["is_winner"].to_numpy()
    ring(ax, places[is_winner], runs["gain"][is_winner])


def _draw_lost(ax: Axes, audited: pd.DataFrame, stops: Sequence[int], style: ArmStyle) -> None:
    """Put audit runs that diverged on the rail."""
    draw_rail(ax)
    diverged = audited[audited["full_status"] == "diverged"]
    for column, stop in enumerate(stops):
        count = int((diverged["search_epochs"] == stop).sum())
        mark_rail(ax, column + np.resize(_PLACES, count), "x", color=style.color)
    write_beside_rail(ax, lost_in_words(len(diverged), int((audited["full_status"] == "failed").sum())))


def caption_plot(facts: Facts, frame: pd.DataFrame) -> str:
    """Return what the marks and the scale mean."""
    if frame.empty:
        return (
            "No drawing of early stopping: in no arm with a winner has an audit run completed or diverged, "
            "so whether stopped runs would have won is not known."
        )
    rule, metric = facts.rule, metric_in(frame)
    is_known = (frame["fate"] == "audited") & (frame["full_status"] != "failed")
    sizes = frame[is_known].groupby("arm", sort=False).size()
    counts = ", ".join(f"{arm} {n}" for arm, n in sizes.items())
    drawn = set(frame["arm"].unique())
    without = [arm for arm in facts.records.arms if arm not in drawn]
    region = (
        f" Shaded: within ±{metric.scale * metric.equivalence:g}{metric.unit} of the winner, where claims "
        "count a difference as too small to matter unless the study says otherwise."
        if metric.equivalence is not None
        else ""
    )
    return (
        f"Would stopped runs have won? Hollow: randomly drawn stopped runs, trained again at full length (n: "
        f"{counts}), above the epoch at which they were stopped; one above the line ended better than the "
        "winner. Filled: the runs that were never stopped; ringed: the winner of each search. Height: the "
        f"final value ({rule.in_words()}) less that of the search's winner, turned so that up is better, on "
        f"a scale that is logarithmic in both directions; a point is one run, so no interval.{region} On the "
        f"rail above: {numbers.TIMES} diverged when trained on. Audit runs that failed are missing, and "
        "search runs that diverged or failed are left out."
        + (f" Not shown, for want of a winner or an audit run: {', '.join(without)}." if without else "")
    )


def alt(frame: pd.DataFrame) -> str:
    """Return for each arm how many audited runs would have won, and by how much at most."""
    arms = []
    for arm, runs in frame.groupby("arm", sort=False):
        audited = runs[(runs["fate"] == "audited") & (runs["full_status"] != "failed")]
        better = audited[audited["gain"] > 0]["gain"]
        metric = metric_in(frame)
        most = f", by up to {metric.amount(better.max())}{metric.unit}"
        count = f"{len(better)} of {len(audited)} audited runs ended better than the winner"
        arms.append(f"{arm}: {count}{most if len(better) else ''}")
    return (
        f"Final values of stopped runs that were trained again, compared with the winner. {'; '.join(arms)}."
    )


EARLY_STOPPING = Block(
    name="early_stopping",
    section="trust",
    table=Table(
        title="Audit of early stopping",
        compute=compute_table,
        lay_out=lay_out,
        caption=caption_table,
        is_for=lambda facts: audit.is_asked(facts.records),
    ),
    plot=Plot(
        title="Early stopping",
        compute=compute_plot,
        draw=draw,
        caption=caption_plot,
        alt=alt,
        is_for=lambda facts: audit.is_asked(facts.records),
    ),
)
