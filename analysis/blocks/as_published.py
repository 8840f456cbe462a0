"""What single published runs were worth, and what several seeds say: the study's claims decided on both.

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
from analysis.records import StudyRecords
from analysis.render import numbers
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


def published_records(records: StudyRecords, turn: int) -> StudyRecords:
    """Return the study as if the published runs were its own.

    Args:
        records: The study, whose manifest holds the published values.
        turn: 0 for the first published run of each arm, 1 for the second one of those that have it. Values
            at settings of their own (`at`) belong to the first.
    """
    rows = [
        _row(arm, run)
        for arm, published in records.manifest.published.items()
        for run in _of_turn(published, turn)
    ]
    frame = pd.DataFrame(rows).reindex(columns=records.runs.columns)
    types = {name: records.runs.dtypes[name] for name in ("status", "phase", "arm", "concurrency", "seed")}
    return replace(records, runs=frame.astype(types), epochs=records.epochs.iloc[:0], winners={})


def _of_turn(published: Sequence[PublishedValues], turn: int) -> list[PublishedValues]:
    points = [run for run in published if run.at] if turn == 0 else []
    whole = [run for run in published if not run.at]
    return points + whole[turn : turn + 1]


def _row(arm: str, run: PublishedValues) -> dict[str, Any]:
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
    runs = _of_turn(records.manifest.published.get(arm or "", []), turn)
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
    return pd.DataFrame(records, columns=_COLUMNS)


def lay_out_conclusions(rows: Sequence[Conclusion]) -> pd.DataFrame:
    """Return differences in percentage points (pp) where they are accuracies, and verdicts in words."""
    headings = ["Conclusion", "Published run", "Second run", "On these", "Measured", "n", "Verdict", "Source"]
    cells = pd.DataFrame([_cells(row) for row in rows], columns=headings)
    has_second = (cells["Second run"] != numbers.ABSENT).any()
    return cells if has_second else cells.drop(columns=["Second run"])


def _cells(row: Conclusion) -> dict[str, str]:
    claim = row.measured.claim
    return {
        "Conclusion": claim.says,
        "Published run": _gap(claim.metric, row.first),
        "Second run": _gap(claim.metric, row.second),
        "On these": f"{row.published.ruling}: {row.published.reason}",
        "Measured": row.measured.measured(),
        "n": str(row.measured.n),
        "Verdict": row.measured.ruling,
        "Source": str(claim.source),
    }


def _gap(metric: str | None, value: float | None) -> str:
    if metric is None or value is None:
        return numbers.ABSENT
    spec = claims.METRICS[metric]
    return f"{spec.scale * value:+.4g}{spec.unit}".replace("+-", "-")


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
    """Return whether the study repeats published conclusions and holds the published numbers."""
    manifest = facts.records.manifest
    return bool(manifest.published) and any(claim.source for claim in manifest.claims)


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
    ),
)
