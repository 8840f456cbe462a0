"""What noise dominates? The spread of seeds beside that of the test set and of the last epochs."""

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from analysis import statistics
from analysis.blocks import Block, Table
from analysis.facts import Facts
from analysis.records import StudyRecords
from analysis.render import numbers
from analysis.replicates import design_of, planned_runs, searches
from analysis.statistics import images

_LAST_EPOCHS = 5
"""Epochs at the end of a run over which its wobble is measured."""

_HEADINGS = {
    "seeds": "Seeds: SD of test accuracy (pp)",
    "test set": "Test set: standard error (pp)",
    "epochs": "Epochs: SD of validation accuracy (pp)",
    "searches": "Searches: SD of test accuracy (pp)",
}
_SOURCES = (
    (
        "Seeds: standard deviation (SD) over n confirm seeds, which vary the split, the initialisation and "
        "the data order together, with its 95 % chi-square interval, for normal noise."
    ),
    (
        "Test set: binomial standard error of an accuracy on n images; the same images serve every run, so "
        "no other interval in this report holds it."
    ),
    (
        "Epochs: SD of validation accuracy around a straight line through a run's last "
        f"{_LAST_EPOCHS} epochs, root mean square over n completed confirm runs of at least so many epochs."
    ),
)
_COLUMNS = {
    "arm": "str",
    "source": "str",
    "deviation": "float64",
    "low": "float64",
    "high": "float64",
    "n": "int64",
    "diverged": "int64",
}


def compute(facts: Facts) -> pd.DataFrame:
    """Return one row an arm and source of noise: how far it moves an accuracy.

    Returns: Columns `arm, source, deviation, low, high, n, diverged`. Accuracies are in [0, 1]. By `source`:
        `seeds`, the standard deviation of test accuracy over `n` completed confirm seeds, with its 95 %
        interval; `test set`, the standard error due to `n` test images; `epochs`, the standard deviation of
        validation accuracy around a straight line through a run's last 5 epochs, root mean square over `n`
        runs; `searches`, the standard deviation over `n` searches beyond what their seeds make of it, with
        its 95 % interval: absent for one search, with `n` = 0 where nothing is searched. Of an arm with
        several searches `seeds` is that within a search. `diverged` counts confirm seeds that did: they void
        all but `epochs`.
    """
    records = facts.records
    confirm = records.runs_of("confirm")
    wobbles = wobble_variances(records, confirm.loc[confirm["status"] == "completed", "run_id"])
    rows = [
        row for arm in records.arms for row in _rows(records, arm, confirm[confirm["arm"] == arm], wobbles)
    ]
    return pd.DataFrame(rows, columns=list(_COLUMNS)).astype(_COLUMNS)


def _rows(
    records: StudyRecords, arm: str, runs: pd.DataFrame, wobbles: "pd.Series[float]"
) -> Iterator[dict[str, Any]]:
    diverged = int((runs["status"] == "diverged").sum())
    completed = runs[runs["status"] == "completed"]
    accuracies = list(completed["test_accuracy"].dropna())
    of_arm = wobbles.reindex(completed["run_id"]).dropna()
    error = records.sampling_error(float(np.mean(accuracies))) if accuracies and not diverged else None
    images = records.declaration.dataset.test_samples
    known = {"arm": arm, "diverged": diverged}
    parts = _components(records, arm) if not diverged else None
    within = _spread([] if diverged else accuracies) if parts is None else _deviation(parts.seed)
    yield known | {"source": "seeds", "n": len(accuracies), **within}
    yield known | {"source": "test set", "deviation": error, "n": images if error is not None else 0}
    wobble = math.sqrt(float(of_arm.mean())) if len(of_arm) else None
    yield known | {"source": "epochs", "deviation": wobble, "n": len(of_arm)}
    beyond = {} if parts is None else _deviation(parts.search)
    yield known | {"source": "searches", "n": _n_searches(records, arm), **beyond}


def _components(records: StudyRecords, arm: str) -> images.Components | None:
    """Return the parts of search and seed in an arm's noise; None where its searches are not repeated."""
    if design_of(records).unit != "repeat" or not searches(records, arm):
        return None
    runs = planned_runs(records, arm)
    runs = runs[runs["status"] == "completed"]
    return images.components([own["test_accuracy"].tolist() for _, own in runs.groupby("repeat")])


def _deviation(part: images.Deviation) -> dict[str, float]:
    return {"deviation": part.value, "low": part.low, "high": part.high}


def _n_searches(records: StudyRecords, arm: str) -> int:
    """Return the searches of an arm that have confirm runs, at least 1; 0 where nothing is searched."""
    if not records.declaration.arms[arm].search_runs:
        return 0
    return max(1, int(planned_runs(records, arm)["repeat"].nunique()))


