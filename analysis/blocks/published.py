"""Do published values and conclusions hold beside what was measured?

A published value is one run. It is judged by the interval in which one further run of ours would lie, not by
the interval of our mean, which most single runs miss.

Conclusions: the published values take the place of the study's runs and go through the same `claims.decide`.
A published study has one run an arm; where its authors ran it twice, each time is a study of its own, and
both stand side by side: two runs that disagree about a conclusion show what one run was worth.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import pandas as pd

from analysis import claims, selection, statistics
from analysis.blocks import Block, Table
from analysis.facts import Facts
from analysis.metrics import Metric, Metrics, metrics_in, noted
from analysis.records import StudyRecords
from analysis.render import numbers
from harness.declaration import DeclaredArm, DeclaredPlan
from harness.study.published import PublishedValues

Position = Literal["within", "above", "below"]

_COLUMNS = {
    "arm": "str",
    "source": "str",
    "at": "str",
    "metric": "str",
    "published": "float64",
    "n": "int64",
    "mean": "float64",
    "half_width": "float64",
    "low": "float64",
    "high": "float64",
    "position": "object",
    "excess": "float64",
    "reason": "object",
    "note": "object",
}

_HEADINGS = ["Arm", "Value", "Published", "Measured", "n", "Single runs", "Published lies", "Source", "Note"]


def compute_published(facts: Facts) -> pd.DataFrame:
    """Return one row a published value, in the order of the study file.

    Returns: Columns `arm, source, at, metric, published, n, mean, half_width, low, high, position, excess,
        reason, note`. `mean` and `half_width`: ours, with its 95 % t-interval over n seeds. `low`, `high`:
        where one further run of ours lies with a chance of 95 %. `position` is `within`, `above` or `below`,
        or absent for the `reason` given; `excess` is how far beyond the nearer end the published value lies.
    """
    rows = [
        _row(facts.records, arm, run, metric)
        for arm, published in facts.records.declaration.published.items()
        for run in published
        for metric in run.metrics
    ]
    return noted(pd.DataFrame(rows, columns=list(_COLUMNS)).astype(_COLUMNS), facts.records.metrics)


def _row(records: StudyRecords, arm: str, run: PublishedValues, metric: str) -> dict[str, object]:
    at, value = run.at or {}, run.metrics[metric]
    runs = selection.runs_of_one_configuration(records, arm, at)
    has_diverged = bool((runs["status"] == "diverged").any())
    measured = [] if has_diverged else list(runs.loc[runs["status"] == "completed", metric].dropna())
    interval = statistics.t_interval(measured)
    ends = statistics.prediction_interval(measured)
    reason = _reason(metric, len(measured), has_diverged=has_diverged)
    position, excess = (None, None) if ends is None or reason else _placed(value, *ends)
    notes = [run.note, run.notes.get(metric)]
    return {
        "arm": arm,
        "source": run.source,
        "at": ", ".join(f"{field} {_setting(setting)}" for field, setting in at.items()),
        "metric": metric,
        "published": value,
        "n": interval.n,
        "mean": interval.mean,
        "half_width": interval.half_width,
        "low": ends[0] if ends else None,
        "high": ends[1] if ends else None,
        "position": position,
        "excess": excess,
        "reason": reason,
        "note": "; ".join(note for note in notes if note) or None,
    }


def _setting(value: float | str | bool) -> str:  # noqa: FBT001 - a value of a recipe field
    return str(value) if isinstance(value, str | bool) else numbers.setting(value)


def _reason(metric: str, n: int, *, has_diverged: bool) -> str | None:
    """Return why a published value cannot be judged, or None."""
    if has_diverged:
        return "a run of ours diverged"
    if n == 0:
        return "no run of ours has it"
    if n == 1:
        return "single seed of ours: no spread to judge by"
    return "another machine" if metric.endswith("seconds") else None


def _placed(value: float, low: float, high: float) -> tuple[Position, float]:
    """Return where a value lies to an interval, and how far beyond its nearer end."""
    if value > high:
        return "above", value - high
    if value < low:
        return "below", low - value
    return "within", 0.0


def lay_out_published(frame: pd.DataFrame) -> pd.DataFrame:
    """Return accuracies in percent, with the side and the distance of values that lie outside."""
    metrics = metrics_in(frame)
    cells = pd.DataFrame([_cells(row, metrics) for row in frame.itertuples()], columns=_HEADINGS)
    return cells.drop(columns=["Note"]) if (cells["Note"] == numbers.ABSENT).all() else cells


def _cells(row: Any, metrics: Metrics) -> dict[str, str]:
    spec = metrics[row.metric]
    decimals = 1 if spec.is_time else spec.decimals
    return {
        "Arm": f"{row.arm}, {row.at}" if row.at else row.arm,
        "Value": f"{spec.axis}{' (s)' if spec.is_time else ''}",
        "Published": f"{spec.scale * row.published:.6g}",
        "Measured": numbers.with_uncertainty(
            row.mean, row.half_width, scale=spec.scale, decimals=decimals, is_share=spec.is_accuracy
        ),
        "n": str(row.n),
        "Single runs": _span(row, spec.scale),
        "Published lies": _position(row, spec.scale, spec.unit),
        "Source": row.source,
        "Note": row.note if isinstance(row.note, str) else numbers.ABSENT,
    }


def _span(row: Any, scale: float) -> str:
    if not numbers.is_present(row.low):
        return numbers.ABSENT
    digits = numbers.decimals_of(scale * (row.high - row.low) / 2) if row.high > row.low else 4
    return f"{scale * row.low:.{digits}f} to {scale * row.high:.{digits}f}"


def _position(row: Any, scale: float, unit: str) -> str:
    if not isinstance(row.position, str):
        return str(row.reason)
    if row.position == "within":
        return "within"
    distance = scale * row.excess
    return f"{distance:.{numbers.decimals_of(distance)}f}{unit} {row.position}"


def caption_published(facts: Facts, frame: pd.DataFrame) -> str:
    """Return what is compared with what, and how often chance alone puts a value outside."""
    judged = frame["position"].dropna()
    outside = int((judged != "within").sum())
    how = (
        "Values that others published, each of one run, beside ours of n seeds: mean ± half-width of the 95 "
        "% t-interval. Single runs: where one further run of ours lies with a chance of 95 %, mean ± t s "
        "sqrt(1 + 1/n) over the n seeds; a published run is judged by it, not by the interval of the mean."
    )
    count = (
        f"Of {len(judged)} judged values {outside} lie outside; of equal recipes about one in 20 would, and "
        "the values of one published run fall together."
    )
    declaration = facts.records.declaration
    searched = [
        arm
        for arm, runs in declaration.published.items()
        if declaration.arms[arm].search_runs and not all(run.at for run in runs)
    ]
    other = f"Searched here, so that the recipe is another than the published one: {', '.join(searched)}."
    return " ".join([how, count, *([other] if searched else [])])


PUBLISHED = Block(
    name="published",
    section="glance",
    table=Table(
        title="Published values",
        compute=compute_published,
        lay_out=lay_out_published,
        caption=caption_published,
        is_for=lambda facts: bool(facts.records.declaration.published),
    ),
)


_SEED = 0
"""Published runs name no seed. A common one lets arms be paired, which helps the published study."""

_CONCLUSION_COLUMNS = [
    "says",
    "source",
    "metric",
    "first",
    "second",
    "published_ruling",
    "published_reason",
    "ruling",
    "arm",
    "than",
    "effect",
    "low",
    "high",
    "level",
    "quantity",
    "kind",
    "field",
    "n",
]


@dataclass(frozen=True, kw_only=True)
class Conclusion:
    """A claim that names its source, decided on the published runs and on ours."""

    measured: claims.Verdict
    published: claims.Verdict
    """By the authors' first runs."""
    first: float | None
    """The published difference of the arms that decided the measured claim, in the authors' first runs."""
    second: float | None
    """The same in their second runs."""
    metric: Metric | None
    """Of both."""


