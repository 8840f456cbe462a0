"""What does a search find in a space with branches, sampler by sampler? No network is trained.

Searches go through the harness's own proposals, rungs and rule of the winner, on problems whose true values
are known; all samplers have the same seeds and the same noise. benchmarks/README.md says what is counted.
"""

import argparse
import heapq
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import optuna
from options import positive
from optuna.samplers import TPESampler
from optuna.storages import InMemoryStorage
from scipy.stats import t as student
from sklearn.ensemble import ExtraTreesRegressor

from analysis.load import load_study as load_records
from harness.study.domains import Domain, OneOf
from harness.study.plan import plan_study
from harness.study.reading.parse import load_study, parse_study
from harness.study.study import Arm, Study
from harness.tuning.arm_search import ArmSearch
from harness.tuning.samplers import SAMPLERS
from harness.tuning.space import parameters_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from harness.tuning.runs import RunSpec

ROOT = Path(__file__).parents[1]
BASELINE = "group"
"""Optuna's multivariate TPE, which draws a branch's parameters apart from all others."""

Configuration = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Problem:
    """An arm of a study whose outcome is known without training."""

    study: Study
    arm: int
    levels: Sequence[int]
    """Epochs at which a run reports; the last is its full length."""
    latent: Callable[[Configuration, int], float]
    """What a configuration comes to after some epochs, before noise."""
    deviation: float
    """Of the noise, which is normal."""
    metric: Callable[[float], float] = float
    """Turns it into the search metric."""


def joint() -> Problem:
    """Return whole_recipe of the study joint, by extremely randomised trees on the committed search runs.

    They predict the logarithm of the validation error after 1, 3, 9 and 27 epochs; the noise is what they
    leave unexplained, out of bag, after the first. Of what early stopping ended, later epochs are a guess.
    """
    study = load_study(ROOT / "search_spaces" / "joint.yaml")
    arm = next(arm for arm in study.arms if arm.name == "whole_recipe")
    levels = (1, 3, 9, 27)
    records = load_records(ROOT / "results" / "reference" / "joint")
    runs, epochs = records.runs, records.epochs
    runs = runs[(runs["phase"] == "search") & (runs["arm"] == arm.name)].set_index("run_id")
    runs = runs.filter(regex=r"^config\.").rename(columns=lambda name: name.removeprefix("config."))
    epochs = epochs[epochs["run_id"].isin(runs.index) & epochs["epoch"].isin(levels)].dropna(
        subset="val_accuracy"
    )
    features = {run_id: list(_features(arm, row.to_dict())) for run_id, row in runs.iterrows()}
    inputs = np.array(
        [[*features[row.run_id], np.log(row.epoch)] for row in epochs[["run_id", "epoch"]].itertuples()]
    )
    errors = np.log(1 - epochs["val_accuracy"].to_numpy())
    trees = ExtraTreesRegressor(min_samples_leaf=2, bootstrap=True, oob_score=True, random_state=0)
    trees.fit(inputs, errors)
    left = (errors - trees.oob_prediction_)[epochs["epoch"].to_numpy() > 1]
    known: dict[str, NDArray[np.float64]] = {}

    def latent(configuration: Configuration, epoch: int) -> float:
        if repr(configuration) not in known:
            own = list(_features(arm, configuration))
            rows = np.array([[*own, np.log(level)] for level in levels], dtype=np.float32)
            known[repr(configuration)] = np.mean(
                [tree.tree_.predict(rows) for tree in trees.estimators_], axis=0
            )
        return float(known[repr(configuration)].ravel()[levels.index(epoch)])

    return Problem(
        study=study,
        arm=study.arms.index(arm),
        levels=levels,
        latent=latent,
        deviation=float(left.std()),
        metric=lambda error: float(1 - np.exp(min(error, 0.0))),
    )


def _features(arm: Arm, configuration: Configuration) -> Iterator[float]:
    """Yield a configuration as numbers from 0 to 1, choices one by one; 0 for what its branch has not."""
    chosen = parameters_of(arm.space, configuration)
    domains: dict[str, Domain] = dict(arm.space)
    for domain in arm.space.values():
        for branch, own in domain.branches.items() if isinstance(domain, OneOf) else ():
            domains |= {f"{branch}.{name}": value for name, value in own.items() if isinstance(value, Domain)}
    for name, domain in domains.items():
        if domain.listed:
            yield from (float(chosen.get(name) == value) for value in domain.listed)
        else:
            bounds = domain.numeric_range
            yield bounds.position(chosen[name]) if bounds and name in chosen else 0.0


PROGRAM = """
study: invented
question: Which configuration has the lowest loss?
trial: {command: [python, none.py, %s], epochs: 1, metrics: {loss: {better: lower}}}
arms: {a: {parameters: {%s}}}
search: {trials: 60, metric: val_loss, early_stopping: none}
confirm: {seeds: 1}
"""


def _invented(names: Sequence[str], parameters: str, loss: Callable[[Configuration], float]) -> Problem:
    words = ", ".join(f"'--{name}={{{name}}}'" for name in names)
    text = PROGRAM % (words, parameters.replace("UNIT", "{low: 0.0, high: 1.0}"))
    study = parse_study(text, "invented.yaml")
    return Problem(study=study, arm=0, levels=(1,), latent=lambda chosen, _: loss(chosen), deviation=0.01)


