"""What the page says of arms: their means, and the values that were published."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from analysis.metrics import USUAL
from analysis.render import numbers
from analysis.render.table import escape_markdown
from docs.generators.markdown import table
from docs.generators.results.committed import REFERENCE, table_of
from harness.declaration import Declaration
from harness.records.folder import ResultsFolder


def arms(study: str) -> str:
    """Return the table of arms; empty without a confirm phase."""
    frame = table_of(study, "results")
    if frame is None:
        return ""
    accuracy = USUAL["test_accuracy"]
    is_alone = (
        pd.read_parquet(REFERENCE / study / "runs.parquet", columns=["concurrency"]).eq(1).all(axis=None)
    )
    rows = [
        [
            escape_markdown(row["arm"]),
            _rates(row),
            accuracy.amount(row["test_accuracy"], row["test_accuracy_half_width"]),
            *([training_seconds(row)] if is_alone else []),
            str(row["n"]),
        ]
        for row in frame.to_dict("records")
    ]
    times = ["training (s)"] if is_alone else []
    return table(["arm", "learning rate", "test accuracy (%)", *times, "n"], rows)


def training_seconds(row: Mapping[Any, Any]) -> str:
    """Return how long runs of an arm took to train, evaluation left out, of a row of the table of results."""
    return numbers.with_uncertainty(row["minutes"], row["minutes_half_width"], scale=60)


def _rates(row: Mapping[Any, Any]) -> str:
    if numbers.is_present(row.get("lowest_rate")):
        return numbers.span((row["lowest_rate"], row["highest_rate"]), numbers.rate)
    return numbers.rate(row["learning_rate"])


def fixed_rates(study: str) -> str:
    """Return which arms of a study that trains recipes of its own have a fixed learning rate."""
    declared = Declaration.read(ResultsFolder(REFERENCE / study)).arms
    fixed = [f"`{name}`" for name, arm in declared.items() if "lr" in arm.fixed]
    if not fixed or study.endswith("_published"):
        return ""
    return (
        f"The learning rate is fixed in {'every arm' if len(fixed) == len(declared) else ', '.join(fixed)}."
    )


def as_published(study: str) -> str:
    """Return what the authors' own single runs gave of the same comparisons, where they did."""
    frame = table_of(study, "as_published")
    if frame is None or frame["first"].isna().all():
        return ""
    rows = [
        [escape_markdown(row["says"]), *(_difference(row[run], row["metric"]) for run in ("first", "second"))]
        for row in frame.to_dict("records")
        if numbers.is_present(row["first"])
    ]
    told = table(["claim", "their run", "their second run"], rows)
    return (
        f"The authors' own differences, of one run each, from which these rules conclude nothing:\n\n{told}"
    )


def _difference(value: float, metric: str) -> str:
    spec = USUAL[metric]
    digits = 2 if spec.scale == 100 else 4
    return f"{spec.scale * value:+.{digits}f}{spec.unit}" if numbers.is_present(value) else numbers.ABSENT


def within(study: str) -> str:
    """Return how many published values lie where single runs lie."""
    frame = table_of(study, "published")
    judged = [] if frame is None else frame["position"].dropna().tolist()
    if not judged:
        return ""
    within = judged.count("within")
    return (
        f"Published values that these runs can judge: {len(judged)}; where single runs of ours lie: {within}."
    )
