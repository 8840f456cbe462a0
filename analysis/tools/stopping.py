"""What early stopping took of the epochs that the same runs take at full length, and what it lost by that."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from analysis import statistics
from analysis.audit import Curve, metric_curves
from analysis.records import StudyRecords
from analysis.search import WinnerRule
from analysis.statistics import MeanInterval


@dataclass(frozen=True, kw_only=True)
class Spending:
    """The searches of a study that stops runs early."""

    searches: int
    """Whole searches, of all arms and repeats."""
    runs: int
    """Their runs that ended."""
    stopped: int
    epochs: int
    """That they trained."""
    full_epochs: int
    """That they would have trained, had no run been stopped and no stopped run diverged."""
    share: MeanInterval
    """Of `epochs` in `full_epochs`, over searches."""


def spending(records: StudyRecords) -> Spending | None:
    """Return what the whole searches of a study took; None where none stops early, or lengths are searched.

    Runs that diverged or failed end by themselves, so their own epochs stand for their full length.
    """
    arms = {name: arm for name, arm in records.declaration.arms.items() if arm.search_runs}
    lengths = {name: arm.max_epochs for name, arm in arms.items()}
    if not records.declaration.search.stops_early or None in lengths.values():
        return None
    whole = {(arm, repeat) for arm, ended in records.winners_by_repeat.items() for repeat in ended}
    runs = records.runs_of("search")[["arm", "repeat", "status", "epochs"]]
    is_whole = [place in whole for place in zip(runs["arm"], runs["repeat"], strict=True)]
    runs = runs[np.array(is_whole, dtype=bool)]
    if runs.empty:
        return None
    has_length = runs["status"].isin(["completed", "stopped"])
    full = runs["arm"].map(lengths).where(has_length, runs["epochs"]).astype("int64")
    of_each = runs.assign(full=full).groupby(["arm", "repeat"])[["epochs", "full"]].sum()
    return Spending(
        searches=len(of_each),
        runs=len(runs),
        stopped=int((runs["status"] == "stopped").sum()),
        epochs=int(runs["epochs"].sum()),
        full_epochs=int(full.sum()),
        share=statistics.t_interval((of_each["epochs"] / of_each["full"]).tolist()),
    )


class Stopper(Protocol):
    """What decides after each epoch whether a run of one search goes on."""

    def should_stop(self, run_id: str, epoch: int, value: float, /) -> bool:
        """Take the search metric of a run after an epoch below its full length; return whether it ends."""


@dataclass(frozen=True, kw_only=True)
class Replayed:
    """Grids that were trained whole, an arm's, searched again by their curves with early stopping."""

    arm: str
    runs: int
    """Of each grid."""
    n: int
    """Grids: one a seed, each in several orders of its runs."""
    kept: float
    """Share of the orders in which the run that ended best was not stopped."""
    share: MeanInterval
    """Of epochs that would have been trained, over grids; each the mean over orders."""
    regret: MeanInterval
    """By how much the winner is worse than the run that ended best, likewise; in the search metric's unit."""


def replayed(
    records: StudyRecords, stopper: Callable[[str, int], Stopper], *, orders: int, seed: int
) -> list[Replayed]:
    """Return what early stopping would have made of grids of learning rates, run after run in random orders.

    Grids of other settings are no searches: at a rate that suits none of them, what ends best is chance.

    Args:
        records: The study; without such a grid of two seeds or more there is nothing to replay.
        stopper: Makes one for a new search, of the metric's direction (`min`, `max`) and the full length.
        orders: Random orders of each grid.
        seed: Of the orders.
    """
    search = records.declaration.search
    if search.sampler != "grid" or search.seeds < 2:
        return []
    declared = records.declaration.arms
    arms = {arm: length for arm, own in declared.items() if "lr" in own.space and (length := own.max_epochs)}
    rule, generator, rows = WinnerRule.of(records.declaration), np.random.default_rng(seed), []
    mode = "max" if rule.sign > 0 else "min"
    for arm, length in arms.items():
        runs = records.runs_of("search", arm)
        runs = runs[runs["status"].isin(["completed", "diverged"])]
        grids = [metric_curves(records, list(own), rule.metric) for _, own in runs.groupby("seed")["run_id"]]
        grids = [grid for grid in grids if any(_is_whole(curve, length) for curve in grid.values())]
        outcomes = [
            [
                _replay(grid, generator.permutation(list(grid)).tolist(), stopper(mode, length), rule, length)
                for _ in range(orders)
            ]
            for grid in grids
        ]
        if outcomes:
            means = np.array(outcomes).mean(axis=1)  # (n_grids, 3)
            rows.append(
                Replayed(
                    arm=arm,
                    runs=max(map(len, grids)),
                    n=len(grids),
                    kept=float(means[:, 0].mean()),
                    share=statistics.t_interval(means[:, 1].tolist()),
                    regret=statistics.t_interval(means[:, 2].tolist()),
                )
            )
    return rows


def _is_whole(curve: Curve, length: int) -> bool:
    return len(curve) == length and bool(np.isfinite(curve).all())


def _replay(
    grid: Mapping[str, Curve], order: Sequence[str], stopper: Stopper, rule: WinnerRule, length: int
) -> tuple[bool, float, float]:
    """Return whether the best run was kept, the share of epochs trained, and the winner's regret.

    Where every run that would have ended was stopped, the winner counts as the worst of these.
    """
    finals = {
        run_id: rule.sign * rule.value(curve.tolist())
        for run_id, curve in grid.items()
        if _is_whole(curve, length)
    }
    best, trained, ended = max(finals, key=finals.__getitem__), 0, set[str]()
    for run_id in order:
        for epoch, value in enumerate(grid[run_id].tolist(), start=1):
            trained += 1
            if not np.isfinite(value):
                break
            if epoch < length and stopper.should_stop(run_id, epoch, value):
                break
        else:
            ended.add(run_id)
    reached = [final for run_id, final in finals.items() if run_id in ended]
    winner = max(reached, default=min(finals.values()))
    return best in ended, trained / sum(map(len, grid.values())), finals[best] - winner
