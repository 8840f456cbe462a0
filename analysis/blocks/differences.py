"""Which differences are real? A forest of differences, with the table of what each arm changes."""

from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import MaxNLocator

from analysis import pair_words, pairs
from analysis.blocks import Block, Plot
from analysis.blocks.baseline import AGAINST_BASELINE
from analysis.design import Key, design_of
from analysis.facts import Facts
from analysis.metrics import Metric
from analysis.noted import metrics_in, noted
from analysis.records import StudyRecords
from analysis.render import numbers
from analysis.render.axes import lifts, limits, row_height
from analysis.render.figure import FAINT, INK, MOST_VECTOR_POINTS, RC, ArmStyle

MINUS = "\N{MINUS SIGN}"
_MOST_PAIRS = 16
"""Rows where arms are compared in pairs: six arms have 15, two templates with four values 16."""
_MOST_ARMS = 40
"""Rows where every arm is compared with a baseline."""
_LONG = 24
"""Characters from which on the label of a row takes two lines."""
_COLUMNS = {
    "arm": "str",
    "than": "str",
    "line": "str",
    "seed": "Int64",
    "n": "int64",
    "difference": "float64",
    "low": "float64",
    "high": "float64",
    "level": "float64",
    "p_adjusted": "float64",
    "region": "float64",
    "reason": "str",
}


def compute_differences(facts: Facts) -> pd.DataFrame:
    """Return one row a common seed of each pair drawn, and one row a pair with its mean and interval.

    Returns: Columns `arm, than, line, seed, n, difference, low, high, level, p_adjusted, region, reason`.
        `line` is `seed` or `mean`. Differences of the headline metric are `arm` minus `than` in its unit,
        accuracies in [0, 1]; intervals are corrected for the whole family, of which only the first pairs are
        drawn. `region` is the
        half-width of the region of equivalence. `reason` says why a pair has no interval. No rows where no
        two arms share a seed.
    """
    records = facts.records
    (family, most), headline = _family(records), records.metrics.headline.name
    means = facts.differences(family, headline).head(most)
    if not means["n"].any():
        means = means.head(0)
    rows: list[dict[Any, Any]] = []
    own, region = pairs.sides_of(records, headline), smallest_region(facts)
    for mean in means.to_dict("records"):
        sides = {"arm": mean["arm"], "than": mean["than"]}
        gaps = pairs.gaps_of(records, own[mean["arm"]], own[mean["than"]])
        one = {"line": "seed", "n": 1, "reason": ""}
        rows += [sides | one | {"seed": _number(key), "difference": gap} for key, gap in gaps.items()]
        rows.append(mean | {"line": "mean", "region": region})
    return noted(pd.DataFrame(rows, columns=list(_COLUMNS)).astype(_COLUMNS), records.metrics)


def _number(key: Key) -> int:
    """Return the seed of a replicate, or of one that is no seed the number of its repeat."""
    return key if isinstance(key, int) else key[0]


def _family(records: StudyRecords) -> tuple[tuple[pairs.Pair, ...], int]:
    """Return the pairs that are compared, and how many of them are drawn."""
    against = pairs.against_baseline(records)
    return (against, _MOST_ARMS) if against else (pairs.unlike_in_one(records), _MOST_PAIRS)


def smallest_region(facts: Facts) -> float:
    """Return the region of equivalence that claims about the headline use; of several, the smallest."""
    headline = facts.records.metrics.headline
    usual = headline.equivalence or 0.0
    about = pairs.claims_about(facts.grounds, headline.name)
    return min((usual if claim.region is None else claim.region for claim in about), default=usual)