def _spread(values: Sequence[float]) -> dict[str, float]:
    if len(values) < 2:
        return {}
    deviation = float(np.std(values, ddof=1))
    low, high = deviation_interval(deviation, len(values))
    return {"deviation": deviation, "low": low, "high": high}


def deviation_interval(deviation: float, n: int, level: float = statistics.LEVEL) -> tuple[float, float]:
    """Return the chi-square interval of a normal law's standard deviation.

    Args:
        deviation: Standard deviation of the values, with n - 1.
        n: Values, at least 2.
        level: Confidence level in (0, 1).

    Source: Helmert (1876): (n - 1) s² / sigma² follows the chi-square law with n - 1 degrees of freedom.
    """
    tails = stats.chi2.ppf([(1 + level) / 2, (1 - level) / 2], n - 1)
    low, high = (float(deviation * math.sqrt((n - 1) / quantile)) for quantile in tails)
    return low, high


def wobble_variances(records: StudyRecords, run_ids: "pd.Series[str]") -> "pd.Series[float]":
    """Return by run id the variance of validation accuracy around a line through its last 5 epochs.

    The line takes two of the five degrees of freedom. Runs with fewer epochs, or without a value at one of
    them, are left out.
    """
    epochs = records.epochs_of(run_ids)
    last = epochs[epochs.groupby("run_id").cumcount(ascending=False) < _LAST_EPOCHS]
    known = last.groupby("run_id")["val_accuracy"].transform("count")
    last = last[known == _LAST_EPOCHS]
    values = last["val_accuracy"].to_numpy(dtype=np.float64).reshape(-1, _LAST_EPOCHS)
    time = np.arange(_LAST_EPOCHS) - (_LAST_EPOCHS - 1) / 2
    centred = values - values.mean(axis=1, keepdims=True)
    residuals = centred - np.outer(centred @ time / (time @ time), time)
    variances = (residuals**2).sum(axis=1) / (_LAST_EPOCHS - 2)
    return pd.Series(variances, index=last["run_id"].iloc[::_LAST_EPOCHS].to_numpy(), dtype="float64")


def lay_out(frame: pd.DataFrame) -> pd.DataFrame:
    """Return one row an arm and one column a source, in percentage points, each with its n."""
    cells: dict[str, list[str]] = {"Arm": list(dict.fromkeys(frame["arm"]))}
    for source, heading in _HEADINGS.items():
        cells[heading] = [_cell(row) for row in frame[frame["source"] == source].to_dict("records")]
    return pd.DataFrame(cells)


def _cell(row: dict[Any, Any]) -> str:
    if row["source"] == "searches" and row["n"] == 0:
        return "nothing was searched"
    if row["source"] == "searches" and not numbers.is_present(row["deviation"]):
        once = row["n"] == 1
        return "not measured: the search ran once" if once else f"not measured ({row['n']} searches)"
    if not numbers.is_present(row["deviation"]):
        diverged = f"{row['diverged']} diverged, " if row["diverged"] and row["source"] == "seeds" else ""
        return f"{numbers.ABSENT} ({diverged}n = {row['n']:,})"
    ends = f"{_points(row['low'])} to {_points(row['high'])}, " if numbers.is_present(row["low"]) else ""
    return f"{_points(row['deviation'])} ({ends}n = {row['n']:,})"


def _points(share: float) -> str:
    """Return a share in percentage points with two significant digits."""
    points = 100 * share
    return f"{points:.{numbers.decimals_of(points)}f}" if points > 1e-12 else "0"


def caption(facts: Facts, frame: pd.DataFrame) -> str:
    """Return what each source is, how it was measured, and what no interval of the report holds."""
    sentences = ["How far each source of noise moves one accuracy, in percentage points (pp).", *_SOURCES]
    if design_of(facts.records).unit == "repeat":
        sentences.append(
            "Searches: SD of what one search's choice scores beyond another's, over n searches, the part of "
            "their seeds taken off (one-way random effects; 95 % interval, wide for few searches); seeds are "
            "then those within a search."
        )
    elif facts.records.has_search:
        sentences.append(
            "Searches: another search could choose another configuration; how far that would move the "
            "accuracy takes several searches an arm."
        )
    if frame["diverged"].any():
        sentences.append("A diverged seed voids its arm's first two: the survivors alone would flatter it.")
    return " ".join(sentences)


VARIANCE = Block(
    name="variance",
    section="trust",
    table=Table(
        title="What noise dominates?",
        compute=compute,
        lay_out=lay_out,
        caption=caption,
        is_for=lambda facts: facts.records.has_confirm,
    ),
)
