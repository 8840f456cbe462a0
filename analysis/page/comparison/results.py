"""Results of the arms that several folders have: their means, and differences to the first folder."""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from analysis import claims
from analysis.metrics import Metric
from analysis.noted import metrics_in, noted
from analysis.page.comparison.gaps import judged, pairs_of
from analysis.page.comparison.sides import (
    UNRECORDED,
    Answer,
    Side,
    headings,
    in_words,
    side_by_side,
)
from analysis.render import numbers
from analysis.render.table import RenderedTable
from analysis.search import WinnerRule

_COLUMNS = {
    "arm": "str",
    "metric": "str",
    "first_n": "int64",
    "first_diverged": "int64",
    "first_mean": "float64",
    "first_half_width": "float64",
    "folder": "str",
    "n": "int64",
    "diverged": "int64",
    "mean": "float64",
    "half_width": "float64",
    "different_settings": "str",
    "method": "str",
    "compared": "Int64",
    "difference": "float64",
    "difference_half_width": "float64",
    "level": "float64",
    "df": "float64",
    "p": "float64",
    "p_adjusted": "float64",
    "finding": "str",
}


def compared_metrics(sides: Sequence[Side]) -> list[str]:
    """Return the metrics that are compared: of the test, and what the first folder's search chose by.

    What another folder does not have is left out.
    """
    first = sides[0].records
    metrics = dict.fromkeys([*first.metrics.compared, WinnerRule.of(first.declaration).metric])
    return [name for name in metrics if all(name in side.records.metrics for side in sides)]


def compute_results(sides: Sequence[Side]) -> pd.DataFrame:
    """Return one row a metric, arm and folder after the first, of what both have runs of.

    Returns: Columns `arm, metric`, then of the first folder `first_n, first_diverged, first_mean,
        first_half_width`, then of `folder` likewise without the prefix, then `different_settings` (recipe
        fields, by commas), `method` (`paired`, `Welch` or absent), `compared` (seeds, or replicates of both),
        `difference` (folder minus first) with its half-width at `level`, `df, p, p_adjusted` and `finding`.
        Arms are points of the grid where nothing is confirmed. Values are in the units of the files, means
        absent where a run diverged, intervals of means at 95 %. `level` is that of the row's step in
        Holm's procedure over the rows of its metric.
    """
    rows: list[dict[str, Any]] = []
    for metric in compared_metrics(sides):
        pairs = [pair for other in sides[1:] for pair in pairs_of(sides[0], other, metric)]
        rows += judged(pairs, sides[0].records.metrics[metric])
    frame = pd.DataFrame(rows, columns=list(_COLUMNS)).astype(_COLUMNS)
    return noted(frame, sides[0].records.metrics)


