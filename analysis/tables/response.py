"""The table of responses: which losses and accuracies did each value of a setting give?"""

from typing import Any

import pandas as pd

from analysis import responses
from analysis.claims.metrics import METRICS
from analysis.records import StudyRecords
from analysis.render import numbers
from analysis.tables.spec import Table
from analysis.winner_rule import WinnerRule

_BEST = " (best)"


def lay_out_response(frame: pd.DataFrame) -> pd.DataFrame:
    """Return one row a line and value, one column a metric, the best mean of each line marked."""
    fields = list(dict.fromkeys(frame["field"]))
    rows = [_cells(group, fields) for _, group in frame.groupby(["line", "level"], sort=False)]
    laid_out = pd.DataFrame(rows).fillna(numbers.ABSENT)
    return laid_out[[name for name in laid_out if name != "n"] + (["n"] if rows else [])]


def _cells(group: pd.DataFrame, fields: list[str]) -> dict[str, str]:
    """Return the cells of one value; its setting is named in the heading if the study has only one."""
    first = group.iloc[0]
    level = first["level"] if len(fields) == 1 else f"{first['field']} {first['level']}"
    cells = {"Arm": first["line"], fields[0] if len(fields) == 1 else "Setting": level}
    return (
        cells | {_heading(str(row.metric)): _mean(row) for row in group.itertuples()} | {"n": _count(first)}
    )


def _heading(metric: str) -> str:
    name = METRICS[metric].label
    return f"{name[0].upper()}{name[1:]}{' (%)' if METRICS[metric].unit else ''}"


def _mean(row: Any) -> str:
    spec = METRICS[row.metric]
    decimals = 2 if spec.unit else 4
    text = numbers.with_uncertainty(row.mean, row.half_width, scale=spec.scale, decimals=decimals)
    return text + (_BEST if row.is_best else "")


def _count(row: "pd.Series[Any]") -> str:
    lost = [f"{row[status]} {status}" for status in ("diverged", "failed") if row[status]]
    return f"{row['n']} ({', '.join(lost)})" if lost else str(row["n"])


def caption_response(records: StudyRecords, frame: pd.DataFrame) -> str:
    """Return whose runs these are, how the intervals were made, and what `best` says."""
    if frame.empty:
        return "No response: no run that measures one has ended."
    phases = " and ".join(dict.fromkeys(frame["phase"]))
    how = (
        f"Every value of the setting, from {phases} runs: mean ± half-width of the 95 % Student t-interval "
        "over n completed seeds (one seed: the value alone). A seed fixes the split, the initialisation and "
        "the data order."
    )
    best = (
        "(best): no mean of the arm is better; as the best of several it is optimistic, and whether it "
        "differs from the others is for claims to say."
    )
    sentences = [how, WinnerRule.of(records.manifest).values_in_words(), best]
    if frame["diverged"].any():
        sentences.append(
            "Where a run diverged there is no mean: the survivors alone would flatter the value."
        )
    return " ".join(sentences)


RESPONSE = Table(
    title="Response in numbers",
    section="results",
    compute=responses.compute_means,
    lay_out=lay_out_response,
    caption=caption_response,
    is_for=responses.has_response,
)
