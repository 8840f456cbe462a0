"""Where does the noise of a test accuracy, or of another headline metric, come from: search, seed, images?"""

from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.blocks import Block, Plot, Table
from analysis.facts import Facts
from analysis.metrics import Metric
from analysis.noted import metrics_in
from analysis.render import numbers
from analysis.render.figure import FAINT, INK, RC, ArmStyle
from analysis.variance import COMPARED, LAST_EPOCHS, Source, sources_of_noise, told_apart

_MOST_ARMS = 12
"""Arms that the figure draws."""

_HEADINGS: dict[Source, str] = {
    "search": "Search: SD",
    "seed": "Seed: SD",
    "images": "Test images: SD",
    "epochs": "Last epochs: SD",
}
_TWO = "one search and one seed"


def lay_out(frame: pd.DataFrame) -> pd.DataFrame:
    """Return one row an arm and one column a source, in the readers' unit, each with its n."""
    headline = metrics_in(frame).headline
    cells: dict[str, list[str]] = {"Arm": list(dict.fromkeys(frame["arm"]))}
    for source, heading in _HEADINGS.items():
        rows = frame[frame["source"] == source]
        if len(rows) and (source != "epochs" or rows["n"].any()):  # else all runs are too short
            named = heading + headline.difference_heading
            cells[named] = [_cell(row, headline) for row in rows.to_dict("records")]
    return pd.DataFrame(cells)


def _cell(row: dict[Any, Any], metric: Metric) -> str:
    n = f"n = {row['n']:,}"
    if row["basis"] == "none":
        return "nothing was searched"
    if row["basis"] == "at most":
        return f"at most {_points(row['high'], metric)} ({n})"
    if row["basis"] == "measured":
        deviation, low, high = (_points(row[name], metric) for name in ("deviation", "low", "high"))
        return f"{deviation} ({low} to {high}, {n})"
    if row["diverged"] and row["source"] != "epochs":
        return f"not known: {row['diverged']} diverged ({n})"
    return "not known: one search" if row["source"] == "search" else f"not known ({n})"


def _points(deviation: float, metric: Metric) -> str:
    """Return a deviation in the readers' unit with two significant digits."""
    points = metric.scale * deviation
    return f"{points:.{numbers.decimals_of(points)}f}" if points > 1e-12 else "0"


def caption(facts: Facts, frame: pd.DataFrame) -> str:
    """Return what each source is, how it was measured, and what the intervals tell apart."""
    bases = {(row["source"], row["basis"]) for row in frame.to_dict("records")}
    headline = facts.records.metrics.headline
    what = (
        f"How far each source moves one {headline.label}: a standard deviation (SD){headline.in_unit} with "
        "its 95 % interval, for normal noise."
    )
    sentences = [
        what,
        *_on_search(bases, headline),
        (
            f"Seed: over confirm seeds of one configuration (n runs), which vary {facts.records.seeds_vary}; "
            "chi-square interval."
        ),
        *_on_images(bases),
    ]
    if ("epochs", "measured") in bases:
        sentences.append(
            f"Last epochs: of {facts.records.metrics.validated.label}, so not to be compared with the rest: "
            f"around a straight line through a run's last {LAST_EPOCHS} epochs, root mean square over n "
            "confirm runs."
        )
    if frame["diverged"].any():
        sentences.append(
            "A diverged run leaves its arm's noise unknown: the survivors alone would flatter it."
        )
    return " ".join([*sentences, _comparison_in_words(frame)])


def _on_search(bases: set[tuple[str, str]], headline: Metric) -> list[str]:
    sentences = []
    if ("search", "measured") in bases:
        sentences.append(
            "Search: between the configurations that n whole searches chose, less what their seeds alone "
            "make of it (0 where that is more); Williams' interval, wide with few searches."
        )
    if ("search", "at most") in bases:
        sentences.append(
            "With one confirm seed a search the two cannot be parted: neither is more than both together."
        )
    if ("search", "not known") in bases:
        sentences.append(
            "Search: another search could choose another configuration. How far that moves the "
            f"{headline.short} is not known from a single search, and no interval of this report holds it."
        )
    return sentences


def _on_images(bases: set[tuple[str, str]]) -> list[str]:
    sentences = []
    if ("images", "measured") in bases:
        sentences.append(
            "Test images: of the arm's mean accuracy, over other draws of n images of their kind, from which "
            "images its runs get right; further seeds do not average it out, and arms share some of it."
        )
    if ("images", "at most") in bases:
        sentences.append(
            "Test images, where no predictions or a single run are kept: at most the binomial standard error "
            "of one run on n images."
        )
    return sentences


def _comparison_in_words(frame: pd.DataFrame) -> str:
    """Return what is larger than what, where two intervals do not overlap."""
    n_arms, apart = frame["arm"].nunique(), told_apart(frame)
    if not apart:
        return "In no arm do the intervals tell which source is the larger."
    found = "; ".join(
        f"{COMPARED[larger]} above {COMPARED[smaller]} in "
        + ("every arm" if len(arms) == n_arms > 1 else ", ".join(arms))
        for (larger, smaller), arms in apart.items()
    )
    return f"Told apart, as their intervals do not overlap: {found}. Nothing else is."


