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

_LAST_EPOCHS = 5
"""Epochs at the end of a run over which its wobble is measured."""

_HEADINGS = {
    "seeds": "Seeds: SD of test accuracy (pp)",
    "test set": "Test set: standard error (pp)",
    "epochs": "Epochs: SD of validation accuracy (pp)",
    "searches": "Searches",
}
_SOURCES = (
    (
        "Seeds: standard deviation (SD) over n confirm seeds, which vary the split, the initialisation and "
        "the data order together, with its 95 % chi-square interval, for normal noise."
    ),
    (
        "Test set: standard error of the arm's accuracy over other draws of its n test images, from the "
        "runs' predicted classes; where these are not kept, the binomial one of a single run, which is "
        "larger. The same images serve every run, so that only intervals for new test images hold it."
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
        runs; `searches`, which is absent, with `n` = 1 search, or 0 where nothing is searched. `diverged`
        counts confirm seeds that did: they void the first two.
    """
    records = facts.records
    confirm = records.runs_of("confirm")
    wobbles = wobble_variances(records, confirm.loc[confirm["status"] == "completed", "run_id"])
    rows = [row for arm in records.arms for row in _rows(facts, arm, confirm[confirm["arm"] == arm], wobbles)]
    return pd.DataFrame(rows, columns=list(_COLUMNS)).astype(_COLUMNS)


def _rows(
    facts: Facts, arm: str, runs: pd.DataFrame, wobbles: "pd.Series[float]"
) -> Iterator[dict[str, Any]]:
    records = facts.records
    diverged = int((runs["status"] == "diverged").sum())
    completed = runs[runs["status"] == "completed"]
    accuracies = list(completed["test_accuracy"].dropna())
    of_arm = wobbles.reindex(completed["run_id"]).dropna()
    error = _image_error(facts, arm, accuracies) if accuracies and not diverged else None
    images = records.declaration.dataset.test_samples
    known = {"arm": arm, "diverged": diverged}
    yield known | {"source": "seeds", "n": len(accuracies), **_spread([] if diverged else accuracies)}
    yield known | {"source": "test set", "deviation": error, "n": images if error is not None else 0}
    wobble = math.sqrt(float(of_arm.mean())) if len(of_arm) else None
    yield known | {"source": "epochs", "deviation": wobble, "n": len(of_arm)}
    yield known | {"source": "searches", "n": int(records.declaration.arms[arm].search_runs > 0)}


def _image_error(facts: Facts, arm: str, accuracies: Sequence[float]) -> float | None:
    if arm in facts.new_images:
        return facts.new_images[arm].image_deviation
    return facts.records.binomial_error(float(np.mean(accuracies)))


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
    if row["source"] == "searches":
        return "not measured: the search ran once" if row["n"] else "nothing was searched"
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
    if facts.records.has_search:
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
