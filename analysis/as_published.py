"""The study's claims decided on published numbers: what would our rules have said of those single runs?

The published values take the place of the study's runs and go through the same `claims.decide`. A published
study has one run an arm; where its authors ran it twice, each time is a study of its own, and both stand side
by side: two runs that disagree about a conclusion show what one run was worth.
"""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pandas as pd

from analysis import claims
from analysis.records import StudyRecords

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


def _of_turn(published: list[dict[str, Any]], turn: int) -> list[dict[str, Any]]:
    points = [run for run in published if run.get("at")] if turn == 0 else []
    whole = [run for run in published if not run.get("at")]
    return points + whole[turn : turn + 1]


def _row(arm: str, run: Mapping[str, Any]) -> dict[str, Any]:
    """Return a published run as a row of the runs; one at settings of its own is a point of a grid."""
    at = run.get("at") or {}
    settings = {
        f"config.{field}": json.dumps(value) if isinstance(value, dict | list) else value
        for field, value in at.items()
    }
    phase = "search" if at else "confirm"
    values = {"arm": arm, "phase": phase, "seed": _SEED, "status": "completed", "concurrency": 1}
    return values | settings | dict(run["values"])


def compute_as_published(records: StudyRecords) -> pd.DataFrame:
    """Return one row a claim that names its source: decided on the published runs, and on ours.

    Returns: Columns `says, source, metric, first, second, published_ruling, published_reason`, then the
        fields of the measured `analysis.claims.Verdict` of the same names. `first`, `second`: the published
        difference of the two arms that decided the measured claim, in the authors' first and second runs.
    """
    verdicts = claims.decide(records)
    told = claims.decide(published_records(records, 0))
    rows = [
        {
            **{name: getattr(measured, name) for name in _COLUMNS if hasattr(measured, name)},
            "first": _difference(records, measured, 0),
            "second": _difference(records, measured, 1),
            "published_ruling": published.ruling,
            "published_reason": published.reason,
        }
        for measured, published in zip(verdicts, told, strict=True)
        if measured.source is not None
    ]
    return pd.DataFrame(rows, columns=_COLUMNS)


def _difference(records: StudyRecords, verdict: claims.Verdict, turn: int) -> float | None:
    """Return the published difference of the arms that a claim compares, or None without both values."""
    values = [_value(records, arm, verdict.metric, turn) for arm in (verdict.arm, verdict.than)]
    return values[0] - values[1] if values[0] is not None and values[1] is not None else None


def _value(records: StudyRecords, arm: str | None, metric: str | None, turn: int) -> float | None:
    runs = _of_turn(records.manifest.published.get(arm or "", []), turn)
    found = [run["values"].get(metric) for run in runs if not run.get("at")]
    return None if not found or found[0] is None else float(found[0])


def is_testable_against_published(records: StudyRecords) -> bool:
    """Return whether the study repeats published conclusions and holds the published numbers."""
    return bool(records.manifest.published) and any(c.get("source") for c in records.manifest.claims)
