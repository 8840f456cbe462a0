"""Differences between the arms that folders share: how each is tested, and what it shows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import pandas as pd

from analysis import claims, statistics
from analysis.design import Key
from analysis.metrics import Metric
from analysis.page.comparison.sides import (
    Configuration,
    Side,
    different_settings,
)
from analysis.replicates import replicates
from analysis.statistics.tests import Difference, paired, welch


@dataclass(frozen=True, kw_only=True)
class Gap:
    """A difference of means, second minus first, and how it was tested."""

    method: Literal["paired", "Welch"]
    test: Difference
    """Of the second minus the first, over seeds or over the replicates of either."""

    @property
    def n(self) -> int:
        """Seeds that both share for a paired difference, values of both sides together for Welch's."""
        return self.test.n_first + (0 if self.method == "paired" else self.test.n_second)

    @property
    def is_identical(self) -> bool:
        """Whether the values of every common seed are exactly the same."""
        return self.method == "paired" and self.test.mean == 0 and self.test.standard_error == 0


@dataclass(frozen=True, kw_only=True)
class Pair:
    """One configuration in the first folder and in another, under one metric."""

    row: dict[str, Any]
    gap: Gap | None

    @property
    def is_testable(self) -> bool:
        """Whether it counts among the comparisons that are corrected for."""
        return self.gap is not None and not self.gap.test.is_constant

    @property
    def is_measured(self) -> bool:
        """Whether both folders have a run that says something."""
        return all(self.row[f"{side}n"] + self.row[f"{side}diverged"] for side in ("first_", ""))


def pairs_of(first: Side, other: Side, metric: str) -> list[Pair]:
    """Return the configurations that two folders have runs of, compared under a metric."""
    ours, theirs = first.configurations, other.configurations
    shared = [name for name in ours if name in theirs]
    pairs = [_pair(name, other.name, metric, ours[name], theirs[name]) for name in shared]
    return [pair for pair in pairs if pair.is_measured]


def _pair(arm: str, folder: str, metric: str, first: Configuration, second: Configuration) -> Pair:
    sides = [_Values.of(own, metric) for own in (first, second)]
    changed = different_settings(*(side.runs for side in sides))
    values, lost = [side.by_key for side in sides], [side.diverged for side in sides]
    row: dict[str, Any] = {"arm": arm, "metric": metric, "folder": folder}
    row["different_settings"] = ", ".join(changed)
    for side, measured, diverged in zip(("first_", ""), values, lost, strict=True):
        interval = statistics.t_interval([] if diverged else list(measured.values()))
        row |= {f"{side}n": len(measured), f"{side}diverged": diverged}
        row |= {f"{side}mean": interval.mean, f"{side}half_width": interval.half_width}
    share_seeds = not (changed or first.is_of_searches or second.is_of_searches)
    return Pair(row=row, gap=None if any(lost) else _gap(*values, are_alike=share_seeds))


class _Values(NamedTuple):
    """What a folder measured of a configuration under a metric."""

    runs: pd.DataFrame
    by_key: Mapping[Key, float]
    """By seed, or by the number of a repeat whose mean it is."""
    diverged: int
    """How many seeds, or repeats."""

    @classmethod
    def of(cls, own: Configuration, metric: str) -> "_Values":
        runs = own.runs
        if metric.startswith("test_"):  # search runs never see the test set
            runs = runs[runs["phase"] == "confirm"]
        if own.is_of_searches:
            repeats = replicates(own.records, own.arm, metric)
            ended = zip(repeats.keys, repeats.values, repeats.statuses, strict=True)
            by_repeat = {key: float(value) for key, value, status in ended if status == "completed"}
            return cls(runs, by_repeat, repeats.count("diverged"))
        rows = runs[runs["status"] == "completed"].dropna(subset=[metric]).drop_duplicates("seed")
        values = zip(rows["seed"], rows[metric], strict=True)
        by_seed: dict[Key, float] = {int(seed): float(value) for seed, value in values}
        return cls(runs, by_seed, int((runs["status"] == "diverged").sum()))


def _gap(first: Mapping[Key, float], second: Mapping[Key, float], *, are_alike: bool) -> Gap | None:
    """Compare over common seeds where the configuration is the same, as unrelated samples otherwise."""
    shared = [key for key in first if key in second] if are_alike else []
    test = paired([second[seed] - first[seed] for seed in shared])
    if test is not None:
        return Gap(method="paired", test=test)
    test = welch(list(second.values()), list(first.values()))
    return None if test is None else Gap(method="Welch", test=test)


def judged(pairs: Sequence[Pair], metric: Metric) -> list[dict[str, Any]]:
    """Return the rows of one metric with their differences, Holm-adjusted over those that can be tested."""
    p_values = [pair.gap.test.p for pair in pairs if pair.gap and pair.is_testable]
    alphas = statistics.holm_alphas(p_values, claims.ALPHA)
    steps = iter(zip(statistics.holm(p_values), alphas, strict=True))
    rows = []
    for pair in pairs:
        p_adjusted, alpha = next(steps) if pair.is_testable else (None, claims.ALPHA)
        tested = _tested(pair.gap, p_adjusted, 1 - alpha) if pair.gap else {}
        finding = _finding(pair, tested, metric)
        rows.append({"method": None, "compared": None} | pair.row | tested | {"finding": finding})
    return rows


def _tested(gap: Gap, p_adjusted: float | None, level: float) -> dict[str, Any]:
    found = {"method": gap.method, "compared": gap.n, "difference": gap.test.mean}
    if p_adjusted is None:
        return found
    interval = {"difference_half_width": gap.test.half_width(level), "level": level}
    return found | interval | {"df": gap.test.df, "p": gap.test.p, "p_adjusted": p_adjusted}


def _finding(pair: Pair, tested: Mapping[str, Any], metric: Metric) -> str:
    """Return what the seeds show of a difference, in the words that the caption explains."""
    if pair.row["first_diverged"] or pair.row["diverged"]:
        return "diverged"
    if pair.gap is None:
        return "too few seeds"
    if pair.gap.is_identical:
        return "identical"
    if pair.gap.test.is_constant:
        return "no variation"
    region = metric.equivalence
    is_inside = region is not None and abs(tested["difference"]) + tested["difference_half_width"] < region
    if tested["p_adjusted"] < claims.ALPHA:
        return "apart, within the region" if is_inside else "apart"
    return "within the region" if is_inside else "open"
