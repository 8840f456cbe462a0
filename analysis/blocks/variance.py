"""Where does the noise of a test accuracy, or of another headline metric, come from: search, seed, images?"""

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.blocks import Block, Plot, Table
from analysis.facts import Facts
from analysis.metrics import Metric, metrics_in, noted
from analysis.records import StudyRecords
from analysis.render import numbers
from analysis.render.figure import FAINT, INK, RC, ArmStyle
from analysis.replicates import design_of, planned_runs, searches
from analysis.statistics.images import Deviation, components, deviation_limits

_LAST_EPOCHS = 5
"""Epochs at the end of a run over which its wobble is measured."""
_MOST_ARMS = 12
"""Arms that the figure draws."""

Source = Literal["search", "seed", "images", "epochs"]
Basis = Literal["measured", "at most", "not known", "none"]
"""`at most`: only a limit is known. `none`: there is no such source, as the arm searches nothing."""

_HEADINGS: dict[Source, str] = {
    "search": "Search: SD",
    "seed": "Seed: SD",
    "images": "Test images: SD",
    "epochs": "Last epochs: SD",
}
_COMPARED: dict[Source, str] = {"search": "search", "seed": "seed", "images": "test images"}
"""Sources of the same number, the headline on the test set, in the words of captions."""
_COLUMNS = {
    "arm": "str",
    "source": "str",
    "basis": "str",
    "deviation": "float64",
    "low": "float64",
    "high": "float64",
    "n": "int64",
    "diverged": "int64",
}


_TWO = "one search and one seed"


@dataclass(frozen=True, kw_only=True)
class Noise:
    """How far one source moves the headline, in its unit: a standard deviation with its 95 % interval."""

    source: Source
    basis: Basis = "not known"
    deviation: float | None = None
    low: float | None = None
    high: float | None = None
    n: int = 0
    """Searches, confirm runs, test images, or runs of enough epochs."""

    @classmethod
    def measured(cls, source: Source, found: Deviation, n: int) -> "Noise":
        """Return what was measured."""
        return cls(
            source=source, basis="measured", deviation=found.value, low=found.low, high=found.high, n=n
        )

    @classmethod
    def at_most(cls, source: Source, high: float, n: int) -> "Noise":
        """Return what is known where sources cannot be parted."""
        return cls(source=source, basis="at most", low=0.0, high=high, n=n)


def compute(facts: Facts) -> pd.DataFrame:
    """Return one row an arm and source of noise: how far it moves the headline metric.

    Returns: Columns `arm, source, basis, deviation, low, high, n, diverged`; the fields of `Noise`. By
        `source`: `search`, between whole searches, over `n` of them; `seed`, between confirm seeds of one
        configuration, over `n` confirm runs; `images`, of the arm's mean accuracy over draws of `n` test
        images, of accuracies alone; `epochs`, of the headline on validation data around a straight line
        through a run's last 5 epochs, over `n` runs. `diverged` counts confirm runs that did: they void the
        first three.
    """
    rows: list[dict[str, Any]] = []
    for arm in facts.records.arms:
        runs = planned_runs(facts.records, arm)
        diverged = int((runs["status"] == "diverged").sum())
        completed = runs[runs["status"] == "completed"]
        found = _sources(facts, arm, completed, is_void=bool(diverged))
        rows += [{"arm": arm, "diverged": diverged} | asdict(noise) for noise in found]
    return noted(pd.DataFrame(rows, columns=list(_COLUMNS)).astype(_COLUMNS), facts.records.metrics)


def _sources(facts: Facts, arm: str, completed: pd.DataFrame, *, is_void: bool) -> Iterator[Noise]:
    headline = facts.records.metrics.headline
    runs = completed.dropna(subset=headline.name)
    by_repeat = [list(own) for _, own in runs.groupby("repeat")[headline.name]]
    n_searches = len(by_repeat) if searches(facts.records, arm) else 0
    is_repeated = n_searches > 0 and design_of(facts.records).unit == "repeat"
    if is_void:
        yield Noise(source="search", basis="not known" if n_searches else "none", n=n_searches)
        yield Noise(source="seed", n=len(runs))
    else:
        values = list(runs[headline.name])
        yield from _parted(by_repeat) if is_repeated else _of_one_search(values, n_searches)
    if headline.is_accuracy and facts.records.declaration.known_data is not None:
        yield Noise(source="images") if is_void else _of_images(facts, arm, values)
    wobbles = wobble_variances(facts.records, completed["run_id"])
    yield _spread("epochs", float(wobbles.mean()), (_LAST_EPOCHS - 2) * len(wobbles), len(wobbles))


def _of_one_search(values: Sequence[float], n_searches: int) -> Iterator[Noise]:
    """Yield the seeds' noise; of the search's nothing is known, unless there was none."""
    yield Noise(source="search", basis="not known" if n_searches else "none", n=n_searches)
    variance = float(np.var(values, ddof=1)) if len(values) > 1 else 0.0
    yield _spread("seed", variance, len(values) - 1, len(values))


