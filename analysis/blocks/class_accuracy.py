"""How much of each class does each arm get right?"""

import math
from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from analysis.blocks import Block, Plot, Table
from analysis.confusions import are_known, confusions, in_percent, replicates_in_words, void_in_words
from analysis.facts import Facts
from analysis.noted import metrics_in, noted
from analysis.render import numbers
from analysis.render.figure import RC, ArmStyle

_MOST_CLASSES = 20
"""Classes in the table and the figure; the CSV has all."""
_MOST_ARMS = 12
"""Arms in the panel."""
_LEGEND_LETTERS = 90
"""That fit beside each other below the panel."""
_ACCURACIES = {
    "arm": "str",
    "label": "int64",
    "name": "str",
    "images": "int64",
    "n": "int64",
    "accuracy": "float64",
    "low": "float64",
    "high": "float64",
}


def compute(facts: Facts) -> pd.DataFrame:
    """Return one row an arm and class: the share of the class's test images that is right.

    Returns: Columns `arm, label, name, images, n, accuracy, low, high`: the mean over `n` replicates with
        its 95 % t-interval, absent for arms with a diverged seed. Shares are in [0, 1].
    """
    found = facts.once(confusions)
    rows = []
    for arm in facts.records.arms:
        for label in found.labels:
            interval = found.interval(arm, label, label)
            of_class = {"label": label, "name": found.names[label], "images": found.sizes[label]}
            values = {"accuracy": interval.mean, "low": interval.low, "high": interval.high}
            rows.append({"arm": arm, "n": interval.n} | of_class | values)
    return pd.DataFrame(rows, columns=list(_ACCURACIES)).astype(_ACCURACIES)


def lay_out(frame: pd.DataFrame) -> pd.DataFrame:
    """Return one row a class and one column an arm, in percent; of many classes those hardest on average."""
    rows = []
    for _, of_class in _hardest(frame).groupby("label"):
        first = of_class.iloc[0]
        cells = {row["arm"]: in_percent(row, "accuracy") for row in of_class.to_dict("records")}
        rows.append({"Class": first["name"], "Images": numbers.count(first["images"])} | cells)
    return pd.DataFrame(rows)


def _hardest(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of the classes with the lowest accuracy, on average over arms."""
    means = frame.groupby("label")["accuracy"].mean().sort_values(kind="stable")
    return frame[frame["label"].isin(means.index[:_MOST_CLASSES])]


def caption_table(facts: Facts, frame: pd.DataFrame) -> str:
    """Return what is shown, over which runs, and what the intervals do not hold."""
    how = (
        "Share of each class's test images that is classified right, in percent: mean and 95 % Student "
        f"t-interval over {replicates_in_words(facts, frame)}, each for itself and for these test images."
    )
    n_classes = frame["label"].nunique()
    few = [f"The {_MOST_CLASSES} hardest of {n_classes} classes."] if n_classes > _MOST_CLASSES else []
    return " ".join([how, *few, *void_in_words(facts, frame)])


def compute_drawn(facts: Facts) -> pd.DataFrame:
    """Return what is drawn of `compute`: arms with a mean, and of many classes the hardest.

    Columns as there.
    """
    frame = _hardest(facts.once(compute))
    arms = list(dict.fromkeys(frame.loc[frame["n"] > 0, "arm"]))[:_MOST_ARMS]
    return noted(frame[frame["arm"].isin(arms)].reset_index(drop=True), facts.records.metrics)


def caption_plot(facts: Facts, _frame: pd.DataFrame) -> str:
    """Return what the marks and bars are, or where that stands."""
    with_mean = facts.once(compute).query("n > 0")["arm"].nunique()
    few = f" The first {_MOST_ARMS} of {with_mean} arms are drawn." if with_mean > _MOST_ARMS else ""
    return f"The table of the same name, drawn: means with their 95 % intervals.{few}"


def draw(frame: pd.DataFrame, styles: dict[str, ArmStyle]) -> Figure:
    """Draw one row a class: each arm's mean as its mark, with its interval."""
    arms, names = list(dict.fromkeys(frame["arm"])), frame.drop_duplicates("label")["name"]
    with mpl.rc_context(RC):
        height = len(names) * max(0.34, 0.1 * len(arms)) + 0.9 + 0.2 * math.ceil(len(arms) / 2)
        figure = Figure(figsize=(7.2, height), layout="constrained")
        ax = figure.subplots()
        for place, arm in enumerate(arms):
            rows, style = frame[frame["arm"] == arm], styles[arm]
            heights = np.arange(len(rows)) + 0.7 * ((place + 0.5) / len(arms) - 0.5)
            ends = 100 * rows[["low", "high"]].clip(0, 1)
            ax.hlines(heights, ends["low"], ends["high"], color=style.color, linewidth=1.4)
            look: dict[str, Any] = {"color": style.color, "markersize": 5, "linestyle": "none"}
            ax.plot(100 * rows["accuracy"], heights, style.marker, **look)
        ax.set_yticks(range(len(names)), list(names))
        ax.set_ylim(len(names) - 0.5, -0.5)
        ax.tick_params(axis="y", length=0)
        ax.set_xlabel(metrics_in(frame).worded("test images of the class that are right (%)"))
        _add_legend(figure, [styles[arm] for arm in arms])
    return figure


def _add_legend(figure: Figure, styles: Sequence[ArmStyle]) -> None:
    longest = max(len(style.label) for style in styles)
    columns = max(1, min(len(styles), _LEGEND_LETTERS // (longest + 4)))
    marks = [
        Line2D([], [], color=style.color, marker=style.marker, label=style.label, markersize=5)
        for style in styles
    ]
    figure.legend(handles=marks, loc="outside lower center", ncols=columns, frameon=False, fontsize=8)


def alt(frame: pd.DataFrame) -> str:
    """Return each arm's hardest and easiest class."""
    ends = []
    for arm, rows in frame.groupby("arm", sort=False):
        ordered = rows.sort_values("accuracy", kind="stable").to_dict("records")
        worst, best = (f"{row['name']} {in_percent(row, 'accuracy')}" for row in (ordered[0], ordered[-1]))
        ends.append(f"{arm} from {worst} to {best}")
    return f"Percent of each class's test images that are right: {'; '.join(ends)}."


CLASS_ACCURACY = Block(
    name="class_accuracy",
    section="results",
    table=Table(
        title="Accuracy of each class",
        compute=lambda facts: facts.once(compute),
        lay_out=lay_out,
        caption=caption_table,
        is_for=are_known,
    ),
    plot=Plot(
        title="Accuracy of each class",
        compute=compute_drawn,
        draw=draw,
        caption=caption_plot,
        alt=alt,
        is_for=are_known,
    ),
)
