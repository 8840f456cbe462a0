"""The table of published conclusions: what single runs were worth, and what several seeds say."""

from typing import Any

import pandas as pd

from analysis.as_published import compute_as_published, is_testable_against_published
from analysis.claims import METRICS
from analysis.records import StudyRecords
from analysis.render import numbers
from analysis.tables.claims import measured
from analysis.tables.spec import Table


def lay_out_as_published(frame: pd.DataFrame) -> pd.DataFrame:
    """Return differences in percentage points (pp) where they are accuracies, and verdicts in words."""
    headings = ["Conclusion", "Published run", "Second run", "On these", "Measured", "n", "Verdict", "Source"]
    cells = pd.DataFrame([_cells(row) for row in frame.itertuples()], columns=headings)
    has_second = (cells["Second run"] != numbers.ABSENT).any()
    return cells if has_second else cells.drop(columns=["Second run"])


def _cells(row: Any) -> dict[str, str]:
    return {
        "Conclusion": row.says,
        "Published run": _gap(row, row.first),
        "Second run": _gap(row, row.second),
        "On these": f"{row.published_ruling}: {row.published_reason}",
        "Measured": measured(row),
        "n": str(row.n),
        "Verdict": row.ruling,
        "Source": row.source,
    }


def _gap(row: Any, value: float | None) -> str:
    if not numbers.is_present(value):
        return numbers.ABSENT
    spec = METRICS[row.metric]
    return f"{spec.scale * value:+.4g}{spec.unit}".replace("+-", "-")


def caption_as_published(_records: StudyRecords, frame: pd.DataFrame) -> str:
    """Return what stands beside what."""
    second = " and in its authors' second run of the same recipes" if frame["second"].notna().any() else ""
    return (
        "Conclusions of published studies, by the same rules from two sets of numbers. Published run: first "
        f"arm minus second as published{second}, one run an arm (n = 1), which these rules refuse to "
        "conclude anything from. Measured and verdict: from n seeds of this study, as in the table of claims."
    )


AS_PUBLISHED = Table(
    title="Published conclusions",
    section="glance",
    compute=compute_as_published,
    lay_out=lay_out_as_published,
    caption=caption_as_published,
    is_for=is_testable_against_published,
)