def published_records(records: StudyRecords, turn: int) -> StudyRecords:
    """Return the study as if the published runs were its own.

    Args:
        records: The study, whose declaration holds the published values.
        turn: 0 for the first published run of each arm, 1 for the second one of those that have it. Values
            at settings of their own (`at`) belong to the first.
    """
    rows = [
        _run_row(arm, run)
        for arm, published in records.declaration.published.items()
        for run in _of_turn(published, turn)
    ]
    frame = pd.DataFrame(rows).reindex(columns=records.runs.columns)
    types = {name: records.runs.dtypes[name] for name in ("status", "phase", "arm", "concurrency", "seed")}
    declaration = records.declaration.model_copy(
        update={
            "arms": {
                arm: _with_runs(own, frame.loc[frame["arm"] == arm, "phase"])
                for arm, own in records.declaration.arms.items()
            },
            "confirm": records.declaration.confirm.model_copy(update={"seeds": 1}),
            "confirm_seeds": [_SEED],
            "plan": DeclaredPlan(unit="seed", looks=(1,), weights=(1.0,), seeds_are_common=True),
        }
    )
    return replace(
        records,
        declaration=declaration,
        runs=frame.astype(types),
        epochs=records.epochs.iloc[:0],
        winners_by_repeat={},
    )


def _with_runs(arm: DeclaredArm, phases: "pd.Series[str]") -> DeclaredArm:
    """Return an arm whose plan was the runs there are."""
    counts = {f"{phase}_runs": int((phases == phase).sum()) for phase in ("search", "confirm")}
    return arm.model_copy(update=counts)