def ridge(*, moves: bool = True) -> Problem:
    """Return three branches, the optimum of whose own parameter moves with a common one, or does not."""

    def loss(chosen: Configuration) -> float:
        x = chosen["x"] if moves else 0.7
        optimum, offset = {"p": (x, 0.0), "q": (1 - x, 0.02), "r": (0.5, 0.05)}[chosen["kind"]]
        bowl = (chosen["x"] - 0.7) ** 2 + (chosen["w"] - 0.3) ** 2
        return float(offset + bowl + 4 * (chosen["y"] - optimum) ** 2)

    return _invented(
        ["kind", "x", "w", "y"],
        "kind: {one_of: {p: {y: UNIT}, q: {y: UNIT}, r: {y: UNIT}}}, x: UNIT, w: UNIT",
        loss,
    )


def forks() -> Problem:
    """Return two choices with branches, the parameters of one moving with those of the other."""

    def loss(chosen: Configuration) -> float:
        x, u = chosen["x"], chosen["u"]
        first, offset = (x, 0.0) if chosen["first"] == "a" else (1 - x, 0.02)
        second, further = (u, 0.0) if chosen["second"] == "s" else (1 - u, 0.02)
        bowl = (x - 0.7) ** 2 + 2 * (u - first) ** 2 + 2 * (chosen["m"] - second) ** 2
        return float(offset + further + bowl)

    first, second = "{one_of: {a: {u: UNIT}, b: {u: UNIT}}}", "{one_of: {s: {m: UNIT}, t: {m: UNIT}}}"
    names = ["first", "second", "x", "u", "m"]
    return _invented(names, f"first: {first}, second: {second}, x: UNIT", loss)


PROBLEMS: dict[str, Callable[[], Problem]] = {
    "joint": joint, "ridge": ridge, "apart": lambda: ridge(moves=False), "forks": forks,
}  # fmt: skip


def search(problem: Problem, sampler: str, seed: int, slots: int) -> tuple[float, float]:
    """Take one search through the harness, with some runs beside each other.

    Returns:
        What the configuration it chose comes to without noise; processor milliseconds of a proposal after the
        random ones, their mean.
    """
    asked = problem.study.search.model_copy(update={"sampler": sampler, "seed": seed, "repeats": 1})
    study = replace(problem.study, search=asked)
    plan = plan_study(study)
    searching = ArmSearch(study, plan, plan.arms[problem.arm], InMemoryStorage())
    runs: list[RunSpec] = []
    seconds: list[float] = []
    training: list[tuple[int, int, int]] = []
    now = 0
    while not searching.is_over:
        while searching.remaining and len(training) < slots:
            before = time.process_time()
            runs.append(searching.propose())
            seconds.append(time.process_time() - before)
            heapq.heappush(training, (now + problem.levels[0], len(runs) - 1, 0))
        now, number, level = heapq.heappop(training)
        run, epoch = runs[number], problem.levels[level]
        noise = problem.deviation * np.random.default_rng([seed, number, level]).standard_normal()
        value = problem.metric(problem.latent(run.configuration, epoch) + noise)
        is_stopped = searching.report(run, epoch, value)
        if is_stopped or epoch == problem.levels[-1]:
            searching.end(run, "stopped" if is_stopped else "completed")
        else:
            heapq.heappush(training, (now - epoch + problem.levels[level + 1], number, level + 1))
    winner = searching.winner()
    if winner is None:
        raise RuntimeError(f"{sampler}, seed {seed}: no run completed")
    value = problem.metric(problem.latent(winner.configuration, problem.levels[-1]))
    return value, 1000 * float(np.mean(seconds[study.search.startup_trials :]))


def table(problem: Problem, samplers: Sequence[str], searches: int, slots: int) -> Iterator[str]:
    """Yield a line a sampler: what it chose, how much better than the baseline that is, and its price."""
    sign = 1 if problem.study.search.mode == "max" else -1
    base = np.zeros(searches)
    for sampler in dict.fromkeys([BASELINE, *samplers]):
        chosen, milliseconds = np.array([search(problem, sampler, seed, slots) for seed in range(searches)]).T
        base = chosen if sampler == BASELINE else base
        better = sign * (chosen - base)
        half = student.ppf(0.975, searches - 1) * better.std(ddof=1) / np.sqrt(searches)
        yield (
            f"  {sampler:<12} chosen {chosen.mean():.5f} (median {np.median(chosen):.5f}), "
            f"better than {BASELINE} by {better.mean():+.5f} "
            f"({better.mean() - half:+.5f} to {better.mean() + half:+.5f}), "
            f"{milliseconds.mean():.1f} ms a proposal"
        )


def main() -> None:
    """Search and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--problem", choices=PROBLEMS, nargs="+", default=list(PROBLEMS))
    parser.add_argument("--sampler", nargs="+", default=["tpe", "random"], help="as study files name them")
    parser.add_argument("--searches", type=positive, default=200, help="of each sampler")
    parser.add_argument("--slots", type=positive, default=2, help="runs beside each other")
    options = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    SAMPLERS[BASELINE] = replace(
        SAMPLERS["tpe"],
        make=lambda proposal: TPESampler(
            n_startup_trials=proposal.study.search.startup_trials,
            seed=proposal.seed,
            multivariate=True,
            group=True,
            constant_liar=True,
        ),
    )
    for name in options.problem:
        problem = PROBLEMS[name]()
        print(f"{name}: {options.searches} searches of {problem.study.search.trials} trials", flush=True)
        for line in table(problem, options.sampler, options.searches, options.slots):
            print(line, flush=True)


if __name__ == "__main__":
    main()
