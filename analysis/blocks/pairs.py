"""Every arm against every other one: a square of differences, or a list where there are many arms."""

from typing import Any

import pandas as pd

from analysis import pair_words, pairs
from analysis.blocks import Block, Table
from analysis.facts import Facts
from analysis.metrics import Metric
from analysis.noted import metrics_in
from analysis.render import numbers
from analysis.render.numbers import capitalised

_MOST_ARMS = 8
"""With more arms a square does not fit a page."""
_MOST_ROWS = 120
"""Rows of the list: the pairs of 16 arms. The CSV has all of them."""
_DECLARED = "*"


def compute_pairs(facts: Facts) -> pd.DataFrame:
    """Return one row a pair of arms: the difference in the headline metric, corrected for all pairs.

    Returns: The columns of `analysis.pairs.compare`.
    """
    return facts.differences(pairs.every_pair(facts.records), facts.records.metrics.headline.name)


def lay_out_pairs(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a square with differences below and shares above its diagonal, or a list of many arms."""
    arms = list(dict.fromkeys([*frame["than"], *frame["arm"]]))
    return _square(frame, arms) if len(arms) <= _MOST_ARMS else _list(frame)


def _square(frame: pd.DataFrame, arms: list[str]) -> pd.DataFrame:
    usual, metric = frame["n"].max(), metrics_in(frame).headline
    cells = {(arm, other): numbers.ABSENT for arm in arms for other in arms}
    for row in frame.to_dict("records"):
        cells[row["arm"], row["than"]] = _difference(row, usual, metric)
        cells[row["than"], row["arm"]] = _share(1 - row["improvement"])
    columns = {other: [cells[arm, other] for arm in arms] for other in arms}
    return pd.DataFrame({f"Row minus column{metric.difference_heading}": arms} | columns)


def _difference(row: dict[Any, Any], usual: int, metric: Metric) -> str:
    """Return a difference, its number of seeds where that is not the usual one, and the mark of a claim."""
    size = "" if row["n"] == usual and row["n"] > 1 else f" (n = {row['n']})"
    mark = _DECLARED if row["is_declared"] else ""
    return f"{pair_words.amount(row['difference'], row['high'], metric)}{mark}{size}"


def _share(improvement: float) -> str:
    return f"{improvement:.2f}" if numbers.is_present(improvement) else numbers.ABSENT


def _list(frame: pd.DataFrame) -> pd.DataFrame:
    rows, metric = frame.head(_MOST_ROWS).to_dict("records"), metrics_in(frame).headline
    return pd.DataFrame(
        {
            "Pair": [f"{row['arm']} minus {row['than']}" for row in rows],
            f"Difference{metric.difference_heading}": [
                pair_words.amount(row["difference"], row["high"], metric) + (_DECLARED * row["is_declared"])
                for row in rows
            ],
            "p (Holm)": [numbers.p_value(row["p_adjusted"]) for row in rows],
            f"P(first {metric.ahead} second)": [_share(row["improvement"]) for row in rows],
            "n": [str(row["n"]) for row in rows],
        }
    )


def caption_pairs(facts: Facts, frame: pd.DataFrame) -> str:
    """Return what the cells are, how the intervals were made, and what is exploratory."""
    is_square = len(facts.records.arms) <= _MOST_ARMS
    metric = facts.records.metrics.headline
    unit = metric.in_unit and f",{metric.in_unit}"
    where = (
        f"Below the diagonal: {metric.label} of the row's arm minus that of the column's{unit}. Above it: "
        f"P(row {metric.ahead} column), the share of all pairs of replicates in which the row's arm has "
        f"the {metric.better} {metric.label}, ties by half, which describes and decides nothing."
        if is_square
        else f"{capitalised(metric.label)} of the first arm minus that of the second{unit}, and the "
        f"share of all pairs of replicates in which the first is the {metric.better} one, ties by half."
    )
    left_out = 0 if is_square else max(0, len(frame) - _MOST_ROWS)
    cut = [f"{left_out} more pairs, in the order of the study file, stand in the CSV only."] * bool(left_out)
    return " ".join(
        [
            where,
            pair_words.method(frame, facts.records),
            *cut,
            _declared(frame, metric),
            *pair_words.cautions(facts.grounds, frame),
        ]
    )


def _declared(frame: pd.DataFrame, metric: Metric) -> str:
    if not frame["is_declared"].any():
        return f"Exploratory: no declared claim compares just two arms by {metric.label}."
    return (
        f"{_DECLARED}: a declared claim compares these two arms by {metric.label}, or one is the declared "
        "baseline; the claims table, with its own family, decides. Every other pair is exploratory."
    )


PAIRS = Block(
    name="pairs",
    section="results",
    table=Table(
        title="Who differs from whom?",
        compute=compute_pairs,
        lay_out=lay_out_pairs,
        caption=caption_pairs,
        is_for=lambda facts: facts.records.has_confirm and len(facts.records.arms) > 1,
    ),
)