def _parted(by_repeat: Sequence[Sequence[float]]) -> Iterator[Noise]:
    """Yield the noise of searches and of seeds; with one seed a repeat, only that of both together."""
    repeats, runs = len(by_repeat), sum(len(values) for values in by_repeat)
    parts = components(by_repeat)
    if parts is not None:
        yield Noise.measured("search", parts.search, repeats)
        yield Noise.measured("seed", parts.seed, runs)
    elif repeats > 1:
        both = float(np.var([np.mean(values) for values in by_repeat], ddof=1))
        _, high = deviation_limits(both, repeats - 1)
        yield Noise.at_most("search", high, repeats)
        yield Noise.at_most("seed", high, runs)
    else:
        yield from _of_one_search([value for values in by_repeat for value in values], repeats)


def _of_images(facts: Facts, arm: str, accuracies: Sequence[float]) -> Noise:
    """Return the images' noise in an arm's mean; without predictions it is at most that of a single run."""
    data = facts.records.declaration.known_data
    n = data.test_samples if data else 0
    if known := facts.new_images.get(arm):
        return Noise.measured("images", Deviation(known.image_deviation, *known.image_limits), n)
    limit = facts.records.binomial_error(float(np.mean(accuracies))) if accuracies else None
    return Noise(source="images") if limit is None else Noise.at_most("images", limit, n)


def _spread(source: Source, variance: float, df: int, n: int) -> Noise:
    if df < 1:
        return Noise(source=source, n=n)
    return Noise.measured(source, Deviation(math.sqrt(variance), *deviation_limits(variance, df)), n)


def wobble_variances(records: StudyRecords, run_ids: "pd.Series[str]") -> "pd.Series[float]":
    """Return by run id the variance of the validated headline around a line through its last 5 epochs.

    The line takes two of the five degrees of freedom. Runs with fewer epochs, or without a value at one of
    them, are left out.
    """
    epochs = records.epochs_of(run_ids)
    last = epochs[epochs.groupby("run_id").cumcount(ascending=False) < _LAST_EPOCHS]
    name = records.metrics.validated.name
    known = last.groupby("run_id")[name].transform("count")
    last = last[known == _LAST_EPOCHS]
    values = last[name].to_numpy(dtype=np.float64).reshape(-1, _LAST_EPOCHS)
    time = np.arange(_LAST_EPOCHS) - (_LAST_EPOCHS - 1) / 2
    centred = values - values.mean(axis=1, keepdims=True)
    residuals = centred - np.outer(centred @ time / (time @ time), time)
    variances = (residuals**2).sum(axis=1) / (_LAST_EPOCHS - 2)
    return pd.Series(variances, index=last["run_id"].iloc[::_LAST_EPOCHS].to_numpy(), dtype="float64")


def told_apart(frame: pd.DataFrame) -> dict[tuple[Source, Source], list[str]]:
    """Return by larger and smaller source the arms whose 95 % intervals of the two do not overlap."""
    arms: dict[tuple[Source, Source], list[str]] = defaultdict(list)
    for arm, rows in frame.groupby("arm", sort=False):
        limits = {row["source"]: (row["low"], row["high"]) for row in rows.to_dict("records")}
        for larger in _COMPARED:
            for smaller in _COMPARED:
                is_known = larger in limits and smaller in limits
                if is_known and limits[larger][0] > limits[smaller][1]:  # never where a limit is absent
                    arms[larger, smaller].append(str(arm))
    return dict(arms)


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
            f"around a straight line through a run's last {_LAST_EPOCHS} epochs, root mean square over n "
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
        f"{_COMPARED[larger]} above {_COMPARED[smaller]} in "
        + ("every arm" if len(arms) == n_arms > 1 else ", ".join(arms))
        for (larger, smaller), arms in apart.items()
    )
    return f"Told apart, as their intervals do not overlap: {found}. Nothing else is."


def compute_drawn(facts: Facts) -> pd.DataFrame:
    """Return the rows of `compute` that are drawn: those of the headline as tested, of the first arms."""
    frame = facts.once(compute)
    is_drawn = frame["source"].isin(list(_COMPARED)) & (frame["basis"] != "none")
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
        ax.set_yticks(heights, [metrics_in(frame).worded(_COMPARED[row["source"]]) for row in rows])
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
        f"{row['arm']}, {_COMPARED[row['source']]}: {_cell(row, metric)}" for row in frame.to_dict("records")
    ]
    unit = f" in {metric.unit_in_words}" if metric.unit else ""
    return f"Standard deviations of a {metric.label}{unit}. {'; '.join(rows)}."


VARIANCE = Block(
    name="variance",
    section="trust",
    table=Table(
        title="Sources of noise",
        compute=lambda facts: facts.once(compute),
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
