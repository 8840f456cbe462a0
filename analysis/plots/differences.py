"""Which differences are real? A forest of paired differences in test accuracy."""

from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import MaxNLocator

from analysis import pairs
from analysis.claims import METRICS
from analysis.claims.evidence import confirm_values
from analysis.facts import Facts
from analysis.plots.spec import Plot
from analysis.records import StudyRecords
from analysis.render import numbers
from analysis.render.style import FAINT, INK, MOST_VECTOR_POINTS, RC, ArmStyle

MINUS = "\N{MINUS SIGN}"
_METRIC = "test_accuracy"
_MOST_PAIRS = 15
"""Rows where every pair of arms is compared: those of six arms."""
_MOST_ARMS = 40
"""Rows where every arm is compared with a baseline."""
_LONG = 24
"""Characters from which on the label of a row takes two lines."""
_ROOM = 0.05
"""Room on either side, as a share of the span."""
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


def compute_differences(records: StudyRecords) -> pd.DataFrame:
    """Return one row a common seed of each pair drawn, and one row a pair with its mean and interval.

    Returns: Columns `arm, than, line, seed, n, difference, low, high, level, p_adjusted, region, reason`.
        `line` is `seed` or `mean`. Differences are `arm` minus `than` with accuracies in [0, 1]; intervals
        are corrected for the whole family, of which only the first pairs are drawn. `region` is the
        half-width of the region of equivalence. `reason` says why a pair has no interval. No rows where no
        two arms share a seed.
    """
    family, most = _family(records)
    means = Facts(records).differences(family, _METRIC).head(most)
    if not means["n"].any():
        means = means.head(0)
    rows: list[dict[Any, Any]] = []
    found, region = confirm_values(records, records.arms, _METRIC), smallest_region(records)
    for mean in means.to_dict("records"):
        sides = {"arm": mean["arm"], "than": mean["than"]}
        gaps = pairs.paired(found[mean["arm"]], found[mean["than"]])
        one = {"line": "seed", "n": 1, "reason": ""}
        rows += [sides | one | {"seed": seed, "difference": gap} for seed, gap in gaps.items()]
        rows.append(mean | {"line": "mean", "region": region})
    return pd.DataFrame(rows, columns=list(_COLUMNS)).astype(_COLUMNS)


def _family(records: StudyRecords) -> tuple[tuple[pairs.Pair, ...], int]:
    """Return the pairs that are compared, and how many of them are drawn."""
    against = pairs.against_baseline(records)
    return (against, _MOST_ARMS) if against else (pairs.every_pair(records), _MOST_PAIRS)


def smallest_region(records: StudyRecords) -> float:
    """Return the region of equivalence that claims about test accuracy use; of several, the smallest."""
    own = METRICS[_METRIC].equivalence or 0.0
    about = pairs.claims_about(Facts(records).grounds, _METRIC)
    return min((own if claim.region is None else claim.region for claim in about), default=own)


def draw_differences(frame: pd.DataFrame, styles: dict[str, ArmStyle]) -> Figure:
    """Draw one row a pair: its seeds as dots, its mean and interval below them, and its numbers beside."""
    means = frame[frame["line"] == "mean"].to_dict("records")
    labels = [_label(row, styles) for row in means]
    longest = max(len(line) for label in labels for line in label.split("\n"))
    is_large = len(frame) > MOST_VECTOR_POINTS
    with mpl.rc_context(RC):
        # Long labels come out a few pixels wider in the files than where the layout measures them.
        layout = ConstrainedLayoutEngine(w_pad=0.04 + 0.002 * longest)
        figure = Figure(figsize=(6.0 + 0.075 * longest, 1.0 + 0.52 * len(means)), layout=layout)
        ax = figure.subplots()
        ax.axvline(0, color=INK, linewidth=1, zorder=1)
        region = 100 * float(frame["region"].max())
        ax.axvspan(-region, region, color="#e3e8ee", linewidth=0, zorder=0)
        low, high = _limits(frame)
        ax.set_xlim(low, high)
        for height, row in enumerate(means):
            of_pair = (frame["arm"] == row["arm"]) & (frame["than"] == row["than"])
            seeds = frame[of_pair & (frame["line"] == "seed")]
            _draw_seeds(ax, seeds, styles[row["arm"]], height, is_large=is_large)
            _draw_mean(ax, row, height)
        ax.set_yticks(range(len(means)), labels)
        ax.set_ylim(len(means) - 0.45, -0.55)
        ax.tick_params(axis="y", length=0)
        ax.grid(visible=False, axis="y")
        ax.xaxis.set_major_locator(MaxNLocator(7))
        ax.set_xlabel("difference in test accuracy (percentage points)")
    return figure


def _label(row: dict[Any, Any], styles: dict[str, ArmStyle]) -> str:
    first, second = styles[row["arm"]].label, styles[row["than"]].label
    is_long = len(first) + len(second) > _LONG
    return f"{first}\n{MINUS} {second}" if is_long else f"{first} {MINUS} {second}"


