"""What do other rungs of early stopping save, and what do they cost the choice? Replays whole curves.

`python benchmarks/early_stopping.py replay CURVES.csv|RESULTS ...` takes searches of random candidates
through the harness's own rungs and rule of the winner, with virtual slots and in random orders. `collect
STUDY ARM ... --to CURVES.csv` trains random configurations of a study to their end. benchmarks/README.md
says what is counted.
"""

import argparse
import csv
import heapq
import itertools
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import optuna
import torch
from numpy.typing import NDArray
from optuna.samplers import RandomSampler

from analysis.load import load_study as load_records
from harness.study.file import EarlyStopping, Search
from harness.study.plan import plan_study
from harness.study.reading.parse import load_study
from harness.study.seeds import derive_seed
from harness.study.study import Arm
from harness.training.data.arrays import load_training_samples
from harness.training.data.prepare import prepare_dataset
from harness.training.epoch import EpochRecord
from harness.training.loop import train
from harness.tuning.arm_search import run_value
from harness.tuning.early_stopping import ArmEarlyStopping
from harness.tuning.space import suggest

STUDIES = Path(__file__).parents[1] / "search_spaces"
SHIPPED = EarlyStopping(grace_epochs=1, reduction_factor=3)
"""What every shipped study that stops early asks for; the others are compared with it, draw by draw."""
UNEVEN = 0.1
"""Runs differ in speed by up to so much in either direction, so that they do not report in lockstep."""
NOISE_PERCENTILE = 90.0
"""Of the gaps between runs that overtake each other twice, what still counts as noise to PASHA."""

Curve = Sequence[float | None]
"""The search metric after each epoch of a run; None, at its end, where it was not finite."""