def lay_out_results(frame: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    """Return means with their n, and differences with their intervals; of two folders a column each."""
    metrics = metrics_in(frame)
    rows = [_cells(row, names, metrics[row["metric"]]) for row in frame.to_dict("records")]
    columns = ["Arm", "Metric", *headings(names), "Difference", "Finding", "p (Holm)", "Test"]
    return pd.DataFrame(rows, columns=columns)


def _cells(row: dict[Any, Any], names: Sequence[str], spec: Metric) -> dict[str, str]:
    means = _mean(row, "first_", spec), row["folder"], _mean(row, "", spec)
    return {
        "Arm": row["arm"],
        "Metric": spec.axis,
        **side_by_side(names, *means),
        "Difference": _shown_difference(row, spec),
        "Finding": row["finding"],
        "p (Holm)": numbers.p_value(row["p_adjusted"]),
        "Test": _test(row),
    }


def _mean(row: dict[Any, Any], side: str, spec: Metric) -> str:
    if row[f"{side}diverged"]:
        return f"{row[f'{side}diverged']} of {row[f'{side}n'] + row[f'{side}diverged']} diverged"
    shown = spec.amount(row[f"{side}mean"], row[f"{side}half_width"])
    return f"{shown} (n = {row[f'{side}n']})"


def _shown_difference(row: dict[Any, Any], spec: Metric) -> str:
    if not numbers.is_present(row["difference"]):
        return numbers.ABSENT
    if row["finding"] == "identical":
        return f"0{spec.unit}"
    half_width = row["difference_half_width"]
    amount = numbers.with_uncertainty(row["difference"], half_width, scale=spec.scale)
    interval = f" ({100 * row['level']:.4g} % interval)" if numbers.is_present(half_width) else ""
    return f"{'' if row['difference'] < 0 else '+'}{amount}{spec.unit}{interval}"


def _test(row: dict[Any, Any]) -> str:
    """Return how the difference was tested, and which settings make it more than one of folders."""
    fields = row["different_settings"]
    changed = f"; {in_words(fields.split(', '))}" if fields else ""
    if row["method"] == "paired":
        return f"paired, {row['compared']} seeds, df {row['compared'] - 1}{changed}"
    if row["method"] == "Welch":
        df = f", df {row['df']:.1f}" if numbers.is_present(row["df"]) else ""
        return f"Welch{df}{changed}"
    return f"none{changed}"


def caption_results(frame: pd.DataFrame, names: Sequence[str]) -> str:
    """Return what was compared, how each interval was made, and what the findings mean."""
    if frame.empty:
        return (
            "Nothing to compare: no arm has, in two folders, runs of one configuration that completed or "
            "diverged. Searches that try each configuration once have none."
        )
    return (
        "Configurations of arms that the folders share: confirm runs, or where nothing is confirmed the "
        "search runs of a grid's point or of an arm without a search. In a folder: mean ± half-width of the "
        f"95 % Student t-interval over n seeds; where an arm's searches are repeated, over n repeats, each "
        f"the mean of its confirm runs. Difference: the other folder minus {names[0]}. Paired over "
        "common seeds where all recipe settings are equal, as a seed fixes split, initialisation and data "
        "order; otherwise, and of repeats, Welch's test of unrelated samples. "
        f"{UNRECORDED} The difference's interval is at the level of the row's step "
        "in Holm's procedure over the rows of its metric, by which p is adjusted too. Finding: identical, "
        "every common seed has exactly the same value; apart, adjusted p below "
        f"{claims.ALPHA:g}; within the region, the interval lies inside "
        f"{_regions_in_words(frame)}; open, neither; diverged, a diverged run voids the mean; too few seeds, "
        "fewer than two; no variation, the same difference for every seed. Exploratory: no claim declared "
        "these comparisons."
    )


def _regions_in_words(frame: pd.DataFrame) -> str:
    """Return the regions of equivalence of the metrics that have one."""
    metrics = metrics_in(frame)
    if metrics.has_accuracy:
        headline = metrics.headline
        return f"±{headline.scale * (headline.equivalence or 0):g}{headline.unit}, for accuracies only"
    known = [metrics[name] for name in dict.fromkeys(frame["metric"])]
    regions = [f"±{m.scale * m.equivalence:g}{m.unit} of {m.label}" for m in known if m.equivalence]
    return ", ".join(regions) or "a declared region, of which there is none here"


def compare_results(sides: Sequence[Side]) -> Answer:
    """Return the table and how many differences are told from 0."""
    names, frame = [side.name for side in sides], compute_results(sides)
    table = RenderedTable(
        name="common_arms",
        title="Results of common arms",
        caption=caption_results(frame, names),
        numbers=frame,
        cells=lay_out_results(frame, names),
    )
    tested, apart = frame["p_adjusted"].notna().sum(), (frame["p_adjusted"] < claims.ALPHA).sum()
    if not tested:
        return Answer(table=table, finding="Results: no difference could be tested.")
    return Answer(table=table, finding=f"Results: {apart} of {tested} tested differences are told from 0.")