def _limits(frame: pd.DataFrame) -> tuple[float, float]:
    """Return limits with 0, the region and every dot inside, and bars as far as they reach no further again.

    With two or three seeds an interval can be a hundred times as wide as the seeds lie apart.
    """
    seeds = 100 * frame.loc[frame["line"] == "seed", "difference"].dropna()
    region = 100 * float(frame["region"].max())
    low, high = min([-region, *seeds]), max([region, *seeds])
    span = high - low or 1.0
    bars = (100 * pd.concat([frame["low"], frame["high"]]).dropna()).clip(low - span, high + span)
    low, high = min([low, *bars]), max([high, *bars])
    return low - _ROOM * (high - low or 1.0), high + _ROOM * (high - low or 1.0)


def _draw_seeds(ax: Axes, seeds: pd.DataFrame, style: ArmStyle, height: float, *, is_large: bool) -> None:
    """Draw the difference of every seed, lifted by rank so that neighbours do not hide each other."""
    values = 100 * seeds["difference"].to_numpy()
    ranks = np.argsort(np.argsort(values, kind="stable"), kind="stable")
    look: dict[str, Any] = {"color": style.color, "alpha": 0.75, "s": 16, "linewidth": 0}
    heights = height - 0.04 - 0.08 * (ranks % 3)
    ax.scatter(values, heights, marker=style.marker, rasterized=is_large, zorder=3, **look)


def _draw_mean(ax: Axes, row: dict[Any, Any], height: float) -> None:
    """Draw a mean with its interval a little below the row's dots, and both as text beside the axes."""
    below, (left, right) = height + 0.18, ax.get_xlim()
    if numbers.is_present(row["low"]):
        mean, low, high = (100 * row[name] for name in ("difference", "low", "high"))
        ax.plot([low, high], [below, below], color=INK, linewidth=1.6, zorder=4)
        ax.plot(mean, below, "|", color=INK, markersize=9, markeredgewidth=2, zorder=4)
        for end, is_beyond, marker in ((left, low < left, "<"), (right, high > right, ">")):
            if is_beyond:
                ax.plot(end, below, marker, color=INK, markersize=6, clip_on=False, zorder=4)
    place: dict[str, Any] = {"xycoords": ("axes fraction", "data"), "va": "center"}
    ax.annotate(_remark(row), (1.03, height), fontsize=8, color=FAINT, **place)


def _remark(row: dict[Any, Any]) -> str:
    """Return what stands beside a pair: its difference and n, or why there is none."""
    if row["n"] == 0:
        return "no common seed"
    if not numbers.is_present(row["difference"]):
        return f"a seed diverged: no mean, n = {row['n']}"
    return f"{_amount(row)}, n = {row['n']}"


def _amount(row: dict[Any, Any]) -> str:
    return pairs.amount(row["difference"], row["high"], _METRIC).replace("-", MINUS)


def caption_differences(records: StudyRecords, frame: pd.DataFrame) -> str:
    """Return what the marks are, how the intervals were made, and which pairs are not drawn."""
    if frame.empty:
        return "No differences: no two arms that are compared share a completed confirm seed."
    family, _ = _family(records)
    means = frame[frame["line"] == "mean"]
    compared = (
        f"Every other arm minus the declared baseline {records.manifest.baseline}"
        if pairs.against_baseline(records)
        else "Every two arms, the one that the study file names later minus the earlier one"
    )
    left_out = len(family) - len(means)
    cut = [f"{left_out} more pairs, in the order of the study file, are not drawn."] * bool(left_out)
    marks = (
        f"{compared}: test accuracy in percentage points. Dots, with the first arm's marker: the difference "
        "of every common seed, lifted only to be seen. Bar and tick: mean and simultaneous interval, also at "
        "the right; an arrow where the interval leaves the axes. Line: no difference. Shaded: the region of "
        f"equivalence, ±{100 * float(means['region'].iloc[0]):.3g} pp{_regions(records)}."
    )
    everything = Facts(records).differences(family, _METRIC)
    return " ".join([marks, pairs.method(everything), *cut, *pairs.cautions(Facts(records).grounds, means)])


def _regions(records: StudyRecords) -> str:
    """Return a remark where claims about test accuracy declare regions of different size."""
    about = pairs.claims_about(Facts(records).grounds, _METRIC)
    return ", the smallest of those that claims use" if len({claim.region for claim in about}) > 1 else ""


def alt_differences(frame: pd.DataFrame) -> str:
    """Return each pair's difference with its interval."""
    means = frame[frame["line"] == "mean"].to_dict("records")
    said = [f"{row['arm']} minus {row['than']} {_remark(row)}" for row in means]
    return f"Differences in test accuracy in percentage points, with interval: {'; '.join(said)}."


DIFFERENCES = Plot(
    title="Which differences are real?",
    section="results",
    compute=compute_differences,
    draw=draw_differences,
    caption=caption_differences,
    alt=alt_differences,
    is_for=lambda records: records.has_confirm and len(records.arms) > 1,
)
