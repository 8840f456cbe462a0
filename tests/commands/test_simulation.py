"""What `--dry-run` simulates, against the conductor of real sweeps and against reference results."""

import heapq
import random
from datetime import datetime
from pathlib import Path

import optuna
import pytest

from harness.commands.planning.forecast import Range, forecast, ranked
from harness.commands.planning.measured import Earlier
from harness.commands.planning.replay import Replay
from harness.commands.planning.simulation import Simulated, Trace, Traces, simulate
from harness.study.plan import Plan, plan_study
from harness.study.reading.parse import load_study, parse_study
from harness.study.study import Arm, Study
from harness.training.epoch import EpochRecord
from harness.tuning.conductor import Conductor
from harness.tuning.runs import RunEnd, RunSpec, Worker

REFERENCE = Path(__file__).parents[2] / "results" / "reference"

STUDY = """\
study: s
question: Which?
recipe: {model: {name: fcn, hidden: [8]}, batch_size: 500, epochs: 9}
arms:
  a: {optimizer: sgd, lr: {low: 1e-3, high: 1.0, log: true}}
  b: {optimizer: adam, lr: {low: 1e-3, high: 1.0, log: true}}
  c: {optimizer: adam, lr: 0.01}
search:
  {sampler: random, trials: 7, repeats: 1, metric: val_loss,
   early_stopping: {grace_epochs: 1, reduction_factor: 3}}
confirm: {seeds: 4}
claims:
  - {says: a is better., better: {arm: a, than: b, metric: test_accuracy}}
"""


FIXED = (0.01, 0.1, 0.2)
"""Rates of arms that search nothing."""


