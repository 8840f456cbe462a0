"""What does each value of a setting come to? The means behind the figure of `response`, as a table."""

from typing import Any

import pandas as pd

from analysis import responses, selection, statistics
from analysis.blocks import Table
from analysis.design import counted_in_words
from analysis.facts import Facts
from analysis.metrics import Metric, Metrics
from analysis.noted import metrics_in, noted
from analysis.records import StudyRecords
from analysis.render import numbers

NOTHING = "No response: no run that measures one has ended."
_BEST = " (best)"
_MEANS = {
    "line": "str",
    "arm": "str",
    "phase": "str",
    "field": "str",
    "level": "str",
    "x": "float64",
    "scale": "str",
    "metric": "str",
    "n": "int64",
    "diverged": "int64",
    "failed": "int64",
    "mean": "float64",
    "half_width": "float64",
    "is_best": "bool",
    "is_guessing": "bool",
}


def compute_means(facts: Facts) -> pd.DataFrame:
    """Return one row a line, value of its setting and metric: the mean over replicates with its t-interval.

    Returns: Columns `line, arm, phase, field, level, x, scale, metric, n, diverged, failed, mean, half_width,
        is_best, is_guessing`. `n` counts completed replicates, `diverged` and `failed` runs; the mean is
        absent where a run diverged. `x` is the value, or its rank where values are no numbers. `is_best`: no
        mean of this line and metric is better. `is_guessing`: no run of the line is better than guessing, so
        that its best mean is luck and is shown as none. Lines without a run are left out.
    """
    rows: list[dict[str, object]] = []
    for line in facts.lines:
        points = [(point, point.runs(facts.records)) for point in line.points]
        of_points = [runs for _, runs in points]
        for metric in line.metrics(facts.records) if any(map(len, of_points)) else ():
            guessing = responses.is_guessing(facts.records, of_points, metric)
            means = [_mean(facts.records, line, point, runs, metric) for point, runs in points]
            marked = _marked(means, facts.records.metrics[metric].sign)
            rows += [row | {"is_guessing": guessing} for row in marked]
    return noted(pd.DataFrame(rows, columns=list(_MEANS)).astype(_MEANS), facts.records.metrics)


def _mean(
    records: StudyRecords, line: responses.Line, point: responses.Point, runs: pd.DataFrame, metric: str
) -> dict[str, object]:
    diverged = int((runs["status"] == "diverged").sum())
    own = selection.measured(records, point.arm, metric, point.at)
    interval = statistics.t_interval([] if diverged else own.measured.tolist())
    return responses.place(line, point.level, point.arm) | {
        "metric": metric,
        "n": own.count("completed"),
        "diverged": diverged,
        "failed": int((runs["status"] == "failed").sum()),
        "mean": interval.mean,
        "half_width": interval.half_width,
    }


def _marked(means: list[dict[str, object]], sign: int) -> list[dict[str, object]]:
    """Return rows with their best mean marked, if there are two to compare; equal ones are all marked."""
    known = [sign * mean for row in means if isinstance(mean := row["mean"], float)]
    best = sign * max(known) if len(known) > 1 else None
    return [row | {"is_best": best is not None and row["mean"] == best} for row in means]


def lay_out_response(frame: pd.DataFrame) -> pd.DataFrame:
    """Return one row a line and value, one column a metric, the best mean of each line marked."""
    fields, metrics = list(dict.fromkeys(frame["field"])), metrics_in(frame)
    shown = [_heading(metrics[name]) for name in dict.fromkeys(frame["metric"])]
    field = fields[0] if len(fields) == 1 and fields[0] not in {"Arm", "n", *shown} else None
    rows = [_cells(group, field) for _, group in frame.groupby(["line", "x"], sort=False)]
    laid_out = pd.DataFrame(rows).fillna(numbers.ABSENT)
    return laid_out[[name for name in laid_out if name != "n"] + (["n"] if rows else [])]


def _cells(group: pd.DataFrame, field: str | None) -> dict[str, str]:
    """Return the cells of one value.

    Its setting is named in the heading if the study has only one, and no other column is named as it.
    """
    first, metrics = group.iloc[0], metrics_in(group)
    return {
        "Arm": first["line"],
        field or "Setting": first["level"] if field else f"{first['field']} {first['level']}",
        **{_heading(metrics[str(row.metric)]): _amount(row, metrics) for row in group.itertuples()},
        "n": numbers.with_lost(first["n"], first["diverged"], first["failed"]),
    }


def _heading(metric: Metric) -> str:
    return numbers.capitalised(metric.axis)


def _amount(row: Any, metrics: Metrics) -> str:
    text = metrics[row.metric].amount(row.mean, row.half_width)
    return text + (_BEST if row.is_best and not row.is_guessing else "")


def caption_means(facts: Facts, frame: pd.DataFrame) -> str:
    """Return whose runs these are, how the intervals were made, and what `best` says."""
    if frame.empty:
        return NOTHING
    phases = list(dict.fromkeys(frame["phase"]))
    counted = counted_in_words(facts.records, phases)
    how = (
        f"Every value of the setting, from {' and '.join(phases)} runs: mean ± half-width of the 95 % "
        f"Student t-interval over n completed {counted} (one {'seed' if counted == 'seeds' else 'repeat'}: "
        f"the value alone). A seed fixes {facts.records.seed_fixes}."
    )
    best = (
        "(best): no mean of the arm is better; as the best of several it is optimistic, and whether it "
        "differs from the others is for claims to say."
    )
    sentences = [how, facts.rule.values_in_words(), best, *guessing_in_words(facts, frame)]
    if frame["diverged"].any():
        sentences.append(
            "Where a run diverged there is no mean: the survivors alone would flatter the value."
        )
    return " ".join(sentences)


def guessing_in_words(facts: Facts, frame: pd.DataFrame) -> list[str]:
    """Return of which lines nothing can be the best, since none of their runs learned anything."""
    lines = list(dict.fromkeys(frame.loc[frame["is_guessing"], "line"]))
    who = "" if len(lines) == frame["line"].nunique() else f" of {', '.join(lines)}"
    said = (
        f"No run{who} is better than guessing one of {facts.records.n_classes} classes: no value is the best."
    )
    return [said] if lines else []


RESPONSE_IN_NUMBERS = Table(
    title="Response in numbers",
    compute=lambda facts: facts.once(compute_means),
    numbers=lambda frame: frame.drop(columns="is_guessing"),
    lay_out=lay_out_response,
    caption=caption_means,
    is_for=lambda facts: bool(facts.lines),
)
