"""How far search, seed, test images and the last epochs each move the headline of an arm."""

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from analysis.design import design_of, planned_runs, searches
from analysis.facts import Facts
from analysis.noted import noted
from analysis.records import StudyRecords
from analysis.statistics.images import Deviation, components, deviation_limits

LAST_EPOCHS = 5
"""Epochs at the end of a run over which its wobble is measured."""

Source = Literal["search", "seed", "images", "epochs"]
Basis = Literal["measured", "at most", "not known", "none"]
"""`at most`: only a limit is known. `none`: there is no such source, as the arm searches nothing."""

COMPARED: dict[Source, str] = {"search": "search", "seed": "seed", "images": "test images"}
"""Sources of the same number, the headline on the test set, in the words of captions."""
_COLUMNS = {
    "arm": "str",
    "source": "str",
    "basis": "str",
    "deviation": "float64",
    "low": "float64",
    "high": "float64",
    "n": "int64",
    "diverged": "int64",
}


@dataclass(frozen=True, kw_only=True)
class Noise:
    """How far one source moves the headline, in its unit: a standard deviation with its 95 % interval."""

    source: Source
    basis: Basis = "not known"
    deviation: float | None = None
    low: float | None = None
    high: float | None = None
    n: int = 0
    """Searches, confirm runs, test images, or runs of enough epochs."""

    @classmethod
    def measured(cls, source: Source, found: Deviation, n: int) -> "Noise":
        """Return what was measured."""
        return cls(
            source=source, basis="measured", deviation=found.value, low=found.low, high=found.high, n=n
        )

    @classmethod
    def at_most(cls, source: Source, high: float, n: int) -> "Noise":
        """Return what is known where sources cannot be parted."""
        return cls(source=source, basis="at most", low=0.0, high=high, n=n)


def sources_of_noise(facts: Facts) -> pd.DataFrame:
    """Return one row an arm and source of noise: how far it moves the headline metric.

    Returns: Columns `arm, source, basis, deviation, low, high, n, diverged`; the fields of `Noise`. By
        `source`: `search`, between whole searches, over `n` of them; `seed`, between confirm seeds of one
        configuration, over `n` confirm runs; `images`, of the arm's mean accuracy over draws of `n` test
        images, of accuracies alone; `epochs`, of the headline on validation data around a straight line
        through a run's last 5 epochs, over `n` runs. `diverged` counts confirm runs that did: they void the
        first three.
    """
    rows: list[dict[str, Any]] = []
    for arm in facts.records.arms:
        runs = planned_runs(facts.records, arm)
        diverged = int((runs["status"] == "diverged").sum())
        completed = runs[runs["status"] == "completed"]
        found = _sources(facts, arm, completed, is_void=bool(diverged))
        rows += [{"arm": arm, "diverged": diverged} | asdict(noise) for noise in found]
    return noted(pd.DataFrame(rows, columns=list(_COLUMNS)).astype(_COLUMNS), facts.records.metrics)


def _sources(facts: Facts, arm: str, completed: pd.DataFrame, *, is_void: bool) -> Iterator[Noise]:
    headline = facts.records.metrics.headline
    runs = completed.dropna(subset=headline.name)
    by_repeat = [list(own) for _, own in runs.groupby("repeat")[headline.name]]
    n_searches = len(by_repeat) if searches(facts.records, arm) else 0
    is_repeated = n_searches > 0 and design_of(facts.records).unit == "repeat"
    if is_void:
        yield Noise(source="search", basis="not known" if n_searches else "none", n=n_searches)
        yield Noise(source="seed", n=len(runs))
    else:
        values = list(runs[headline.name])
        yield from _parted(by_repeat) if is_repeated else _of_one_search(values, n_searches)
    if headline.is_accuracy and facts.records.declaration.known_data is not None:
        yield Noise(source="images") if is_void else _of_images(facts, arm, values)
    wobbles = wobble_variances(facts.records, completed["run_id"])
    yield _spread("epochs", float(wobbles.mean()), (LAST_EPOCHS - 2) * len(wobbles), len(wobbles))