def conducted(study: Study, plan: Plan, slots: int, traced: Traces) -> tuple[float, int]:
    """Return the seconds and epochs of a study under the real conductor, as `simulate` takes it."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    conductor = Conductor(study, plan, optuna.storages.InMemoryStorage(), lambda _: None)
    worker = Worker(threads=1, device="cpu", host="h", steps_per_epoch=10)
    chance, arms = chance_of(3), {arm.name: arm for arm in study.arms}
    of_rates = {rate: 1 + rate for rate in FIXED}
    reached: dict[str, float] = {}
    live: list[tuple[float, int, RunSpec, int]] = []
    now, started, epochs = 0.0, 0, 0
    while True:
        while conductor.in_flight < slots and (run := conductor.next_run()) is not None:
            rate = run.configuration["lr"]
            if run.phase == "search":
                trace = traced(arms[run.arm], 0.0, chance)
                of_rates[rate], reached[run.run_id] = trace.epoch_seconds, trace.reached(1)
            conductor.started(run.run_id)
            started += 1
            heapq.heappush(live, (now + of_rates[rate], started, run, 1))
        if not live:
            return now, epochs
        now, number, run, epoch = heapq.heappop(live)
        epochs += 1
        value = -reached.get(run.run_id, 0.0)
        report = EpochRecord(
            epoch=epoch, step=epoch, lr=0.1, train_loss=1.0, train_accuracy=0.5, val_loss=value,
            val_accuracy=0.5, seconds=1.0,
        )  # fmt: skip
        if conductor.epoch(run.run_id, report, worker):
            continue
        if epoch == run.configuration["epochs"]:
            conductor.ended(run.run_id, RunEnd(status="completed"))
        else:
            heapq.heappush(live, (now + of_rates[run.configuration["lr"]], number, run, epoch + 1))


def chance_of(seed: int) -> random.Random:
    """Return a generator."""
    return random.Random(seed)  # noqa: S311 - no secret


def traces(spread: float) -> Traces:
    """Return runs of ranks and paces by chance; of an arm that searches nothing, of a known pace."""

    def traced(arm: Arm, share: float, chance: random.Random) -> Trace:
        del share
        if not arm.space:
            return Trace(1 + arm.fixed["lr"], lambda _: 0.0)
        seconds, rank = (1.25 if arm.name == "a" else 1.5) + spread * chance.random(), chance.random()
        return Trace(seconds, lambda _: rank)

    return traced


@pytest.mark.parametrize("slots", [1, 3, 50])
@pytest.mark.parametrize(
    "settings",
    [
        (),
        ("search.repeats=3",),
        ("search.repeats={min: 5, max: 9}", "confirm.seeds=2"),
        ("arms.a.lr=0.1", "arms.b.lr=0.2", "confirm.seeds={min: 5, max: 13}"),
        ("search.early_stopping=none", "search.repeats=2"),
        ("search.audit=3", "search.trials=20", "search.repeats={min: 5, max: 8}"),
    ],
)
def test_a_simulation_goes_as_the_conductor_does(slots: int, settings: tuple[str, ...]) -> None:
    """The same time and the same epochs, for repeats, looks, audits and arms without a search.

    The conductor draws by chance which runs are audited: all of an arm have one pace there.
    """
    study = parse_study(STUDY, "s.yaml", settings)
    plan = plan_study(study)
    traced = traces(0.0 if study.search.audit else 1.0)
    seconds, epochs = conducted(study, plan, slots, traced)
    simulated = simulate(study, plan, traced, chance_of(3), slots=slots, looks=plan.looks)
    assert simulated.epochs == epochs
    assert simulated.seconds == pytest.approx(seconds)


def once(*settings: str, slots: int) -> Simulated:
    """Return a study of runs that take a second an epoch."""
    study = parse_study(STUDY, "s.yaml", ("search.early_stopping=none", *settings))
    plan = plan_study(study)
    return simulate(study, plan, ranked(lambda _: [1.0]), chance_of(0), slots=slots, looks=plan.looks)


def test_idle_slots_are_told_by_what_they_wait_for() -> None:
    """18 slots, 14 search runs and 4 confirm runs of 9 s; then the 8 confirm runs of both searches."""
    done = once(slots=20)
    assert (done.seconds, done.epochs, done.most_beside) == (18.0, (14 + 4 + 8) * 9, 18)
    assert done.idle == {"search": 2 * 9.0, "look": 0.0, "end": 12 * 9.0}


def test_a_study_up_to_its_first_look_takes_less() -> None:
    """5 seeds an arm in place of 8; an epoch of one arm takes twice as long."""
    settings = ("arms.a.lr=0.1", "arms.b.lr=0.2", "confirm.seeds={min: 5, max: 8}")
    study = parse_study(STUDY, "s.yaml", settings)
    plan, by_arm = plan_study(study), ranked(lambda arm: [2.0 if arm.name == "c" else 1.0])
    first, last = (
        forecast(study, plan, by_arm, slots=1, looks=looks) for looks in (plan.looks[:1], plan.looks)
    )
    assert first.seconds == Range(*[5 * (1 + 1 + 2) * 9.0] * 3)
    assert last.seconds == Range(*[8 * (1 + 1 + 2) * 9.0] * 3)


@pytest.mark.parametrize("name", ["optimizers", "initializations"])
def test_a_reference_study_took_what_is_simulated(name: str) -> None:
    """Its epochs within 8 %, its time on the slots it had within a quarter, by its own curves and paces."""
    earlier = Earlier.of(REFERENCE / name, [])
    runs, study = earlier.records.runs, load_study(REFERENCE / name / "study.yaml")
    plan, replayed = plan_study(study), Replay(earlier).traces(study.search, None)
    assert replayed is not None
    told = forecast(study, plan, replayed, slots=earlier.records.manifest.slots, looks=plan.looks)
    began, ended = runs["started_at"].min(), runs["ended_at"].max()
    seconds = (datetime.fromisoformat(ended) - datetime.fromisoformat(began)).total_seconds()
    assert told.epochs.median == pytest.approx(int(runs["epochs"].sum()), rel=0.08)
    assert told.seconds.median == pytest.approx(seconds, rel=0.25)