@dataclass(frozen=True, kw_only=True)
class Pool:
    """Runs of one arm that were trained to their end."""

    name: str
    search: Search
    epochs: int
    curves: Sequence[Curve]
    search_trials: int
    """Of one search, as the study asks for."""

    def full_value(self, run: int) -> float | None:
        """Return what a run of full length counts by; None of one that diverged."""
        return self.value_at(run, self.epochs)

    def value_at(self, run: int, epoch: int) -> float | None:
        """Return what a run would count by that ended at an epoch; None if it had diverged by then."""
        curve = self.curves[run][:epoch]
        if len(curve) < epoch or curve[-1] is None:
            return None
        return run_value(curve, self.search)

    @property
    def sign(self) -> float:
        """+1 where more is better."""
        return 1.0 if self.search.mode == "max" else -1.0

    def best(self, values: dict[int, float]) -> int | None:
        """Return the run with the best value, of equal ones the first; None of none."""
        return max(values, key=lambda run: self.sign * values[run]) if values else None


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a replayed search came to."""

    epochs: int
    """That were trained."""
    chosen: int | None
    """Its place in the order; None where no run completed."""


def stopping(
    pool: Pool,
    order: Sequence[int],
    settings: EarlyStopping,
    slots: int,
    rng: np.random.Generator,
    *,
    rungs_of: type[ArmEarlyStopping] = ArmEarlyStopping,
) -> Outcome:
    """Replay a search as the harness runs it.

    Args:
        pool: The curves.
        order: Runs of the pool as they are proposed; one may come twice.
        settings: Of the rungs.
        slots: Runs that train beside each other.
        rng: Draws how fast each run is.
        rungs_of: Makes the rungs.
    """
    rungs = rungs_of(settings, pool.search.mode or "min", pool.epochs)
    waiting = iter(enumerate(order))
    training: list[tuple[float, int, int, float]] = []
    spent, values = 0, dict[int, float]()

    def begin(now: float) -> None:
        for place, _ in itertools.islice(waiting, 1):
            pace = rng.uniform(1 - UNEVEN, 1 + UNEVEN)
            heapq.heappush(training, (now + pace, place, 1, pace))

    for _ in range(slots):
        begin(0.0)
    while training:
        now, place, epoch, pace = heapq.heappop(training)
        spent += 1
        value = pool.curves[order[place]][epoch - 1]
        if value is not None and epoch == pool.epochs:
            values[place] = run_value(pool.curves[order[place]], pool.search)
        is_over = value is None or epoch == pool.epochs
        if is_over or (value is not None and rungs.should_stop(str(place), epoch, value)):
            begin(now)
        else:
            heapq.heappush(training, (now + pace, place, epoch + 1, pace))
    return Outcome(epochs=spent, chosen=pool.best(values))


@dataclass
class _Promotions:
    """Rungs at which runs wait, and from which the best go on: asynchronous successive halving as published.

    Source: Li et al. 2020, A System for Massively Parallel Hyperparameter Tuning, algorithm 2; growing:
    Bohdal et al. 2023, PASHA: Efficient HPO and NAS with Progressive Resource Allocation.
    """

    pool: Pool
    order: Sequence[int]
    levels: Sequence[int]
    factor: int
    top: int
    """The highest level that is open."""
    reached: list[dict[int, float]] = field(default_factory=list)
    promoted: list[set[int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.reached = [{} for _ in self.levels]
        self.promoted = [set() for _ in self.levels]

    def next_up(self) -> tuple[int, int] | None:
        """Return a run that may go on, and the level it goes on to; None of none."""
        for level in reversed(range(self.top)):
            for place in self._ranked(level)[: len(self.reached[level]) // self.factor]:
                if place not in self.promoted[level]:
                    self.promoted[level].add(place)
                    return place, level + 1
        return None

    def last_resort(self) -> tuple[int, int] | None:
        """Return the best run of the highest level anybody reached, if the open levels are higher."""
        level = max((at for at, runs in enumerate(self.reached) if runs), default=self.top)
        if level >= self.top:
            return None
        best = next((run for run in self._ranked(level) if run not in self.promoted[level]), None)
        if best is None:
            return None
        self.promoted[level].add(best)
        return best, level + 1

    def take(self, place: int, level: int, *, grows: bool) -> None:
        """Note that a run came to a level; open the next one if the order of runs is not settled."""
        value = self.pool.value_at(self.order[place], self.levels[level])
        if value is None:
            return
        self.reached[level][place] = value
        if grows and level == self.top < len(self.levels) - 1 and not self._is_settled(level):
            self.top += 1

    def _ranked(self, level: int) -> list[int]:
        values = self.reached[level]
        return sorted(values, key=lambda place: (-self.pool.sign * values[place], place))

    def _is_settled(self, level: int) -> bool:
        """Return whether both upper levels order the runs of the upper one alike, but for noise."""
        noise = self._noise(level)
        upper, lower = self._ranked(level), self.reached[level - 1]
        ranked_below = [place for place in self._ranked(level - 1) if place in self.reached[level]]
        return all(
            abs(lower[a] - lower[b]) <= noise for a, b in zip(upper, ranked_below, strict=True) if a != b
        )

    def _noise(self, level: int) -> float:
        """Return a percentile of the gaps between runs of a level that overtook each other and back."""
        gaps = []
        curves = [self.pool.curves[self.order[place]][: self.levels[level]] for place in self.reached[level]]
        for one, other in itertools.combinations(curves, 2):
            apart = np.array(
                [a - b for a, b in zip(one, other, strict=True) if a is not None and b is not None]
            )
            if (np.diff(np.sign(apart)) != 0).sum() >= 2:
                gaps.append(float(np.abs(apart).max()))
        return float(np.percentile(gaps, NOISE_PERCENTILE)) if gaps else 0.0


def promoting(
    pool: Pool,
    order: Sequence[int],
    settings: EarlyStopping,
    slots: int,
    rng: np.random.Generator,
    *,
    grows: bool = False,
    restarts: bool = False,
) -> Outcome:
    """Replay a search whose runs wait at rungs until they are among the best, which the harness has not.

    Args:
        pool: The curves.
        order: Runs of the pool as they are proposed; one may come twice.
        settings: Of the rungs; the last one stands a reduction factor below the full length or lower.
        slots: Runs that train beside each other.
        rng: Draws how fast each run is.
        grows: Begin with two rungs and open the next when the upper two disagree (PASHA); the full length may
            never be reached, and the choice is then the best of the highest rung.
        restarts: A run that goes on begins anew, for want of a checkpoint.
    """
    levels = [settings.grace_epochs]
    while levels[-1] * settings.reduction_factor**2 <= pool.epochs:
        levels.append(levels[-1] * settings.reduction_factor)
    levels.append(pool.epochs)
    rungs = _Promotions(pool, order, levels, settings.reduction_factor, 1 if grows else len(levels) - 1)
    fresh = iter(range(len(order)))
    training: list[tuple[float, int, int]] = []
    spent = 0

    def begin(now: float) -> bool:
        """Hand out a run, if there is one."""
        nonlocal spent
        going_on = rungs.next_up()
        if going_on is None:
            going_on = next(((place, 0) for place in fresh), None)
        if going_on is None and not training:
            going_on = rungs.last_resort()
        if going_on is None:
            return False
        place, level = going_on
        known = levels[level - 1] if level and not restarts else 0
        n_epochs = min(levels[level], len(pool.curves[order[place]])) - known
        spent += n_epochs
        heapq.heappush(training, (now + n_epochs * rng.uniform(1 - UNEVEN, 1 + UNEVEN), place, level))
        return True

    idle = slots - sum(begin(0.0) for _ in range(slots))
    while training:
        now, place, level = heapq.heappop(training)
        rungs.take(place, level, grows=grows)
        idle += 1
        while idle and begin(now):
            idle -= 1
    top = max((level for level, runs in enumerate(rungs.reached) if runs), default=0)
    return Outcome(epochs=spent, chosen=pool.best(rungs.reached[top]))


class _Rechecked(ArmEarlyStopping):
    """The harness's rungs; a run also ends once later ones push it out of the best of the rung it passed."""

    def should_stop(self, run_id: str, epoch: int, value: float) -> bool:
        """Record a run's value; return whether it ends."""
        if super().should_stop(run_id, epoch, value):
            return True
        passed = next((rung for rung in self.rungs if run_id in rung.reached), None)
        cutoff = passed.cutoff() if passed else None
        return passed is not None and cutoff is not None and passed.reached[run_id] < cutoff