def draw_differences(frame: pd.DataFrame, styles: dict[str, ArmStyle]) -> Figure:
    """Draw one row a pair: its seeds as dots, its mean and interval below them, and its numbers beside."""
    means, metric = frame[frame["line"] == "mean"].to_dict("records"), metrics_in(frame).headline
    labels = [_label(row, styles) for row in means]
    longest = max(len(line) for label in labels for line in label.split("\n"))
    is_large = len(frame) > MOST_VECTOR_POINTS
    with mpl.rc_context(RC):
        # Long labels come out a few pixels wider in the files than where the layout measures them.
        layout = ConstrainedLayoutEngine(w_pad=0.04 + 0.002 * longest)
        figure = Figure(
            figsize=(6.0 + 0.075 * longest, 1.0 + row_height(len(means), 0.52) * len(means)), layout=layout
        )
        ax = figure.subplots()
        ax.axvline(0, color=INK, linewidth=1, zorder=1)
        region = metric.scale * float(frame["region"].max())
        ax.axvspan(-region, region, color="#e3e8ee", linewidth=0, zorder=0)
        low, high = _limits(frame)
        ax.set_xlim(low, high)
        for height, row in enumerate(means):
            of_pair = (frame["arm"] == row["arm"]) & (frame["than"] == row["than"])
            seeds = frame[of_pair & (frame["line"] == "seed")]
            _draw_seeds(ax, metric.scale * seeds["difference"], styles[row["arm"]], height, is_large=is_large)
            _draw_mean(ax, row, height, metric)
        ax.set_yticks(range(len(means)), labels)
        ax.set_ylim(len(means) - 0.45, -0.55)
        ax.tick_params(axis="y", length=0)
        ax.grid(visible=False, axis="y")
        ax.xaxis.set_major_locator(MaxNLocator(7))
        unit = f" ({metric.unit_in_words})" if metric.unit else ""
        ax.set_xlabel(f"difference in {metric.label}{unit}")
    return figure


def _label(row: dict[Any, Any], styles: dict[str, ArmStyle]) -> str:
    first, second = styles[row["arm"]].label, styles[row["than"]].label
    is_long = len(first) + len(second) > _LONG
    return f"{first}\n{MINUS} {second}" if is_long else f"{first} {MINUS} {second}"


def _limits(frame: pd.DataFrame) -> tuple[float, float]:
    """Return limits with 0, the region and every dot inside, and bars as far again at most."""
    region, scale = frame["region"].max(), metrics_in(frame).headline.scale
    seeds = frame.loc[frame["line"] == "seed", "difference"].dropna()
    inside = scale * pd.concat([pd.Series([-region, region]), seeds])
    ends = scale * pd.concat([frame["low"], frame["high"]]).dropna()
    return limits(inside, ends, reach=1.0, room=0.05)


def _draw_seeds(
    ax: Axes, differences: "pd.Series[float]", style: ArmStyle, height: float, *, is_large: bool
) -> None:
    """Draw the difference of every seed, lifted by rank so that neighbours do not hide each other."""
    values = np.asarray(differences, dtype=np.float64)
    look: dict[str, Any] = {"color": style.color, "alpha": 0.75, "s": 16, "linewidth": 0}
    heights = height - 0.04 - 0.08 * lifts(values)
    ax.scatter(values, heights, marker=style.marker, rasterized=is_large, zorder=3, **look)


def _draw_mean(ax: Axes, row: dict[Any, Any], height: float, metric: Metric) -> None:
    """Draw a mean with its interval a little below the row's dots, and both as text beside the axes."""
    below, (left, right) = height + 0.18, ax.get_xlim()
    if numbers.is_present(row["low"]):
        mean, low, high = (metric.scale * row[name] for name in ("difference", "low", "high"))
        ax.plot([low, high], [below, below], color=INK, linewidth=1.6, zorder=4)
        ax.plot(mean, below, "|", color=INK, markersize=9, markeredgewidth=2, zorder=4)
        for end, is_beyond, marker in ((left, low < left, "<"), (right, high > right, ">")):
            if is_beyond:
                ax.plot(end, below, marker, color=INK, markersize=6, clip_on=False, zorder=4)
    place: dict[str, Any] = {"xycoords": ("axes fraction", "data"), "va": "center"}
    ax.annotate(_remark(row, metric), (1.03, height), fontsize=8, color=FAINT, **place)


