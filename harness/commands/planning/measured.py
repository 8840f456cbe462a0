"""How much replicates vary by the results of an earlier study."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from analysis.load import load_study
from analysis.records import StudyRecords
from analysis.statistics.power import deviation_limits
from harness.commands.planning.noise import Noise, Spread, assumed_search, of_repeats
from harness.errors import ResultsError


class MeanSquare(NamedTuple):
    """An estimated variance and its degrees of freedom."""

    variance: float
    df: float

    @property
    def spread(self) -> Spread:
        """The standard deviation, with its lower and its upper 80 % limit."""
        deviation = math.sqrt(self.variance)
        return Spread(deviation, *deviation_limits(deviation, self.df))


@dataclass(frozen=True, kw_only=True)
class Earlier:
    """An earlier study, to plan by."""

    records: StudyRecords
    arms: Sequence[str]
    """Its arms that the planned study has as well; all of them where it has none of these."""

    @classmethod
    def of(cls, folder: Path, planned_arms: Iterable[str]) -> "Earlier":
        """Read the results in a folder.

        Raises:
            ResultsError: It holds none, or none that measured an arm twice.
        """
        records = load_study(folder)
        shared = set(planned_arms) & set(records.arms)
        earlier = cls(records=records, arms=[a for a in records.arms if a in shared or not shared])
        if not (earlier._completed().groupby("arm").size() > 1).any():
            raise ResultsError(
                f"--from {folder}: no arm has two completed confirm runs; they do not show how runs vary. "
                f"Remedy: results of a study with confirm runs, or --sd RUN,SEARCH"
            )
        return earlier

    def noise(self, metric: str, seeds: int | None) -> Noise | None:
        """Return the noise of a metric; None where these results do not show it.

        Args:
            metric: Column of the runs.
            seeds: Planned confirm runs of an arm in each repeat; None where searches are not repeated.
        """
        runs = self._completed()
        if metric not in runs:
            return None
        runs = runs.dropna(subset=[metric])
        within, between = _within(runs, metric), _between(runs, metric)
        of_runs = within or (between.square if between else None)
        if of_runs is None:
            return None
        unshared = _unshared(runs, metric)
        search = assumed_search(metric) if between is None else _over_searches(between, within)
        repeat = of_repeats(of_runs.spread, search, seeds)
        if between is not None and seeds:
            repeat = _of_repeats(between, within, seeds).spread
        return Noise(
            run=of_runs.spread,
            paired=unshared.spread if unshared else None,
            search=search,
            repeat=repeat,
            origin=self._origin(runs, metric, between, is_within_known=within is not None, seeds=seeds),
            ends="in brackets: at the 80 % limits of the measured SD",
        )

    def _completed(self) -> pd.DataFrame:
        """Return the completed confirm runs, with the group whose members differ by their seeds alone."""
        confirm = self.records.runs_of("confirm")
        runs = confirm[confirm["arm"].isin(self.arms) & (confirm["status"] == "completed")]
        searched = runs["arm"].isin(self.records.runs_of("search")["arm"])
        return runs.assign(is_searched=searched, group=runs["repeat"].where(searched, 0))

    def _origin(
        self,
        runs: pd.DataFrame,
        metric: str,
        between: "Between | None",
        *,
        is_within_known: bool,
        seeds: int | None,
    ) -> str:
        """Return on what the noise rests, in words."""
        shown = self.records.metrics[metric]
        scale, unit = shown.scale, shown.unit
        deviations = [float(own.std()) * scale for _, own in runs.groupby("arm")[metric] if len(own) > 1]
        arms = f", by arm {min(deviations):.2g} to {max(deviations):.2g}{unit}" if len(deviations) > 1 else ""
        n_arms = runs["arm"].nunique()
        rests = f"{len(runs)} runs of {n_arms} arm{'s' if n_arms > 1 else ''}"
        words = f"measured in {self.records.folder.root}: {rests}{arms}"
        if between is not None:
            words += f"; {between.repeats} repeats of {between.seeds} seeds"
        if not is_within_known:
            words += ", which do not tell searches from seeds: either is counted as both"
        if between is None and seeds:
            words += "; one search an arm: that of searches is assumed"
        confirm = self.records.runs_of("confirm")
        n_diverged = int((confirm["arm"].isin(self.arms) & (confirm["status"] == "diverged")).sum())
        return words + (f"; {n_diverged} diverged runs left out" if n_diverged else "")


@dataclass(frozen=True, kw_only=True)
class Between:
    """The variance of repeats' means, pooled over arms."""

    square: MeanSquare
    seeds: int
    """Confirm runs of each repeat."""
    repeats: int
    """Over all arms."""


def _within(runs: pd.DataFrame, metric: str) -> MeanSquare | None:
    """Return the variance of runs of one configuration, pooled; None without two of any."""
    values = runs.groupby(["arm", "group"])[metric]
    df = int((values.size() - 1).sum())
    if not df:
        return None
    return MeanSquare(float((runs[metric] - values.transform("mean")).pow(2).sum()) / df, df)


def _between(runs: pd.DataFrame, metric: str) -> Between | None:
    """Return the variance of the means of an arm's repeats; None where none was searched twice.

    Repeats with fewer runs than the others are left out.
    """
    groups = runs[runs["is_searched"]].groupby(["arm", "group"])[metric].agg(["mean", "size"])
    whole = groups[groups["size"] == groups["size"].max()]
    means = whole["mean"].groupby("arm")
    df = int((means.size() - 1).sum())
    if not df:
        return None
    variance = float((whole["mean"] - means.transform("mean")).pow(2).sum()) / df
    return Between(square=MeanSquare(variance, df), seeds=int(whole["size"].max()), repeats=len(whole))


def _unshared(runs: pd.DataFrame, metric: str) -> MeanSquare | None:
    """Return what is left of the variance once arms and common seeds are taken out; None without any.

    Source: Fisher (1935), The design of experiments: residual of the two-way layout.
    """
    table = runs.pivot_table(index="seed", columns="arm", values=metric).dropna()
    df = (len(table) - 1) * (len(table.columns) - 1)
    if df < 1:
        return None
    values = table.to_numpy()
    rest = values - values.mean(axis=0) - values.mean(axis=1, keepdims=True) + values.mean()
    return MeanSquare(float(np.square(rest).sum()) / df, df)


def _over_searches(between: Between, within: MeanSquare | None) -> Spread:
    """Return the standard deviation of searches; as low and high the limits if seeds added nothing."""
    noise = within.variance / between.seeds if within else 0.0
    low, high = between.square.spread[1:]
    return Spread(*(math.sqrt(max(0.0, v - noise)) for v in (between.square.variance, low**2, high**2)))


def _of_repeats(between: Between, within: MeanSquare | None, seeds: int) -> MeanSquare:
    """Return the variance of repeats of so many seeds, by those of another number.

    Source: Satterthwaite (1946), An approximate distribution of estimates of variance components.
    """
    if within is None or seeds == between.seeds:
        return between.square
    weight = 1 / seeds - 1 / between.seeds
    parts = between.square.variance, weight * within.variance
    least = MeanSquare(within.variance / seeds, within.df)
    if weight < 0 and sum(parts) <= least.variance:  # searches seem to add less than nothing
        return least
    dfs = between.square.df, within.df
    return MeanSquare(sum(parts), sum(parts) ** 2 / sum(p**2 / df for p, df in zip(parts, dfs, strict=True)))