def compute_drawn(facts: Facts) -> pd.DataFrame:
    """Return the sources of noise that are drawn: those of the headline as tested, of the first arms."""
    frame = facts.once(sources_of_noise)
    is_drawn = frame["source"].isin(list(COMPARED)) & (frame["basis"] != "none")
    frame = frame[is_drawn & frame["arm"].isin(facts.records.arms[:_MOST_ARMS])].reset_index(drop=True)
    return frame if frame["high"].notna().any() else frame.head(0)


def draw(frame: pd.DataFrame, styles: dict[str, ArmStyle]) -> Figure:
    """Draw the sources of each arm below each other, all arms on one scale."""
    rows, metric = frame.to_dict("records"), metrics_in(frame).headline
    heights = np.arange(len(rows)) + 0.7 * (frame["arm"] != frame["arm"].shift()).cumsum().to_numpy()
    with mpl.rc_context(RC):
        figure = Figure(figsize=(6.6, 0.8 + 0.23 * (heights[-1] + 1)), layout="constrained")
        ax = figure.subplots()
        for row, height in zip(rows, heights, strict=True):
            _draw_source(ax, row, styles[row["arm"]], float(height), metric.scale)
        for arm, first in frame.reset_index().groupby("arm", sort=False)["index"].min().items():
            place: dict[str, Any] = {"xycoords": ("axes fraction", "data"), "va": "center"}
            name = styles[str(arm)].label
            ax.annotate(name, (0.01, heights[first] - 0.85), fontsize=8, fontweight="bold", **place)
        ax.set_yticks(heights, [metrics_in(frame).worded(COMPARED[row["source"]]) for row in rows])
        ax.set_ylim(heights[-1] + 0.6, heights[0] - 1.3)
        ax.set_xlim(left=0)
        ax.tick_params(axis="y", length=0)
        ax.grid(visible=False, axis="y")
        unit = f" ({metric.unit_in_words})" if metric.unit else ""
        ax.set_xlabel(f"standard deviation of a {metric.label}{unit}")
    return figure


def _draw_source(ax: Axes, row: dict[Any, Any], style: ArmStyle, height: float, scale: float) -> None:
    """Draw a source: its estimate with its interval, its limit as a bar, or that it is not known."""
    low, high = scale * row["low"], scale * row["high"]
    if row["basis"] == "measured":
        ax.plot([low, high], [height, height], color=INK, linewidth=1.6, solid_capstyle="butt", zorder=3)
        look: dict[str, Any] = {"color": style.color, "markersize": 6, "clip_on": False, "zorder": 4}
        ax.plot(scale * row["deviation"], height, style.marker, **look)
    elif row["basis"] == "at most":
        ax.barh(height, high, height=0.4, color="#d8dee4", edgecolor=FAINT, linewidth=0.8, zorder=2)
    else:
        place: dict[str, Any] = {"xycoords": ("axes fraction", "data"), "va": "center"}
        ax.annotate("not known", (0.01, height), fontsize=8, color=FAINT, style="italic", **place)


def caption_drawn(facts: Facts, frame: pd.DataFrame) -> str:
    """Return what the marks are, and which arms are not drawn."""
    if frame.empty:
        return "No sources of noise: no arm has two completed confirm runs."
    headline = facts.records.metrics.headline
    has_images = "images" in set(frame["source"])
    sources = "one search, one seed and the draw of the test images" if has_images else _TWO
    marks = (
        f"What {sources} each add to one {headline.label}, in "
        "standard deviations. Marks and lines: estimates and 95 % intervals, as in the table of sources "
        "of noise, which gives n and how they are made. Wide bars: only a limit is known, their end."
    )
    left_out = len(facts.records.arms) - frame["arm"].nunique()
    cut = f" {left_out} more arms, in the order of the study file, are not drawn." if left_out else ""
    return f"{marks}{cut}"


def alt(frame: pd.DataFrame) -> str:
    """Return the sources of each arm in words."""
    metric = metrics_in(frame).headline
    rows = [
        f"{row['arm']}, {COMPARED[row['source']]}: {_cell(row, metric)}" for row in frame.to_dict("records")
    ]
    unit = f" in {metric.unit_in_words}" if metric.unit else ""
    return f"Standard deviations of a {metric.label}{unit}. {'; '.join(rows)}."


VARIANCE = Block(
    name="variance",
    section="trust",
    table=Table(
        title="Sources of noise",
        compute=lambda facts: facts.once(sources_of_noise),
        lay_out=lay_out,
        caption=caption,
        is_for=lambda facts: facts.records.has_confirm,
    ),
    plot=Plot(
        title="How large is each source of noise?",
        compute=compute_drawn,
        draw=draw,
        caption=caption_drawn,
        alt=alt,
        is_for=lambda facts: facts.records.has_confirm,
    ),
)
