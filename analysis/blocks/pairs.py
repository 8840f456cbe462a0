"""Every arm against every other one: a square of differences, or a list where there are many arms."""

from typing import Any

import pandas as pd

from analysis import pairs
from analysis.blocks import Block, Table
from analysis.facts import Facts
from analysis.render import numbers

_MOST_ARMS = 8
"""With more arms a square does not fit a page."""
_MOST_ROWS = 120
"""Rows of the list: the pairs of 16 arms. The CSV has all of them."""
_METRIC = "test_accuracy"
_DECLARED = "*"


def compute_pairs(facts: Facts) -> pd.DataFrame:
    """Return one row a pair of arms: the difference in test accuracy, corrected for all pairs.

    Returns: The columns of `analysis.pairs.compare`.
    """
    return facts.differences(pairs.every_pair(facts.records), _METRIC)


def lay_out_pairs(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a square with differences below and shares above its diagonal, or a list of many arms."""
    arms = list(dict.fromkeys([*frame["than"], *frame["arm"]]))
    return _square(frame, arms) if len(arms) <= _MOST_ARMS else _list(frame)


def _square(frame: pd.DataFrame, arms: list[str]) -> pd.DataFrame:
    usual = frame["n"].max()
    cells = {(arm, other): numbers.ABSENT for arm in arms for other in arms}
    for row in frame.to_dict("records"):
        cells[row["arm"], row["than"]] = _difference(row, usual)
        cells[row["than"], row["arm"]] = _share(1 - row["improvement"])
    columns = {other: [cells[arm, other] for arm in arms] for other in arms}
    return pd.DataFrame({"Row minus column (pp)": arms} | columns)


def _difference(row: dict[Any, Any], usual: int) -> str:
    """Return a difference, its number of seeds where that is not the usual one, and the mark of a claim."""
    size = "" if row["n"] == usual and row["n"] > 1 else f" (n = {row['n']})"
    mark = _DECLARED if row["is_declared"] else ""
    return f"{pairs.amount(row['difference'], row['high'], _METRIC)}{mark}{size}"


def _share(improvement: float) -> str:
    return f"{improvement:.2f}" if numbers.is_present(improvement) else numbers.ABSENT


def _list(frame: pd.DataFrame) -> pd.DataFrame:
    rows = frame.head(_MOST_ROWS).to_dict("records")
    return pd.DataFrame(
        {
            "Pair": [f"{row['arm']} minus {row['than']}" for row in rows],
            "Difference (pp)": [
                pairs.amount(row["difference"], row["high"], _METRIC) + (_DECLARED * row["is_declared"])
                for row in rows
            ],
            "p (Holm)": [numbers.p_value(row["p_adjusted"]) for row in rows],
            "P(first > second)": [_share(row["improvement"]) for row in rows],
            "n": [str(row["n"]) for row in rows],
        }
    )


def caption_pairs(facts: Facts, frame: pd.DataFrame) -> str:
    """Return what the cells are, how the intervals were made, and what is exploratory."""
    is_square = len(facts.records.arms) <= _MOST_ARMS
    where = (
        "Below the diagonal: test accuracy of the row's arm minus that of the column's, in percentage points "
        "(pp). Above it: P(row > column), the share of all pairs of replicates in which the row's arm has "
        "the higher test accuracy, ties by half, which describes and decides nothing."
        if is_square
        else "Test accuracy of the first arm minus that of the second, in percentage points (pp), and the "
        "share of all pairs of replicates in which the first is the higher one, ties by half."
    )
    left_out = 0 if is_square else max(0, len(frame) - _MOST_ROWS)
    cut = [f"{left_out} more pairs, in the order of the study file, stand in the CSV only."] * bool(left_out)
    return " ".join(
        [
            where,
            pairs.method(frame, facts.records),
            *cut,
            _declared(frame),
            *pairs.cautions(facts.grounds, frame),
        ]
    )


def _declared(frame: pd.DataFrame) -> str:
    if not frame["is_declared"].any():
        return "Exploratory: no declared claim compares just two arms by test accuracy."
    return (
        f"{_DECLARED}: a declared claim compares these two arms by test accuracy, or one is the declared "
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
