"""How far do the runs of each arm's chosen configuration lie apart? Every confirm run, mean and interval."""

from collections.abc import Mapping
from typing import Any

import matplotlib as mpl
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis import statistics
from analysis.blocks import Block, Plot
from analysis.design import counted_in_words
from analysis.facts import Facts
from analysis.metrics import Metric
from analysis.noted import metrics_in, noted
from analysis.records import StudyRecords
from analysis.render import numbers
from analysis.render.axes import lifts, row_height
from analysis.render.figure import FAINT, INK, MOST_VECTOR_POINTS, RC, ArmStyle
from analysis.render.names import leave_room_for
from analysis.render.numbers import capitalised
from analysis.render.svg import name_runs
from analysis.replicates import replicates


def compute_final(facts: Facts) -> pd.DataFrame:
    """Return one row a confirm seed, and one row an arm with its mean and interval.

    Returns: Columns `arm, line, run_id, seed, status, test_accuracy, low, high, n`, or another headline
        metric. `line` is `seed` or `mean`. The mean of an arm with a diverged seed is absent. Accuracies are
        in [0, 1].
    """
    headline = facts.records.metrics.headline.name
    confirm = facts.records.runs_of("confirm")
    rows: list[dict[Any, Any]] = []
    for arm in facts.records.arms:
        runs = confirm[confirm["arm"] == arm]
        of_seed = ["arm", "run_id", "seed", "status", headline]
        rows += [{"line": "seed", "n": 1, **row} for row in runs[of_seed].to_dict("records")]
        if len(runs):
            rows.append({"arm": arm, "line": "mean", "run_id": "", "status": "", **_mean(facts.records, arm)})
    columns = _columns(headline)
    return noted(pd.DataFrame(rows, columns=list(columns)).astype(columns), facts.records.metrics)


def _mean(records: StudyRecords, arm: str) -> dict[str, object]:
    """Return the mean over an arm's replicates; none where one diverged."""
    headline = records.metrics.headline.name
    own = replicates(records, arm, headline)
    interval = statistics.t_interval([] if own.count("diverged") else own.measured.tolist())
    ends = {"low": interval.low, "high": interval.high}
    return {headline: interval.mean, **ends, "n": own.count("completed")}


def draw_final(frame: pd.DataFrame, styles: dict[str, ArmStyle]) -> Figure:
    """Draw one row an arm: its seeds as dots, its mean and interval below them."""
    arms, headline = list(dict.fromkeys(frame["arm"])), metrics_in(frame).headline
    with mpl.rc_context(RC):
        figure = Figure(figsize=(7.2, 0.9 + row_height(len(arms), 0.62) * len(arms)), layout="constrained")
        leave_room_for(figure, (styles[arm].label for arm in arms))
        ax = figure.subplots()
        for height, arm in enumerate(arms):
            _draw_arm(ax, frame[frame["arm"] == arm], styles[arm], height, headline)
        if frame[headline.name].isna().all():
            ax.set_xlim(0, 100)
        ax.set_yticks(range(len(arms)), [styles[arm].label for arm in arms])
        ax.set_ylim(len(arms) - 0.5, -0.5)
        ax.tick_params(axis="y", length=0)
        ax.grid(visible=False, axis="y")
        ax.set_xlabel(headline.drawn_axis)
    return figure


def _draw_arm(ax: Axes, rows: pd.DataFrame, style: ArmStyle, height: float, metric: Metric) -> None:
    """Draw an arm's seeds at `height`, its mean and interval a little below, and both as text beside them."""
    runs = rows[(rows["line"] == "seed") & rows[metric.name].notna()]
    seeds = list(metric.scale * runs[metric.name])
    mean = rows[rows["line"] == "mean"].to_dict("records")[0]
    heights = height - 0.09 * lifts(seeds)
    look: dict[str, Any] = {"color": style.color, "alpha": 0.75, "markersize": 5, "markeredgewidth": 0}
    (dots,) = ax.plot(seeds, heights, style.marker, rasterized=len(seeds) > MOST_VECTOR_POINTS, **look)
    name_runs(dots, runs["run_id"])
    if numbers.is_present(mean["low"]):
        below = height + 0.2
        ends = [metric.scale * mean["low"], metric.scale * mean["high"]]
        ax.plot(ends, [below, below], color=INK, linewidth=1.6)
        ax.plot(metric.scale * mean[metric.name], below, "|", color=INK, markersize=10, markeredgewidth=2)
    place: dict[str, Any] = {"xycoords": ("axes fraction", "data"), "va": "center"}
    ax.annotate(_remark(rows, mean, metric), (1.02, height), fontsize=8, color=FAINT, **place)