def _remark(row: dict[Any, Any], metric: Metric) -> str:
    """Return what stands beside a pair: its difference and n, or why there is none."""
    if row["n"] == 0:
        return "no common replicate"
    if not numbers.is_present(row["difference"]):
        return f"a run diverged: no mean, n = {row['n']}"
    amount = pair_words.amount(row["difference"], row["high"], metric)
    return f"{amount.replace('-', MINUS)}, n = {row['n']}"


def caption_differences(facts: Facts, frame: pd.DataFrame) -> str:
    """Return what the marks are, how the intervals were made, and which pairs are not drawn."""
    if frame.empty:
        return "No differences: no two arms that are compared share a completed confirm seed."
    records, metric = facts.records, facts.records.metrics.headline
    family, _ = _family(records)
    means = frame[frame["line"] == "mean"]
    is_whole = len(family) == len(pairs.every_pair(records))
    which = "" if is_whole else " of one template, or with the same values in two"
    compared = (
        f"Every other arm minus the declared baseline {records.declaration.baseline}"
        if pairs.against_baseline(records)
        else f"Every two arms{which}, the one that the study file names later minus the earlier one"
    )
    left_out = len(family) - len(means)
    cut = [f"{left_out} more pairs, in the order of the study file, are not drawn."] * bool(left_out)
    is_paired = design_of(records).seeds_are_common
    dots = "of every common seed" if is_paired else "of each of its replicates from the other arm's mean"
    marks = (
        f"{compared}: {_measured(metric)}. Dots, with the first arm's marker: the difference "
        f"{dots}, lifted only to be seen. Bar and tick: mean and simultaneous interval, also at "
        f"the right; an arrow where the interval leaves the axes. Line: no difference.{_shaded(facts, means)}"
    )
    everything = facts.differences(family, metric.name)
    return " ".join(
        [marks, pair_words.method(everything, records), *cut, *pair_words.cautions(facts.grounds, means)]
    )


def _measured(metric: Metric) -> str:
    """Return what is subtracted, in which unit, and which side is the better one where that is not plain."""
    unit = f" in {metric.unit_in_words}" if metric.unit else ""
    return f"{metric.label}{unit}{'' if metric.is_accuracy else f', {metric.sides}'}"


def _shaded(facts: Facts, means: pd.DataFrame) -> str:
    """Return what the shaded region is; nothing where the metric has none."""
    metric, region = facts.records.metrics.headline, float(means["region"].iloc[0])
    if not region:
        return ""
    half = f"{metric.scale * region:.3g}{metric.unit}"
    return f" Shaded: the region of equivalence, ±{half}{_regions(facts)}."


def _regions(facts: Facts) -> str:
    """Return a remark where claims about the headline declare regions of different size."""
    about = pairs.claims_about(facts.grounds, facts.records.metrics.headline.name)
    return ", the smallest of those that claims use" if len({claim.region for claim in about}) > 1 else ""


def alt_differences(frame: pd.DataFrame) -> str:
    """Return each pair's difference with its interval."""
    means = frame[frame["line"] == "mean"].to_dict("records")
    metric = metrics_in(frame).headline
    remarks = [f"{row['arm']} minus {row['than']} {_remark(row, metric)}" for row in means]
    unit = f" in {metric.unit_in_words}" if metric.unit else ""
    return f"Differences in {metric.label}{unit}, with interval: {'; '.join(remarks)}."


DIFFERENCES = Block(
    name="differences",
    section="results",
    is_open=True,
    table=AGAINST_BASELINE,
    plot=Plot(
        title="Which differences are real?",
        compute=compute_differences,
        draw=draw_differences,
        caption=caption_differences,
        alt=alt_differences,
        is_for=lambda facts: facts.records.has_confirm and len(facts.records.arms) > 1,
    ),
)