def _of_turn(published: Sequence[PublishedValues], turn: int) -> list[PublishedValues]:
    points = [run for run in published if run.at] if turn == 0 else []
    whole = [run for run in published if not run.at]
    return points + whole[turn : turn + 1]


def _run_row(arm: str, run: PublishedValues) -> dict[str, Any]:
    """Return a published run as a row of the runs; one at settings of its own is a point of a grid."""
    at = run.at or {}
    settings = {
        f"config.{field}": json.dumps(value) if isinstance(value, dict | list) else value
        for field, value in at.items()
    }
    phase = "search" if at else "confirm"
    values = {"arm": arm, "phase": phase, "seed": _SEED, "status": "completed", "concurrency": 1}
    return values | settings | run.metrics


def conclusions(facts: Facts) -> list[Conclusion]:
    """Return every claim that names its source, in the study file's order."""
    published = Facts(published_records(facts.records, 0)).verdicts
    return [
        Conclusion(
            measured=ours,
            published=theirs,
            first=_difference(facts.records, ours, 0),
            second=_difference(facts.records, ours, 1),
            metric=facts.records.metrics.get(ours.claim.metric or ""),
        )
        for ours, theirs in zip(facts.verdicts, published, strict=True)
        if ours.claim.source is not None
    ]


def _difference(records: StudyRecords, verdict: claims.Verdict, turn: int) -> float | None:
    """Return the published difference of the arms that a claim compares, or None without both values."""
    row = verdict.as_row()
    values = [_value(records, row[side], row["metric"], turn) for side in ("arm", "than")]
    return values[0] - values[1] if values[0] is not None and values[1] is not None else None


def _value(records: StudyRecords, arm: str | None, metric: str | None, turn: int) -> float | None:
    runs = _of_turn(records.declaration.published.get(arm or "", []), turn)
    values = [run.metrics.get(metric or "") for run in runs if not run.at]
    return values[0] if values else None


def tabulate_conclusions(rows: Sequence[Conclusion]) -> pd.DataFrame:
    """Return one row a conclusion.

    Returns: Columns `says, source, metric, first, second, published_ruling, published_reason`, then those of
        the measured verdict's row of the same names.
    """
    records = [
        row.measured.as_row()
        | {
            "first": row.first,
            "second": row.second,
            "published_ruling": row.published.ruling,
            "published_reason": row.published.reason,
        }
        for row in rows
    ]
    return pd.DataFrame(records, columns=_CONCLUSION_COLUMNS)


def lay_out_conclusions(rows: Sequence[Conclusion]) -> pd.DataFrame:
    """Return differences in percentage points (pp) where they are accuracies, and verdicts in words."""
    headings = ["Conclusion", "Published run", "Second run", "On these", "Measured", "n", "Verdict", "Source"]
    cells = pd.DataFrame([_conclusion_cells(row) for row in rows], columns=headings)
    has_second = (cells["Second run"] != numbers.ABSENT).any()
    return cells if has_second else cells.drop(columns=["Second run"])


def _conclusion_cells(row: Conclusion) -> dict[str, str]:
    claim = row.measured.claim
    return {
        "Conclusion": claim.says,
        "Published run": _gap(row.metric, row.first),
        "Second run": _gap(row.metric, row.second),
        "On these": f"{row.published.ruling}: {row.published.reason}",
        "Measured": row.measured.measured(),
        "n": str(row.measured.n),
        "Verdict": row.measured.ruling_in_words(),
        "Source": str(claim.source),
    }


def _gap(metric: Metric | None, value: float | None) -> str:
    if metric is None or value is None:
        return numbers.ABSENT
    return f"{metric.scale * value:+.4g}{metric.unit}".replace("+-", "-")


def caption_conclusions(_facts: Facts, rows: Sequence[Conclusion]) -> str:
    """Return what stands beside what."""
    has_second = any(row.second is not None for row in rows)
    second = " and in its authors' second run of the same recipes" if has_second else ""
    return (
        "Conclusions of published studies, by the same rules from two sets of numbers. Published run: first "
        f"arm minus second as published{second}, one run an arm (n = 1), which these rules refuse to "
        "conclude anything from. Measured and verdict: from n seeds of this study, as in the table of claims."
    )


def is_testable_against_published(facts: Facts) -> bool:
    """Return whether the study repeats published conclusions and holds the published numbers.

    Of several data sets the table of claims alone says what became of them.
    """
    declaration = facts.records.declaration
    return (
        not facts.parts and bool(declaration.published) and any(claim.source for claim in declaration.claims)
    )


AS_PUBLISHED = Block(
    name="as_published",
    section="glance",
    table=Table(
        title="Published conclusions",
        compute=conclusions,
        numbers=tabulate_conclusions,
        lay_out=lay_out_conclusions,
        caption=caption_conclusions,
        is_for=is_testable_against_published,
        spans_datasets=True,
    ),
)
