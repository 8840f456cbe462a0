"""What did a search's budget buy, trial by trial?

Trials of a random search without early stopping are independent draws, so their values say what any number of
such trials reaches: the tuning curve, with a band that holds for all numbers at once. Trials of any other
search depend on each other; what remains is the one path that was walked.
"""

from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, StrMethodFormatter

from analysis.blocks import Block, Plot
from analysis.facts import Facts
from analysis.metrics import Metric
from analysis.noted import metric_in, noted
from analysis.records import StudyRecords
from analysis.render import numbers
from analysis.render.figure import RC, ArmStyle
from analysis.render.names import height_for_labels, label_ends
from analysis.search import at_full_length
from analysis.statistics.tuning import median_best, median_best_band
from harness.study.file import EarlyStopping, Search

_MOST_POINTS = 200
"""Numbers of trials at which a tuning curve is worked out: with more, evenly spread over their logarithms."""

_COLUMNS = {
    "arm": "str",
    "kind": "str",
    "metric": "str",
    "trials": "int64",
    "value": "float64",
    "low": "float64",
    "high": "float64",
    "run_id": "str",
    "n": "int64",
    "completed": "int64",
}


def is_independent(search: Search) -> bool:
    """Return whether the trials of a search do not depend on each other: drawn at random, none stopped."""
    return search.sampler == "random" and not isinstance(search.early_stopping, EarlyStopping)


def compute(facts: Facts) -> pd.DataFrame:
    """Return of each arm its tuning curve where trials are independent, else the path of its first search.

    Returns: Columns `arm, kind, metric, trials, value, low, high, run_id, n, completed`. `kind` is `median`:
        one row a number of `trials`, with the median of the best value they reach and the ends of its 95 %
        band, absent where infinite; or `path`: one row each time that the best value so far improved, by
        `run_id`, after so many `trials` had ended, and one for the last trial. `n` counts the arm's trials,
        `completed` those of full length; others give nothing. Arms without any value have no row.
    """
    records, rule = facts.records, facts.rule
    curve = _median if is_independent(records.declaration.search) else _path
    frames = []
    for arm in records.arms:
        found = records.runs_of("search", arm).sort_values(["ended_at", "run_id"], kind="stable")
        runs = found.loc[(found["repeat"] == 0) | (curve is _median), "run_id"]
        values = at_full_length(records, "search", arm)
        gains = (rule.sign * values).reindex(runs, fill_value=-np.inf)
        completed = int(np.isfinite(gains).sum())
        if completed:
            rows = curve(gains, rule.sign)
            frames.append(rows.assign(arm=arm, metric=rule.metric, n=len(runs), completed=completed))
    frame = pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()
    return noted(frame.reindex(columns=list(_COLUMNS)).astype(_COLUMNS), records.metrics)


def _median(gains: "pd.Series[float]", sign: int) -> pd.DataFrame:
    """Return the tuning curve of gains, which are values whose sign makes more of them better."""
    few = np.arange(1, len(gains) + 1)
    spread = np.rint(np.geomspace(1, len(gains), _MOST_POINTS)).astype(np.int64)
    sizes = few if len(few) <= _MOST_POINTS else np.unique(spread)
    middle, ends = median_best(list(gains), list(sizes)), median_best_band(list(gains), list(sizes))
    low, high = ends if sign > 0 else ends[::-1]
    curve = pd.DataFrame({"trials": sizes, "value": middle, "low": low, "high": high})
    signed = sign * curve[["value", "low", "high"]]
    return curve.assign(**signed.where(np.isfinite(signed)), kind="median", run_id="")


def _path(gains: "pd.Series[float]", sign: int) -> pd.DataFrame:
    """Return the steps of the best gain so far, and where they end."""
    best = np.maximum.accumulate(np.asarray(gains, dtype=np.float64))
    steps = np.flatnonzero(best > np.concatenate([[-np.inf], best[:-1]]))
    ends = np.unique([*steps, len(best) - 1])  # the last trial ends the line, whatever it gave
    finders = gains.index[steps[np.searchsorted(steps, ends, side="right") - 1]]
    path = {"trials": ends + 1, "value": sign * best[ends], "run_id": finders}
    return pd.DataFrame(path).assign(kind="path")


def draw(frame: pd.DataFrame, styles: dict[str, ArmStyle]) -> Figure:
    """Draw one line an arm: steps for the path of a search, a curve with its band for independent trials."""
    metric = metric_in(frame)
    frame = frame.assign(**{name: frame[name] * metric.scale for name in ("value", "low", "high")})
    is_path = frame["kind"].iloc[0] == "path"
    with mpl.rc_context(RC):
        height = height_for_labels(frame["arm"].nunique(), 3.8)
        figure = Figure(figsize=(7.2, height), layout="constrained")
        ax = figure.subplots()
        for arm, rows in frame.groupby("arm", sort=False):
            (_draw_path if is_path else _draw_median)(ax, rows, styles[str(arm)])
            ax.plot(*rows[["trials", "value"]].iloc[-1], "|", color=styles[str(arm)].color, markersize=9)
        _set_trials(ax, int(frame["trials"].max()), is_log=not is_path)
        ax.set_xlabel("search trials that have ended" if is_path else "independent search trials (log scale)")
        ax.set_ylabel(metric.drawn_axis)
        last = frame.dropna(subset="value").groupby("arm", sort=False).tail(1).to_dict("records")
        label_ends(ax, {row["arm"]: (row["trials"], row["value"]) for row in last}, styles)
    return figure


