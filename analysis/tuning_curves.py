"""What a search reached against the number of its trials.

Trials of a random search without early stopping are independent draws, so their values say what any number of
such trials reaches: the tuning curve, with a band that holds for all numbers at once. Trials of any other
search depend on each other; what remains is the one path that was walked.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis import search_values
from analysis.records import StudyRecords
from analysis.statistics import LEVEL
from analysis.tables.search import is_searched
from analysis.winner_rule import WinnerRule

Floats = NDArray[np.float64]

_MOST_POINTS = 200
"""Numbers of trials at which a tuning curve is worked out: with more, evenly spread over their logarithms."""

_COLUMNS = {
    "arm": "str",
    "kind": "str",
    "metric": "str",
    "trials": "int64",
    "value": "float64",
    "low": "float64",
    "high": "float64",
    "run_id": "str",
    "n": "int64",
    "completed": "int64",
}


def expected_best(values: Sequence[float], sizes: Sequence[int]) -> Floats:
    """Return the mean of the largest of so many draws, with replacement, from some values.

    Args:
        values: Shape `(n,)`, finite.
        sizes: Shape `(m,)`, each at least 1.

    Returns: Shape `(m,)`.

    Source: Dodge et al. (2019), Show your work: improved reporting of experimental results, equations 4 to 6.
    """
    ordered = np.sort(np.asarray(values, dtype=np.float64))
    reached = np.arange(len(ordered) + 1) / len(ordered)
    chances = np.diff(reached[:, None] ** np.asarray(sizes), axis=0)
    return np.asarray(ordered @ chances)


def median_best(values: Sequence[float], sizes: Sequence[int]) -> Floats:
    """Return the median of the largest of so many independent draws from the law of some values.

    Args:
        values: Shape `(n,)`; minus infinity for trials that gave nothing.
        sizes: Shape `(m,)`, each at least 1.

    Returns: Shape `(m,)`: the estimated quantile `0.5 ** (1 / size)` of the law.

    Source: Lourie, Cho and He (2023), Show your work with confidence, arXiv:2311.09480.
    """
    return _quantiles(values, _median_levels(sizes))


def median_best_band(
    values: Sequence[float], sizes: Sequence[int], level: float = LEVEL
) -> tuple[Floats, Floats]:
    """Return the band in which the whole curve of `median_best` lies with the given confidence.

    Args:
        values: Shape `(n,)`, independent; minus infinity for trials that gave nothing.
        sizes: Shape `(m,)`, each at least 1.
        level: Confidence in (0, 1).

    Returns: Lower and upper ends, each of shape `(m,)`; infinite where the values bound nothing.

    Source: Dvoretzky, Kiefer and Wolfowitz (1956) with the constant of Massart (1990): a distribution
        function lies within `sqrt(log(2 / (1 - level)) / (2 n))` of that of n draws; used so by Lourie, Cho
        and He (2023).
    """
    margin = np.sqrt(np.log(2 / (1 - level)) / (2 * len(values)))
    levels = _median_levels(sizes)
    return _quantiles(values, levels - margin), _quantiles(values, levels + margin)


def _median_levels(sizes: Sequence[int]) -> Floats:
    return np.asarray(0.5 ** (1 / np.asarray(sizes, dtype=np.float64)))


def _quantiles(values: Sequence[float], levels: Floats) -> Floats:
    """Return the smallest values that so large shares of all do not exceed; infinite outside (0, 1]."""
    ordered = np.sort(np.asarray(values, dtype=np.float64))
    ranks = np.ceil(levels * len(ordered) - 1e-9).astype(np.int64)  # the tolerance is for rounding
    inside = ordered[np.clip(ranks, 1, len(ordered)) - 1]
    return np.where(ranks < 1, -np.inf, np.where(ranks > len(ordered), np.inf, inside))


def has_budget(records: StudyRecords) -> bool:
    """Return whether trials were drawn one after another; a grid has its points and no budget to spend."""
    return is_searched(records) and records.manifest.search.get("sampler") != "grid"


def is_independent(search: Mapping[str, object]) -> bool:
    """Return whether the trials of a search do not depend on each other: drawn at random, none stopped."""
    return search.get("sampler") == "random" and not isinstance(search.get("early_stopping"), Mapping)


def compute_tuning_curves(records: StudyRecords) -> pd.DataFrame:
    """Return of each arm its tuning curve where trials are independent, else the path its search walked.

    Returns: Columns `arm, kind, metric, trials, value, low, high, run_id, n, completed`. `kind` is `median`:
        one row a number of `trials`, with the median of the best value they reach and the ends of its 95 %
        band, absent where infinite; or `path`: one row each time that the best value so far improved, by
        `run_id`, after so many `trials` had ended, and one for the last trial. `n` counts the arm's trials,
        `completed` those of full length; others give nothing. Arms without any value have no row.
    """
    rule = WinnerRule.of(records.manifest)
    curve = _median if is_independent(records.manifest.search) else _path
    frames = []
    for arm in records.arms:
        runs = records.runs_of("search", arm).sort_values(["ended_at", "run_id"], kind="stable")["run_id"]
        values = search_values.at_full_length(records, "search", arm)
        gains = (rule.sign * values).reindex(runs, fill_value=-np.inf)
        completed = int(np.isfinite(gains).sum())
        if completed:
            found = curve(gains, rule.sign)
            frames.append(found.assign(arm=arm, metric=rule.metric, n=len(runs), completed=completed))
    frame = pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()
    return frame.reindex(columns=list(_COLUMNS)).astype(_COLUMNS)


def _median(gains: "pd.Series[float]", sign: int) -> pd.DataFrame:
    """Return the tuning curve of gains, which are values whose sign makes more of them better."""
    found = np.asarray(gains, dtype=np.float64)
    few = np.arange(1, len(found) + 1)
    spread = np.rint(np.geomspace(1, len(found), _MOST_POINTS)).astype(np.int64)
    sizes = few if len(few) <= _MOST_POINTS else np.unique(spread)
    middle, ends = median_best(list(found), list(sizes)), median_best_band(list(found), list(sizes))
    low, high = ends if sign > 0 else ends[::-1]
    curve = pd.DataFrame({"trials": sizes, "value": middle, "low": low, "high": high})
    signed = sign * curve[["value", "low", "high"]]
    return curve.assign(**signed.where(np.isfinite(signed)), kind="median", run_id="")


def _path(gains: "pd.Series[float]", sign: int) -> pd.DataFrame:
    """Return the steps of the best gain so far, and where they end."""
    best = np.maximum.accumulate(np.asarray(gains, dtype=np.float64))
    steps = np.flatnonzero(best > np.concatenate([[-np.inf], best[:-1]]))
    shown = np.unique([*steps, len(best) - 1])  # the last trial ends the line, whatever it gave
    finders = gains.index[steps[np.searchsorted(steps, shown, side="right") - 1]]
    path = {"trials": shown + 1, "value": sign * best[shown], "run_id": finders}
    return pd.DataFrame(path).assign(kind="path")
