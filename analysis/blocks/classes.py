"""Which classes does each arm get right, and which does it take for which?

Everything comes from the predicted classes of the confirm runs. As in every table of means, an arm with a
diverged seed has none.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from analysis import statistics
from analysis.blocks import Block, Plot, Table
from analysis.facts import Facts
from analysis.metrics import metrics_in, noted
from analysis.records import StudyRecords
from analysis.render import numbers
from analysis.render.axes import leave_room_for, name_panel, panel_grid
from analysis.render.figure import INK, RC, ArmStyle
from harness.recipe.datasets import DATASETS

_MOST_CLASSES = 20
"""Classes in a table or figure; its CSV has all."""
_MOST_ARMS = 12
"""Arms in one panel."""
_MOST_PANELS = 6
_MOST_PAIRS = 10
"""Confusions in the table."""
_MOST_WRITTEN = 12
"""With more classes no number is written into the cells of a confusion matrix."""
_DARK = 0.6
"""Share of the darkest cell from which on numbers are white."""
_LEGEND_LETTERS = 90
"""That fit beside each other below a panel."""
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
_PAIRS = {
    "arm": "str",
    "label": "int64",
    "predicted": "int64",
    "true_name": "str",
    "predicted_name": "str",
    "images": "int64",
    "n": "int64",
    "share": "float64",
    "low": "float64",
    "high": "float64",
}


@dataclass(frozen=True, kw_only=True, eq=False)
class Confusions:
    """What the confirm runs of each arm take each class for."""

    names: Sequence[str]
    """Of the classes, `(n_classes,)`."""
    sizes: NDArray[np.int64]
    """Test images of each class, `(n_classes,)`."""
    counts: Mapping[str, NDArray[np.float64]]
    """By arm `(n, n_classes, n_classes)`: how many images of a class (second axis) each replicate takes for a
    class (third), the mean of its runs; no replicates where a seed diverged or nothing is kept."""

    @property
    def labels(self) -> list[int]:
        """The classes that have test images."""
        return [int(label) for label in np.flatnonzero(self.sizes)]

    def interval(self, arm: str, label: int, predicted: int) -> statistics.MeanInterval:
        """Return the share of a class's images that an arm takes for a class: the mean of its replicates."""
        return statistics.t_interval(list(self.counts[arm][:, label, predicted] / self.sizes[label]))

    def mean_share(self, arm: str) -> NDArray[np.float64]:
        """Return the mean of an arm's confusion matrices, `(n_classes, n_classes)`, rows adding up to 1."""
        shares: NDArray[np.float64] = self.counts[arm].mean(axis=0) / np.maximum(self.sizes, 1)[:, np.newaxis]
        return shares


def confusions(facts: Facts) -> Confusions:
    """Return what each arm takes for what."""
    records = facts.records
    dataset = str(records.tested_on)
    labels = records.frames.predictions.labels_of(dataset)
    n_classes = records.frames.predictions.n_classes_of(dataset)
    counts = {}
    for arm in records.arms:
        of_replicates = [
            _mean_counts(records, run_ids, labels, n_classes) for run_ids in records.replicates_of(arm)
        ]
        known = [found for found in of_replicates if found is not None]
        counts[arm] = np.array(known, dtype=np.float64).reshape(-1, n_classes, n_classes)
    named = DATASETS[dataset].class_names if dataset in DATASETS else ()
    names = named or tuple(map(str, range(n_classes)))
    return Confusions(names=names, sizes=np.bincount(labels, minlength=n_classes), counts=counts)


def _mean_counts(
    records: StudyRecords, run_ids: Sequence[str], labels: NDArray[np.uint8], n_classes: int
) -> NDArray[np.float64] | None:
    """Return how many images each pair of classes has, the mean of some runs; None where one kept nothing."""
    of_runs = [records.predictions(run_id) for run_id in run_ids]
    pairs = [labels.astype(np.int64) * n_classes + classes for classes in of_runs if classes is not None]
    if len(pairs) < len(of_runs):
        return None
    counts: NDArray[np.float64] = np.bincount(np.concatenate(pairs), minlength=n_classes**2) / len(pairs)
    return counts


def compute_accuracy(facts: Facts) -> pd.DataFrame:
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