def _remark(rows: pd.DataFrame, mean: Mapping[Any, Any], metric: Metric) -> str:
    """Return what stands beside an arm: its mean and n, or why there is no mean."""
    diverged = int((rows["status"] == "diverged").sum())
    if diverged:
        return f"{diverged} of {(rows['line'] == 'seed').sum()} runs diverged: no mean"
    return f"{_amount(mean, metric)}, n = {mean['n']}"


def _amount(mean: Mapping[Any, Any], metric: Metric) -> str:
    return metric.amount(mean[metric.name], mean["high"] - mean[metric.name])


def caption_final(facts: Facts, frame: pd.DataFrame) -> str:
    """Return what the dots and bars are, and the noise that they do not show."""
    records = facts.records
    headline = records.metrics.headline
    if frame.empty:
        none = "No final accuracies" if records.metrics.has_accuracy else f"No final {headline.label}"
        if not records.has_confirm:
            return f"{none}: the study has no confirm phase, and no other run sees the test set."
        return f"{none}: no confirm run has ended."
    noise = image_error_in_words(facts)
    chosen = "chosen configuration" if records.has_search else "configuration"
    chosen += "s, one of each repeat" if records.is_repeated else ""
    return (
        f"{capitalised(headline.label)} of each arm's {chosen}. Dots: every confirm run, lifted only to be "
        f"seen. Bar: mean and 95 % Student t-interval over the n {counted_in_words(records)} named at the "
        f"right (n = 1: no bar).{f' {noise}' if noise else ''}"
    )


def image_error_in_words(facts: Facts) -> str:
    """Return how far other test images would move an accuracy, as a sentence; empty where that is unknown."""
    measured = [accuracy.image_deviation for accuracy in facts.new_images.values()]
    data = facts.records.declaration.known_data
    if data is None or not facts.records.metrics.has_accuracy:
        return ""
    means = facts.records.runs_of("confirm").groupby("arm")["test_accuracy"].mean().dropna()
    binomial = [facts.records.binomial_error(mean) for mean in means]
    errors = measured or [error for error in binomial if error]
    if not errors:
        return ""
    how_far = numbers.span(errors, lambda error: f"{100 * error:.2f}")
    return (
        f"The same {data.test_samples:,} test images serve every run. Others of "
        f"their kind would move an arm's accuracy by a standard error of {'' if measured else 'up to '}"
        f"{how_far} percentage points, and not all arms alike; intervals leave that out unless they name new "
        "test images."
    )


def alt_final(frame: pd.DataFrame) -> str:
    """Return each arm's mean and interval."""
    means = frame[frame["line"] == "mean"].to_dict("records")
    headline = metrics_in(frame).headline
    amounts = [f"{row['arm']} {_amount(row, headline)} (n = {row['n']})" for row in means]
    what = f"{capitalised(headline.label)}{headline.in_value_unit}"
    return f"{what}, every seed, mean and interval of each arm: {'; '.join(amounts)}."


def _columns(headline: str) -> dict[str, str]:
    texts, rest = dict.fromkeys(["arm", "line", "run_id"], "str"), {"low": "float64", "high": "float64"}
    return texts | {"seed": "Int64", "status": "str", headline: "float64", **rest, "n": "int64"}


def _block(name: str, title: str, *, of_accuracy: bool) -> Block:
    return Block(
        name=name,
        section="results",
        is_open=True,
        plot=Plot(
            title=title,
            compute=compute_final,
            draw=draw_final,
            caption=caption_final,
            alt=alt_final,
            is_for=lambda facts: facts.records.metrics.has_accuracy == of_accuracy,
        ),
    )


FINAL_ACCURACY = _block("final_accuracy", "Final accuracy", of_accuracy=True)
FINAL_VALUES = _block("final_values", "Final values", of_accuracy=False)
