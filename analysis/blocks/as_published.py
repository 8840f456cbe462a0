"""Do published conclusions hold on the published numbers, and on ours?

The published values take the place of the study's runs and go through the same `claims.decide`. A published
study has one run an arm; where its authors ran it twice, each time is a study of its own, and both stand side
by side: two runs that disagree about a conclusion show what one run was worth.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from analysis import claims
from analysis.blocks import Block, Table
from analysis.facts import Facts
from analysis.metrics import Metric
from analysis.records import StudyRecords
from analysis.render import numbers
from harness.declaration import DeclaredArm, DeclaredPlan
from harness.study.published import PublishedValues

_SEED = 0
"""Published runs name no seed. A common one lets arms be paired, which helps the published study."""

_COLUMNS = [
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


def tabulate(rows: Sequence[Conclusion]) -> pd.DataFrame:
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
    return pd.DataFrame(records, columns=_COLUMNS)


def lay_out(rows: Sequence[Conclusion]) -> pd.DataFrame:
    """Return differences in percentage points (pp) where they are accuracies, and verdicts in words."""
    headings = ["Conclusion", "Published run", "Second run", "On these", "Measured", "n", "Verdict", "Source"]
    cells = pd.DataFrame([_cells(row) for row in rows], columns=headings)
    has_second = (cells["Second run"] != numbers.ABSENT).any()
    return cells if has_second else cells.drop(columns=["Second run"])


def _cells(row: Conclusion) -> dict[str, str]:
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


def caption(_facts: Facts, rows: Sequence[Conclusion]) -> str:
    """Return what stands beside what."""
    has_second = any(row.second is not None for row in rows)
    second = " and in its authors' second run of the same recipes" if has_second else ""
    return (
        "Conclusions of published studies, by the same rules from two sets of numbers. Published run: first "
        f"arm minus second as published{second}, one run an arm (n = 1), which these rules refuse to "
        "conclude anything from. Measured and verdict: from n seeds of this study, as in the table of claims."
    )


def _is_for(facts: Facts) -> bool:
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
        numbers=tabulate,
        lay_out=lay_out,
        caption=caption,
        is_for=_is_for,
        spans_datasets=True,
    ),
)