def lay_out_accuracy(frame: pd.DataFrame) -> pd.DataFrame:
    """Return one row a class and one column an arm, in percent; of many classes those hardest on average."""
    rows = []
    for _, of_class in _hardest(frame).groupby("label"):
        first = of_class.iloc[0]
        cells = {row["arm"]: _percent(row, "accuracy") for row in of_class.to_dict("records")}
        rows.append({"Class": first["name"], "Images": numbers.count(first["images"])} | cells)
    return pd.DataFrame(rows)


def _hardest(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of the classes with the lowest accuracy, on average over arms."""
    means = frame.groupby("label")["accuracy"].mean().sort_values(kind="stable")
    return frame[frame["label"].isin(means.index[:_MOST_CLASSES])]


def _percent(row: Mapping[Any, Any], name: str) -> str:
    half_width = row["high"] - row[name]
    return numbers.with_uncertainty(row[name], half_width, scale=100, decimals=2)


def caption_accuracy(facts: Facts, frame: pd.DataFrame) -> str:
    """Return what is shown, over which runs, and what the intervals do not hold."""
    how = (
        "Share of each class's test images that is classified right, in percent: mean and 95 % Student "
        f"t-interval over {_replicates_in_words(facts, frame)}, each for itself and for these test images."
    )
    n_classes = frame["label"].nunique()
    few = [f"The {_MOST_CLASSES} hardest of {n_classes} classes."] if n_classes > _MOST_CLASSES else []
    return " ".join([how, *few, *_void_in_words(facts, frame)])


def _replicates_in_words(facts: Facts, frame: pd.DataFrame) -> str:
    noun = "replicates" if facts.records.declaration.search.max_repeats > 1 else "confirm seeds"
    return f"n = {numbers.span(frame.loc[frame['n'] > 0, 'n'])} {noun} of each arm"


def _void_in_words(facts: Facts, frame: pd.DataFrame) -> list[str]:
    void = [arm for arm in facts.records.arms if not (frame.loc[frame["arm"] == arm, "n"] > 0).any()]
    return [f"Without a mean, since a run diverged or none was tested: {', '.join(void)}."] if void else []


def compute_drawn_accuracy(facts: Facts) -> pd.DataFrame:
    """Return what is drawn of `compute_accuracy`: arms with a mean, and of many classes the hardest.

    Columns as there.
    """
    frame = _hardest(facts.once(compute_accuracy))
    arms = list(dict.fromkeys(frame.loc[frame["n"] > 0, "arm"]))[:_MOST_ARMS]
    return noted(frame[frame["arm"].isin(arms)].reset_index(drop=True), facts.records.metrics)


def caption_drawn_accuracy(facts: Facts, _frame: pd.DataFrame) -> str:
    """Return what the marks and bars are, or where that stands."""
    with_mean = facts.once(compute_accuracy).query("n > 0")["arm"].nunique()
    few = f" The first {_MOST_ARMS} of {with_mean} arms are drawn." if with_mean > _MOST_ARMS else ""
    return f"The table of the same name, drawn: means with their 95 % intervals.{few}"


def draw_accuracy(frame: pd.DataFrame, styles: dict[str, ArmStyle]) -> Figure:
    """Draw one row a class: each arm's mean as its mark, with its interval."""
    arms, names = list(dict.fromkeys(frame["arm"])), frame.drop_duplicates("label")["name"]
    with mpl.rc_context(RC):
        height = len(names) * max(0.34, 0.1 * len(arms)) + 0.9 + 0.2 * math.ceil(len(arms) / 2)
        figure = Figure(figsize=(7.2, height), layout="constrained")
        ax = figure.subplots()
        for place, arm in enumerate(arms):
            rows, style = frame[frame["arm"] == arm], styles[arm]
            heights = np.arange(len(rows)) + 0.7 * ((place + 0.5) / len(arms) - 0.5)
            ax.hlines(heights, 100 * rows["low"], 100 * rows["high"], color=style.color, linewidth=1.4)
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


def alt_accuracy(frame: pd.DataFrame) -> str:
    """Return each arm's hardest and easiest class."""
    ends = []
    for arm, rows in frame.groupby("arm", sort=False):
        ordered = rows.sort_values("accuracy", kind="stable").to_dict("records")
        worst, best = (f"{row['name']} {_percent(row, 'accuracy')}" for row in (ordered[0], ordered[-1]))
        ends.append(f"{arm} from {worst} to {best}")
    return f"Percent of each class's test images that are right: {'; '.join(ends)}."


def compute_pairs(facts: Facts) -> pd.DataFrame:
    """Return one row a confusion and arm: the share of a class's test images that is taken for another.

    Returns: Columns `arm, label, predicted, true_name, predicted_name, images, n, share, low, high`: the mean
        over `n` replicates with its 95 % t-interval, of the ten confusions most frequent on average over
        arms, these first. Shares are in [0, 1].
    """
    found = facts.once(confusions)
    tested = [arm for arm in facts.records.arms if len(found.counts[arm])]
    mean = np.mean([found.mean_share(arm) for arm in tested], axis=0)
    np.fill_diagonal(mean, 0)
    order = np.argsort(-mean, axis=None, kind="stable")[:_MOST_PAIRS]
    places = [np.unravel_index(place, mean.shape) for place in order if mean.flat[place] > 0]
    rows = []
    for label, predicted in [(int(label), int(predicted)) for label, predicted in places]:
        names = {"true_name": found.names[label], "predicted_name": found.names[predicted]}
        pair = {"label": label, "predicted": predicted, "images": found.sizes[label]} | names
        for arm in facts.records.arms:
            interval = found.interval(arm, label, predicted)
            values = {"share": interval.mean, "low": interval.low, "high": interval.high}
            rows.append({"arm": arm, "n": interval.n} | pair | values)
    return pd.DataFrame(rows, columns=list(_PAIRS)).astype(_PAIRS)


def lay_out_pairs(frame: pd.DataFrame) -> pd.DataFrame:
    """Return one row a confusion and one column an arm, in percent of the class's images."""
    rows = []
    for _, of_pair in frame.groupby(["label", "predicted"], sort=False):
        first = of_pair.iloc[0]
        cells = {row["arm"]: _percent(row, "share") for row in of_pair.to_dict("records")}
        rows.append({"Class": first["true_name"], "Taken for": first["predicted_name"]} | cells)
    return pd.DataFrame(rows)


def caption_pairs(facts: Facts, frame: pd.DataFrame) -> str:
    """Return which confusions these are, and how the intervals were made."""
    if frame.empty:
        return "No class is taken for another one."
    how = (
        f"The {len(frame) // frame['arm'].nunique()} most frequent confusions, on average over arms: share "
        "of the class's test images that is taken for the other one, in percent; mean and 95 % Student "
        f"t-interval over {_replicates_in_words(facts, frame)}, each for itself and for these test images. "
        "Chosen as the largest, so that most are a little too high."
    )
    return " ".join([how, *_void_in_words(facts, frame)])


def compute_matrices(facts: Facts) -> pd.DataFrame:
    """Return one row an arm, class and predicted class of the arms drawn.

    Returns: Columns `arm, label, predicted, true_name, predicted_name, images, n, share`: the mean over `n`
        replicates of the share of the class's test images, in [0, 1]. Of more than six arms those with the
        highest mean accuracy.
    """
    found = facts.once(confusions)
    right = {
        arm: float(counts.trace(axis1=1, axis2=2).mean())
        for arm, counts in found.counts.items()
        if len(counts)
    }
    drawn = sorted(right, key=lambda arm: -right[arm])[:_MOST_PANELS]
    rows = [
        {
            "arm": arm,
            "label": label,
            "predicted": predicted,
            "true_name": found.names[label],
            "predicted_name": found.names[predicted],
            "images": found.sizes[label],
            "n": len(found.counts[arm]),
            "share": share,
        }
        for arm in facts.records.arms
        if arm in drawn
        for label in found.labels
        for predicted, share in enumerate(found.mean_share(arm)[label])
    ]
    columns = {name: kind for name, kind in _PAIRS.items() if name not in {"low", "high"}}
    return pd.DataFrame(rows, columns=list(columns)).astype(columns)


def draw_matrices(frame: pd.DataFrame, styles: dict[str, ArmStyle]) -> Figure:
    """Draw one panel an arm, a row a class: the darker a cell, the more images are taken for its column."""
    arms = list(dict.fromkeys(frame["arm"]))
    darkest = 100 * float(frame.loc[frame["label"] != frame["predicted"], "share"].max()) or 1.0
    with mpl.rc_context(RC | {"axes.grid": False}):
        columns = min(len(arms), 2 if len(arms) in {2, 4} else 3)
        figure, axes = panel_grid(len(arms), columns=columns, side=3.4 if columns > 1 else 4.8)
        leave_room_for(figure, frame["true_name"])
        for place, (ax, arm) in enumerate(zip(axes, arms, strict=True)):
            _draw_matrix(ax, frame[frame["arm"] == arm], darkest, has_rows_named=place % columns == 0)
            name_panel(ax, styles[arm].label, color=INK)
        figure.supxlabel("predicted class", fontsize=9)
        figure.supylabel("class", fontsize=9)
    return figure


def _draw_matrix(ax: Axes, frame: pd.DataFrame, darkest: float, *, has_rows_named: bool) -> None:
    """Draw an arm's matrix; what is right stays white, or nobody would see the rest beside it."""
    shares = 100 * frame.pivot_table(index="label", columns="predicted", values="share")
    cells = shares.to_numpy()
    is_right = shares.index.to_numpy()[:, np.newaxis] == shares.columns.to_numpy()
    ax.pcolormesh(
        np.where(is_right, 0, cells), cmap="Blues", vmin=0, vmax=darkest, rasterized=cells.size > 400
    )
    if cells.shape[1] <= _MOST_WRITTEN:
        for (row, column), share in np.ndenumerate(cells):
            if share >= 0.5:
                is_dark = not is_right[row, column] and share > _DARK * darkest
                look: dict[str, Any] = {"color": "white" if is_dark else INK, "fontsize": 6.5}
                ax.text(column + 0.5, row + 0.5, f"{share:.0f}", ha="center", va="center", **look)
    true, predicted = (frame.drop_duplicates(name) for name in ("label", "predicted"))
    step = math.ceil(cells.shape[1] / _MOST_CLASSES)
    ax.set_xticks(
        np.arange(len(predicted))[::step] + 0.5, list(predicted["predicted_name"])[::step], rotation=90
    )
    names = list(true["true_name"])[::step] if has_rows_named else []
    ax.set_yticks(np.arange(len(true))[::step] + 0.5 if names else [], names)
    ax.tick_params(length=0, labelsize=7)
    ax.set_aspect("equal")
    ax.invert_yaxis()


def caption_matrices(facts: Facts, frame: pd.DataFrame) -> str:
    """Return what a cell is, over which runs, and which arms are drawn."""
    how = (
        "Confusion matrices: of the test images of a class (row) the percentage that is taken for each class "
        f"(column), mean over {_replicates_in_words(facts, frame)}. Shades are those of errors; the diagonal "
        "is left white."
    )
    sentences = [how]
    if frame["predicted"].nunique() <= _MOST_WRITTEN:
        sentences.append("Shares below 0.5 % are not written.")
    tested = sum(len(counts) > 0 for counts in facts.once(confusions).counts.values())
    if tested > _MOST_PANELS:
        sentences.append(f"The {_MOST_PANELS} of {tested} arms with the highest mean accuracy.")
    return " ".join(sentences)


def alt_matrices(frame: pd.DataFrame) -> str:
    """Return each arm's most frequent confusion."""
    wrong = frame[frame["label"] != frame["predicted"]].sort_values("share", ascending=False, kind="stable")
    first = wrong.drop_duplicates("arm").to_dict("records")
    amounts = [
        f"{row['arm']} takes {100 * row['share']:.1f} % of {row['true_name']} for {row['predicted_name']}"
        for row in first
    ]
    return f"Confusion matrix of each arm; most frequent: {'; '.join(amounts)}."


def _is_for(facts: Facts) -> bool:
    """Return whether there is an arm whose confirm runs keep their predictions, and none of them diverged."""
    if not facts.records.frames.predictions:
        return False
    return any(len(counts) for counts in facts.once(confusions).counts.values())


CLASS_ACCURACY = Block(
    name="class_accuracy",
    section="results",
    table=Table(
        title="Accuracy of each class",
        compute=lambda facts: facts.once(compute_accuracy),
        lay_out=lay_out_accuracy,
        caption=caption_accuracy,
        is_for=_is_for,
    ),
    plot=Plot(
        title="Accuracy of each class",
        compute=compute_drawn_accuracy,
        draw=draw_accuracy,
        caption=caption_drawn_accuracy,
        alt=alt_accuracy,
        is_for=_is_for,
    ),
)

CONFUSIONS = Block(
    name="confusions",
    section="results",
    table=Table(
        title="Most frequent confusions",
        compute=compute_pairs,
        lay_out=lay_out_pairs,
        caption=caption_pairs,
        is_for=_is_for,
    ),
    plot=Plot(
        title="Confusion matrices",
        compute=compute_matrices,
        draw=draw_matrices,
        caption=caption_matrices,
        alt=alt_matrices,
        is_for=_is_for,
    ),
)
