"""How well the values at ASHA's rungs rank the runs as their final values do.

ASHA acts on ranks at the rungs, so Spearman's correlation with the final values measures what it relies on.
It is known for runs that reached their end only: all that were let through, and a random sample of the
stopped ones, trained again by the audit. Each audited run therefore weighs as many stopped runs as it stands
for, which estimates the correlation among all of them; unweighted, the survivors would count too much.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis import audit
from analysis.records import StudyRecords
from analysis.winner_rule import WinnerRule

_COLUMNS = {"arm": "str", "epoch": "int64", "rank_correlation": "float64", "n": "int64"}

_FEWEST = 3
"""With fewer runs a rank correlation is 1 or -1 whatever happens."""


def compute_ranks(records: StudyRecords) -> pd.DataFrame:
    """Return one row an arm and rung below full length; no row where no audit was asked for.

    Returns: Columns `arm, epoch, rank_correlation, n`. `n` counts completed and audited runs that went on
        beyond the rung; the correlation is absent for fewer than 3 and where all values are equal.
    """
    runs = audit.compute_runs(records)
    runs = runs.assign(weight=_weights(runs))[runs["final"].notna()]
    curves = audit.metric_curves(records, list(runs["full_run_id"]), WinnerRule.of(records.manifest).metric)
    runs["length"] = [len(curves[run_id]) for run_id in runs["full_run_id"].to_numpy()]
    rows: list[dict[str, object]] = []
    for arm, group in runs.groupby("arm", sort=False):
        for rung in _rungs(records.manifest.search, int(group["length"].max())):
            beyond = group[group["length"] > rung]
            there = [curves[run_id][rung - 1] for run_id in beyond["full_run_id"].to_numpy()]
            value = rank_correlation(there, list(beyond["final"]), list(beyond["weight"]))
            rows.append({"arm": arm, "epoch": rung, "rank_correlation": value, "n": len(beyond)})
    return pd.DataFrame(rows, columns=list(_COLUMNS)).astype(_COLUMNS)


def _weights(runs: pd.DataFrame) -> pd.Series:
    """Return for how many runs each stands: an audited one for its share of the arm's stopped ones.

    Audit runs that diverged stand for stopped runs that would have; only failed ones are missing.
    """
    is_known = (runs["fate"] == "audited") & runs["full_status"].isin(["completed", "diverged"])
    known = is_known.groupby(runs["arm"]).transform("sum")
    stopped = (runs["fate"] != "completed").groupby(runs["arm"]).transform("sum")
    return (stopped / known).where(is_known, 1.0)


def _rungs(search: Mapping[str, Any], full_length: int) -> list[int]:
    """Return the epochs below full length at which ASHA compares runs."""
    settings = search.get("early_stopping")
    if not isinstance(settings, Mapping):
        return []
    grace, factor = int(settings["grace_epochs"]), int(settings["reduction_factor"])
    rungs = [grace * factor**power for power in range(full_length.bit_length())]
    return [rung for rung in rungs if rung < full_length]


def rank_correlation(
    first: Sequence[float], second: Sequence[float], weights: Sequence[float]
) -> float | None:
    """Return Spearman's rank correlation, each pair counted as often as its weight says.

    With whole weights this is the ordinary coefficient after repeating each pair so often.

    Args:
        first: Shape `(n,)`, finite.
        second: Likewise.
        weights: Likewise, positive.

    Returns: A number in [-1, 1], or None for fewer than 3 pairs or where one side is constant.

    Source: Spearman (1904), The proof and measurement of association between two things; mid-ranks for ties.
    """
    if len(first) < _FEWEST or len(set(first)) == 1 or len(set(second)) == 1:
        return None
    weight = np.asarray(weights, dtype=np.float64)
    one, other = (_centred_ranks(values, weight) for values in (first, second))
    scatter = np.sqrt(np.sum(weight * one * one) * np.sum(weight * other * other))
    return float(np.clip(np.sum(weight * one * other) / scatter, -1.0, 1.0))


def _centred_ranks(values: Sequence[float], weight: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return weighted mid-ranks less their weighted mean: the weight below a value and half of that at it."""
    _, place = np.unique(np.asarray(values), return_inverse=True)
    shares = np.bincount(place, weights=weight)
    ranks = (np.cumsum(shares) - shares / 2)[place]
    centred: NDArray[np.float64] = ranks - np.average(ranks, weights=weight)
    return centred
