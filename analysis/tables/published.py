"""The table of published values: do they lie where our own single runs lie?"""

from typing import Any

import pandas as pd

from analysis.claims import METRICS
from analysis.published import compute_published
from analysis.records import StudyRecords
from analysis.render import numbers
from analysis.tables.spec import Table

_HEADINGS = ["Arm", "Value", "Published", "Measured", "n", "Single runs", "Published lies", "Source", "Note"]


def lay_out_published(frame: pd.DataFrame) -> pd.DataFrame:
    """Return accuracies in percent, with the side and the distance of values that lie outside."""
    cells = pd.DataFrame([_cells(row) for row in frame.itertuples()], columns=_HEADINGS)
    return cells.drop(columns=["Note"]) if (cells["Note"] == numbers.ABSENT).all() else cells


def _cells(row: Any) -> dict[str, str]:
    spec = METRICS[row.metric]
    decimals = 2 if spec.unit else 1 if spec.is_time else 4
    return {
        "Arm": f"{row.arm}, {row.at}" if row.at else row.arm,
        "Value": f"{spec.label}{' (%)' if spec.unit else ' (s)' if spec.is_time else ''}",
        "Published": f"{spec.scale * row.published:.6g}",
        "Measured": numbers.with_uncertainty(row.mean, row.half_width, scale=spec.scale, decimals=decimals),
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


def caption_published(records: StudyRecords, frame: pd.DataFrame) -> str:
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
    searched = [
        arm
        for arm, runs in records.manifest.published.items()
        if records.manifest.arms[arm].search_runs and not all(run.get("at") for run in runs)
    ]
    other = f"Searched here, so that the recipe is another than the published one: {', '.join(searched)}."
    return " ".join([how, count, *([other] if searched else [])])


def has_published(records: StudyRecords) -> bool:
    """Return whether the study file holds published values."""
    return bool(records.manifest.published)


PUBLISHED = Table(
    title="Published values",
    section="glance",
    compute=compute_published,
    lay_out=lay_out_published,
    caption=caption_published,
    is_for=has_published,
)