def _of_one_search(values: Sequence[float], n_searches: int) -> Iterator[Noise]:
    """Yield the seeds' noise; of the search's nothing is known, unless there was none."""
    yield Noise(source="search", basis="not known" if n_searches else "none", n=n_searches)
    variance = float(np.var(values, ddof=1)) if len(values) > 1 else 0.0
    yield _spread("seed", variance, len(values) - 1, len(values))


def _parted(by_repeat: Sequence[Sequence[float]]) -> Iterator[Noise]:
    """Yield the noise of searches and of seeds; with one seed a repeat, only that of both together."""
    repeats, runs = len(by_repeat), sum(len(values) for values in by_repeat)
    parts = components(by_repeat)
    if parts is not None:
        yield Noise.measured("search", parts.search, repeats)
        yield Noise.measured("seed", parts.seed, runs)
    elif repeats > 1:
        both = float(np.var([np.mean(values) for values in by_repeat], ddof=1))
        _, high = deviation_limits(both, repeats - 1)
        yield Noise.at_most("search", high, repeats)
        yield Noise.at_most("seed", high, runs)
    else:
        yield from _of_one_search([value for values in by_repeat for value in values], repeats)


def _of_images(facts: Facts, arm: str, accuracies: Sequence[float]) -> Noise:
    """Return the images' noise in an arm's mean; without predictions it is at most that of a single run."""
    data = facts.records.declaration.known_data
    n = data.test_samples if data else 0
    if known := facts.new_images.get(arm):
        return Noise.measured("images", Deviation(known.image_deviation, *known.image_limits), n)
    limit = facts.records.binomial_error(float(np.mean(accuracies))) if accuracies else None
    return Noise(source="images") if limit is None else Noise.at_most("images", limit, n)


def _spread(source: Source, variance: float, df: int, n: int) -> Noise:
    if df < 1:
        return Noise(source=source, n=n)
    return Noise.measured(source, Deviation(math.sqrt(variance), *deviation_limits(variance, df)), n)


def wobble_variances(records: StudyRecords, run_ids: "pd.Series[str]") -> "pd.Series[float]":
    """Return by run id the variance of the validated headline around a line through its last 5 epochs.

    The line takes two of the five degrees of freedom. Runs with fewer epochs, or without a value at one of
    them, are left out.
    """
    epochs = records.epochs_of(run_ids)
    last = epochs[epochs.groupby("run_id").cumcount(ascending=False) < LAST_EPOCHS]
    name = records.metrics.validated.name
    known = last.groupby("run_id")[name].transform("count")
    last = last[known == LAST_EPOCHS]
    values = last[name].to_numpy(dtype=np.float64).reshape(-1, LAST_EPOCHS)
    time = np.arange(LAST_EPOCHS) - (LAST_EPOCHS - 1) / 2
    centred = values - values.mean(axis=1, keepdims=True)
    residuals = centred - np.outer(centred @ time / (time @ time), time)
    variances = (residuals**2).sum(axis=1) / (LAST_EPOCHS - 2)
    return pd.Series(variances, index=last["run_id"].iloc[::LAST_EPOCHS].to_numpy(), dtype="float64")


def told_apart(frame: pd.DataFrame) -> dict[tuple[Source, Source], list[str]]:
    """Return by larger and smaller source the arms whose 95 % intervals of the two do not overlap."""
    arms: dict[tuple[Source, Source], list[str]] = defaultdict(list)
    for arm, rows in frame.groupby("arm", sort=False):
        limits = {row["source"]: (row["low"], row["high"]) for row in rows.to_dict("records")}
        for larger in COMPARED:
            for smaller in COMPARED:
                is_known = larger in limits and smaller in limits
                if is_known and limits[larger][0] > limits[smaller][1]:  # never where a limit is absent
                    arms[larger, smaller].append(str(arm))
    return dict(arms)