Replay = Callable[[Pool, Sequence[int], EarlyStopping, int, np.random.Generator], Outcome]


def _restarting(
    pool: Pool, order: Sequence[int], settings: EarlyStopping, slots: int, rng: np.random.Generator
) -> Outcome:
    return promoting(pool, order, settings, slots, rng, restarts=True)


def _pasha(
    pool: Pool, order: Sequence[int], settings: EarlyStopping, slots: int, rng: np.random.Generator
) -> Outcome:
    return promoting(pool, order, settings, slots, rng, grows=True)


def _rechecking(
    pool: Pool, order: Sequence[int], settings: EarlyStopping, slots: int, rng: np.random.Generator
) -> Outcome:
    return stopping(pool, order, settings, slots, rng, rungs_of=_Rechecked)


WAYS: dict[str, Replay] = {
    "stopping": stopping,
    "rechecked": _rechecking,
    "promotion": promoting,
    "promotion, restarted": _restarting,
    "PASHA": _pasha,
}


@dataclass(frozen=True, kw_only=True)
class Draw:
    """One replayed search of every candidate way: what it spent and lost."""

    epochs: NDArray[np.float64]
    """Shape `(candidates,)`."""
    regret: NDArray[np.float64]
    """Shape `(candidates,)`, in the metric's unit; of a search without a choice, that of the worst run."""


def draws(
    pool: Pool, candidates: Sequence[tuple[str, EarlyStopping]], options: argparse.Namespace
) -> Iterator[list[Draw]]:
    """Yield, for each resample of the pool, searches of configurations drawn from it without replacement."""
    rng = np.random.default_rng(options.seed)
    trials = min(options.trials or pool.search_trials, len(pool.curves))
    for _ in range(options.resamples):
        resample = rng.integers(len(pool.curves), size=len(pool.curves))
        yield [
            _draw(pool, rng.permutation(resample)[:trials].tolist(), candidates, options.slots, rng)
            for _ in range(options.orders)
        ]


def _draw(
    pool: Pool,
    order: Sequence[int],
    candidates: Sequence[tuple[str, EarlyStopping]],
    slots: int,
    rng: np.random.Generator,
) -> Draw:
    values = [value for run in order if (value := pool.full_value(run)) is not None]
    outcomes = [WAYS[way](pool, order, settings, slots, rng) for way, settings in candidates]
    best = max((pool.sign * value for value in values), default=0.0)
    worst = min((pool.sign * value for value in values), default=0.0)
    chosen = [None if o.chosen is None else pool.full_value(order[o.chosen]) for o in outcomes]
    return Draw(
        epochs=np.array([float(o.epochs) for o in outcomes]),
        regret=np.array([best - (worst if value is None else pool.sign * value) for value in chosen]),
    )


def replayed(pool: Pool, options: argparse.Namespace) -> Iterator[str]:
    """Yield the lines of an arm's table."""
    steps = [
        EarlyStopping(grace_epochs=grace, reduction_factor=factor)
        for factor in options.factors
        for grace in options.graces
    ]
    others = [("stopping", step) for step in steps if step != SHIPPED]
    others += [
        (way, step) for way in WAYS if way != "stopping" for step in (steps if options.all else [SHIPPED])
    ]
    candidates = [("stopping", SHIPPED), *others]
    resampled = list(draws(pool, candidates, options))
    epochs = np.array([np.mean([draw.epochs for draw in each], axis=0) for each in resampled])
    regret = 100 * np.array([np.mean([draw.regret for draw in each], axis=0) for each in resampled])
    trials = min(options.trials or pool.search_trials, len(pool.curves))
    completed = sum(pool.full_value(run) is not None for run in range(len(pool.curves)))
    yield (
        f"{pool.name}: {len(pool.curves)} curves ({completed} completed) of {pool.epochs} epochs, "
        f"searches of {trials}; chosen by {pool.search.metric}, {pool.search.winner} epoch"
    )
    for column, (way, settings) in enumerate(candidates):
        saving = np.mean(trials * pool.epochs / epochs[:, column])
        fewer = epochs[:, 0] / epochs[:, column]
        worse = regret[:, column] - regret[:, 0]
        yield (
            f"  {way:<21} factor {settings.reduction_factor} grace {settings.grace_epochs}"
            f"  full/spent {saving:5.2f}  regret {regret[:, column].mean():6.3f}"
            f"  shipped/spent {_interval(fewer)}  more regret {_interval(worse)}"
        )


