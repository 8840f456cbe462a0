"""Which class does each arm take for which?"""

import math
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.blocks import Block, Plot, Table
from analysis.confusions import are_known, confusions, in_percent, replicates_in_words, void_in_words
from analysis.facts import Facts
from analysis.render.axes import panel_grid
from analysis.render.figure import INK, RC, ArmStyle
from analysis.render.names import leave_room_for, name_panel

_MOST_PANELS = 6
_MOST_PAIRS = 10
"""Confusions in the table."""
_MOST_WRITTEN = 12
"""With more classes no number is written into the cells of a matrix."""
_MOST_NAMED = 20
"""Classes named at an axis of a matrix."""
_DARK = 0.6
"""Share of the darkest cell from which on numbers are white."""
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
        cells = {row["arm"]: in_percent(row, "share") for row in of_pair.to_dict("records")}
        rows.append({"Class": first["true_name"], "Taken for": first["predicted_name"]} | cells)
    return pd.DataFrame(rows)


def caption_pairs(facts: Facts, frame: pd.DataFrame) -> str:
    """Return which confusions these are, and how the intervals were made."""
    if frame.empty:
        return "No class is taken for another one."
    how = (
        f"The {len(frame) // frame['arm'].nunique()} most frequent confusions, on average over arms: share "
        "of the class's test images that is taken for the other one, in percent; mean and 95 % Student "
        f"t-interval over {replicates_in_words(facts, frame)}, each for itself and for these test images. "
        "Chosen as the largest, so that most are a little too high."
    )
    return " ".join([how, *void_in_words(facts, frame)])


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
    step = math.ceil(cells.shape[1] / _MOST_NAMED)
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
        f"(column), mean over {replicates_in_words(facts, frame)}. Shades are those of errors; the diagonal "
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


CONFUSIONS = Block(
    name="confusions",
    section="results",
    table=Table(
        title="Most frequent confusions",
        compute=compute_pairs,
        lay_out=lay_out_pairs,
        caption=caption_pairs,
        is_for=are_known,
    ),
    plot=Plot(
        title="Confusion matrices",
        compute=compute_matrices,
        draw=draw_matrices,
        caption=caption_matrices,
        alt=alt_matrices,
        is_for=are_known,
    ),
)