def _set_trials(ax: Axes, most: int, *, is_log: bool) -> None:
    """Set the horizontal axis: from the first trial to a little beyond the last."""
    if is_log:
        ax.set_xscale("log", base=2)
        ax.xaxis.set_major_formatter(StrMethodFormatter("{x:.0f}"))
        ax.set_xlim(0.9, 1.08 * most)
    else:
        ax.xaxis.set_major_locator(MaxNLocator(8, integer=True))
        ax.set_xlim(0, 1.02 * most)


def _draw_path(ax: Axes, rows: pd.DataFrame, style: ArmStyle) -> None:
    """Draw the steps of one search, with a mark where it found something."""
    line: dict[str, Any] = {"color": style.color, "linestyle": style.line, "linewidth": 1.5}
    ax.step(rows["trials"], rows["value"], where="post", **line)
    changes = rows.drop_duplicates("run_id")
    ax.plot(changes["trials"], changes["value"], style.marker, color=style.color, markersize=4.5)


def _draw_median(ax: Axes, rows: pd.DataFrame, style: ArmStyle) -> None:
    """Draw one tuning curve; its band is shaded where both ends exist, each end a thin line where it does."""
    ax.plot(rows["trials"], rows["value"], color=style.color, linestyle=style.line, linewidth=1.7)
    for end in ("low", "high"):
        ax.plot(rows["trials"], rows[end], color=style.color, linestyle=style.line, linewidth=0.7)
    ax.fill_between(rows["trials"], rows["low"], rows["high"], color=style.color, alpha=0.13, linewidth=0)


def caption(facts: Facts, frame: pd.DataFrame) -> str:
    """Return what the lines are, why there is a band or none, and how many trials gave a value."""
    if frame.empty:
        return "No tuning curve: no search run has reached full length."
    records, rule = facts.records, facts.rule
    most = "highest" if rule.sign > 0 else "lowest"
    arms = frame.drop_duplicates("arm")
    how = _of_path(records, most) if frame["kind"].iloc[0] == "path" else _of_median(most)
    counted = (
        f"Of {numbers.span(arms['n'])} trials an arm, {numbers.span(arms['completed'])} reached full "
        "length; stopped, diverged and failed ones count as trials that gave nothing. A line ends, with a "
        "bar, at the arm's last trial. Values are those of single runs, and the "
        f"{most} of several is optimistic."
    )
    missing = [
        arm for arm in records.arms if records.declaration.arms[arm].space and arm not in set(arms["arm"])
    ]
    without = f"No run of full length: {', '.join(missing)}." if missing else ""
    return " ".join([how.format(value=rule.in_words()), counted, without]).rstrip()


def _of_path(records: StudyRecords, most: str) -> str:
    search = records.declaration.search
    stops = ", runs stopped early" if isinstance(search.early_stopping, EarlyStopping) else ""
    which = f"the first of {records.max_repeats} searches" if records.is_repeated else "one search"
    return (
        f"The {most} {{value}} so far, in the order in which trials ended, with a mark where it changed. "
        f"Each line is the one path that {which} walked (n = 1; sampler {search.sampler}{stops}): "
        "its trials depend on each other, so there is no band, and another search would walk another path."
    )


def _of_median(most: str) -> str:
    return (
        f"Median over searches of the {most} {{value}} that so many independent random trials reach, "
        "estimated from all trials of the arm (Lourie et al. 2023). Band: 95 % for all numbers of trials of "
        "an arm at once, from the Dvoretzky-Kiefer-Wolfowitz inequality with Massart's constant; where one "
        "of its edges is missing, the trials do not bound that side."
    )


def alt(frame: pd.DataFrame) -> str:
    """Return what each arm reached after a quarter of its trials and after all of them."""
    arms = []
    for arm, rows in frame.groupby("arm", sort=False):
        n = int(rows["n"].iloc[0])
        early = max(1, n // 4)
        values = [_reached(rows, trials, metric_in(frame)) for trials in (early, n)]
        arms.append(f"{arm} {values[0]} after {early} of its trials and {values[1]} after all {n}")
    return f"What the search reached against the number of its trials. {'; '.join(arms)}."


def _reached(rows: pd.DataFrame, trials: int, metric: Metric) -> str:
    """Return the value at a number of trials: that of the last row up to it."""
    values = rows.loc[rows["trials"] <= trials, "value"]
    text = metric.amount(values.iloc[-1] if len(values) else None)
    return f"{text} {metric.value_unit}" if metric.value_unit and text != numbers.ABSENT else text


def _is_for(facts: Facts) -> bool:
    """Return whether trials were drawn one after another; a grid has its points and no budget to spend."""
    return facts.is_searched and facts.records.declaration.search.sampler != "grid"


TUNING_CURVES = Block(
    name="tuning_curves",
    section="trust",
    plot=Plot(
        title="What the search's budget bought",
        compute=compute,
        draw=draw,
        caption=caption,
        alt=alt,
        is_for=_is_for,
    ),
)