def _interval(values: NDArray[np.float64]) -> str:
    low, high = np.percentile(values, [2.5, 97.5])
    return f"{values.mean():6.3f} ({low:6.3f} to {high:6.3f})"


def pools_of(path: Path) -> list[Pool]:
    """Return the arms of a file that `collect` wrote, or of a results folder.

    Of a folder only runs of full length count: where it stopped others, these are the ones it let through.
    """
    curves: dict[tuple[str, str], list[Curve]] = defaultdict(list)
    if path.is_dir():
        study, records = load_study(path / "study.yaml"), load_records(path)
        runs, epochs = records.runs, records.epochs
        ended = runs[(runs["phase"] == "search") & runs["status"].isin(["completed", "diverged"])]
        by_run = dict(list(epochs.groupby("run_id")[study.search.metric]))
        for arm, run_id in ended[["arm", "run_id"]].itertuples(index=False):
            values = by_run[run_id].to_numpy()
            curves[str(path), arm].append([None if np.isnan(value) else float(value) for value in values])
        studies = {str(path): study}
    else:
        with path.open(encoding="utf-8", newline="") as file:
            for study_name, arm, _, *values in csv.reader(file):
                curves[study_name, arm].append([float(value) if value else None for value in values])
        studies = {name: load_study(STUDIES / f"{name}.yaml") for name, _ in curves}
    return [
        Pool(
            name=f"{Path(study).name} {arm}",
            search=studies[study].search,
            epochs=_arm(studies[study].arms, arm).longest_epochs,
            curves=of_arm,
            search_trials=studies[study].search.trials or len(of_arm),
        )
        for (study, arm), of_arm in curves.items()
    ]


def _arm(arms: Sequence[Arm], name: str) -> Arm:
    return next(arm for arm in arms if arm.name == name)


def collect(options: argparse.Namespace) -> None:
    """Train random configurations of arms in turn, each to its end, with the seed of the first search."""
    torch.set_num_threads(1)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = load_study(STUDIES / f"{options.study}.yaml")
    data = load_training_samples(prepare_dataset(study.arms[0].fixed["dataset"], progress=print))
    for number in range(options.configurations):
        for arm in (_arm(study.arms, name) for name in options.arms):
            sampler = RandomSampler(seed=derive_seed(study.search.seed, "curves", arm.name, number))
            configuration = arm.configuration(suggest(optuna.create_study(sampler=sampler).ask(), arm.space))
            values, started = list[float | None](), time.perf_counter()

            def note(record: EpochRecord, values: list[float | None] = values) -> None:
                values.append(record.value(study.search.metric))

            train(configuration, plan_study(study).search_seeds(arm.name, 0)[0], data, note)
            with options.to.open("a", encoding="utf-8", newline="") as file:
                row = [study.name, arm.name, number, *("" if v is None else f"{v:.6g}" for v in values)]
                csv.writer(file).writerow(row)
            seconds = (time.perf_counter() - started) / len(values)
            print(f"{arm.name} {number}: {len(values)} epochs of {seconds:.2f} s", flush=True)


def main() -> None:
    """Collect, or replay and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    collecting = commands.add_parser("collect")
    collecting.add_argument("study")
    collecting.add_argument("arms", nargs="+")
    collecting.add_argument("--configurations", type=int, default=25)
    collecting.add_argument("--to", type=Path, required=True)
    replaying = commands.add_parser("replay")
    replaying.add_argument("curves", type=Path, nargs="+")
    replaying.add_argument("--factors", type=int, nargs="+", default=[2, 3, 4, 6])
    replaying.add_argument("--graces", type=int, nargs="+", default=[1, 2, 3])
    replaying.add_argument("--trials", type=int, help="configurations of a search (as the study asks for)")
    replaying.add_argument("--all", action="store_true", help="other ways too with every factor and grace")
    replaying.add_argument("--slots", type=int, default=2)
    replaying.add_argument("--resamples", type=int, default=100, help="of the pool's configurations")
    replaying.add_argument("--orders", type=int, default=10, help="searches of each resample")
    replaying.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    if options.command == "collect":
        collect(options)
        return
    for path in options.curves:
        for pool in pools_of(path):
            print("\n".join(replayed(pool, options)), flush=True)


if __name__ == "__main__":
    main()
