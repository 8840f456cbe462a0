import math
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from optuna.trial import TrialState

from harness.errors import ResultsError
from harness.recipe.metrics import Metric, record_names
from harness.records.events import Event, PhaseEnded, RunEnded, RunStarted
from harness.records.frames import frames_from_events
from harness.study.plan import plan_study
from harness.training.epoch import EpochRecord
from harness.tuning.conductor import Conductor
from harness.tuning.runs import RunEnd, RunSpec, Worker

WORKER = Worker(threads=1, device="cpu", host="h", steps_per_epoch=10)


def record(epoch: int, loss: float) -> EpochRecord:
    """Return an epoch with this validation loss."""
    return EpochRecord(
        epoch=epoch,
        step=10 * epoch,
        lr=0.1,
        train_loss=1.0,
        train_accuracy=0.5,
        val_loss=loss,
        val_accuracy=0.5,
        seconds=1.0,
    )


def flat(run: RunSpec, epoch: int) -> float:
    """Return a loss that tells the run's number: the first run is the best."""
    del epoch
    return 1.0 + run.number


def ended(events: list[Event]) -> list[RunEnded]:
    """Return the ends of runs."""
    return [event for event in events if isinstance(event, RunEnded)]


def test_arms_take_turns_and_get_the_same_budget(drive: Callable[..., Any]) -> None:
    """At no moment is an arm more than one search run ahead of another."""
    runs = [run for run in drive("search.early_stopping=none").run(flat) if run.phase == "search"]
    assert [run.arm for run in runs] == ["sgd", "adam"] * 4


def test_a_slow_arm_is_never_stopped_by_a_fast_one(drive: Callable[..., Any]) -> None:
    """Adam's losses are far below SGD's; each arm's first and best run still completes."""
    driven = drive()
    driven.run(lambda run, epoch: flat(run, epoch) + (0 if run.arm == "adam" else 1000))
    completed = {end.run_id for end in ended(driven.events) if end.status == "completed"}
    assert {"sgd-search-0000", "adam-search-0000"} <= completed


def test_stopped_runs_stop_at_rungs_and_never_win(drive: Callable[..., Any]) -> None:
    """A run that is stopped with the lowest loss of all is not the winner."""

    def lucky(run: RunSpec, epoch: int) -> float:
        return {0: 1.0, 1: 2.0, 2: 3.0}.get(run.number, 4.0) - (3.9 if run.number == 3 and epoch == 2 else 0)

    driven = drive()
    driven.run(lucky)
    stops = [end for end in ended(driven.events) if end.status == "stopped"]
    assert stops
    assert {end.epochs for end in stops} <= {1, 3}
    winners = {e.arm: e.winner for e in driven.events if isinstance(e, PhaseEnded) and e.phase == "search"}
    assert winners == {"sgd": "sgd-search-0000", "adam": "adam-search-0000"}


def test_a_reason_that_is_no_text_is_recorded_with_escapes(drive: Callable[..., Any]) -> None:
    """A program can print half a character as JSON, and Python has them in names of files."""
    driven = drive()
    run = driven.conductor.next_run()
    driven.conductor.started(run.run_id)
    driven.conductor.ended(run.run_id, RunEnd(status="failed", reason="printed test_\ud800 ä"))
    (end,) = ended(driven.events)
    assert end.reason == "printed test_\\ud800 ä"
    assert RunEnded.model_validate_json(end.model_dump_json()) == end


def test_the_winner_is_confirmed_on_fresh_seeds_the_same_in_every_arm(drive: Callable[..., Any]) -> None:
    """Three seeds an arm, with the configuration of the arm's best run."""
    driven = drive("search.early_stopping=none")
    runs = driven.run(flat)
    by_id = {run.run_id: run for run in runs}
    confirm = [run for run in runs if run.phase == "confirm"]
    assert Counter(run.arm for run in confirm) == {"sgd": 3, "adam": 3}
    for arm in ("sgd", "adam"):
        assert {run.seed for run in confirm if run.arm == arm} == {
            *driven.conductor.plan.confirm_seeds(arm, 0)
        }
        expected = by_id[f"{arm}-search-0000"].configuration
        assert all(run.configuration == expected for run in confirm if run.arm == arm)


def test_optuna_is_told_the_truth(drive: Callable[..., Any]) -> None:
    """Completed runs have values, stopped ones are PRUNED with the epochs they reached."""
    driven = drive()
    driven.run(flat)
    trials = driven.optuna_trials("sgd")
    ends = {end.run_id: end for end in ended(driven.events)}
    for trial in trials:
        end = ends[f"sgd-search-{trial.number:04d}"]
        expected = TrialState.COMPLETE if end.status == "completed" else TrialState.PRUNED
        assert trial.state == expected
        assert max(trial.intermediate_values) == end.epochs


@pytest.mark.parametrize(
    ("status", "state", "count"), [("diverged", TrialState.PRUNED, 8), ("failed", TrialState.FAIL, 6)]
)
def test_runs_that_end_badly_use_up_budget_and_never_win(
    drive: Callable[..., Any], status: Any, state: TrialState, count: int
) -> None:
    """An arm whose every run ends so has no winner and no confirm phase; the study still ends.

    Three failures in a row close an arm; divergence is a result and closes none.
    """
    driven = drive()
    while (run := driven.conductor.next_run()) is not None:
        driven.conductor.started(run.run_id)
        driven.conductor.ended(run.run_id, RunEnd(status=status, reason="because"))
    assert driven.conductor.is_over
    assert Counter(end.status for end in ended(driven.events)) == {status: count}
    assert {t.state for t in driven.optuna_trials("adam")} == {state}
    assert [e.winner for e in driven.events if isinstance(e, PhaseEnded)] == [None, None]


def test_an_arm_that_only_fails_is_given_up_with_a_reason(drive: Callable[..., Any]) -> None:
    """The rest of its budget is not burned, the other arm is not touched, and the journal says why."""
    driven = drive("search={trials: 10, early_stopping: none}", "confirm.seeds=1")
    while (run := driven.conductor.next_run()) is not None:
        if run.arm == "sgd":
            driven.conductor.started(run.run_id)
            driven.conductor.ended(run.run_id, RunEnd(status="failed", reason="because"))
        else:
            driven.train(run, flat)
    searched = Counter(end.run_id.split("-")[0] for end in ended(driven.events) if end.phase == "search")
    assert searched == {"sgd": 3, "adam": 10}
    closed = next(e for e in driven.events if isinstance(e, PhaseEnded) and e.arm == "sgd")
    assert closed.reason == "the last 3 runs failed, so the remaining 7 were not started"
    again = drive("search={trials: 10, early_stopping: none}", "confirm.seeds=1")
    again.conductor.replay(driven.events)
    assert again.conductor.is_over


def test_a_lost_worker_starts_its_run_again_but_not_for_ever(drive: Callable[..., Any]) -> None:
    """Three times the run is handed out again, with everything the same; the fourth loss is a failure."""
    driven = drive()
    first = driven.conductor.next_run()
    for _ in range(3):
        driven.conductor.started(first.run_id)
        driven.conductor.epoch(first.run_id, record(1, 1.0), WORKER)
        driven.conductor.lost(first.run_id, "ActorDiedError")
        assert driven.conductor.next_run() == first
    driven.conductor.started(first.run_id)
    driven.conductor.lost(first.run_id, "ActorDiedError")
    (end,) = ended(driven.events)
    assert (end.status, end.reason) == ("failed", "ActorDiedError (the worker was lost 4 times)")
    frames = frames_from_events("s", driven.events, 100)
    assert frames.runs.column("attempts").to_pylist() == [4]


def test_a_run_that_waited_for_room_has_not_stalled(drive: Callable[..., Any]) -> None:
    """Time before a run begins does not count against its limit: losing its worker then starts it again."""
    driven = drive("resources.stall_minutes=0.001")
    run = driven.conductor.next_run()
    time.sleep(0.1)  # beyond the limit of 60 ms
    driven.conductor.lost(run.run_id, "ActorDiedError")
    assert ended(driven.events) == []
    assert driven.conductor.next_run() == run


def test_runs_in_flight_wait_until_they_begin(drive: Callable[..., Any]) -> None:
    """Of two runs handed out, one of which has begun, one waits; a lost run is no longer in flight."""
    conductor = drive().conductor
    first, second = conductor.next_run(), conductor.next_run()
    conductor.started(first.run_id)
    assert (conductor.in_flight, conductor.waiting) == (2, 1)
    conductor.lost(second.run_id, "ActorDiedError")
    assert (conductor.in_flight, conductor.waiting) == (1, 0)


def test_a_lost_worker_changes_no_result(drive: Callable[..., Any]) -> None:
    """A study in which every run loses its worker once, if it goes on, ends as without losses."""
    whole, lossy = drive(), drive()
    expected = whole.run(flat)
    seen: set[str] = set()
    order = []
    while (run := lossy.conductor.next_run()) is not None:
        if run.run_id in seen:
            lossy.train(run, flat)
            order.append(run)
        else:
            seen.add(run.run_id)
            lossy.conductor.started(run.run_id)
            if lossy.conductor.epoch(run.run_id, record(1, flat(run, 1)), WORKER):
                order.append(run)
            lossy.conductor.lost(run.run_id, "ActorDiedError")
    assert order == expected
    kept = [(end.run_id, end.status) for end in ended(lossy.events)]
    assert kept == [(end.run_id, end.status) for end in ended(whole.events)]


def test_the_same_study_makes_the_same_choices(drive: Callable[..., Any]) -> None:
    """With one run at a time, configurations and seeds are equal; another study seed gives others."""
    first, second, other = drive().run(flat), drive().run(flat), drive("search.seed=1").run(flat)
    assert first == second
    assert first != other


def test_runs_beside_each_other_lead_to_what_they_lead_to_one_by_one(drive: Callable[..., Any]) -> None:
    """Where proposals do not depend on who is first: two at a time, of which the later one ends first."""
    independent = ("search={sampler: qmc, trials: 4, early_stopping: none}", "confirm.seeds=2")
    alone, beside = drive(*independent), drive(*independent)
    alone.run(flat)
    while (first := beside.conductor.next_run()) is not None:
        for run in filter(None, (beside.conductor.next_run(), first)):
            beside.train(run, flat)
    starts = [
        {e.run_id: (e.configuration, e.seed) for e in driven.events if isinstance(e, RunStarted)}
        for driven in (alone, beside)
    ]
    assert starts[0] == starts[1]
    assert len(starts[0]) == 12


def test_an_arm_added_beside_changes_nothing_in_the_others(drive: Callable[..., Any]) -> None:
    """Samplers depend on their arm's name, not on its place."""
    alone = [run for run in drive("search.early_stopping=none").run(flat) if run.arm == "adam"]
    extra = "arms.extra={optimizer: sgd, lr: {low: 0.1, high: 1.0}}"
    beside = [run for run in drive("search.early_stopping=none", extra).run(flat) if run.arm == "adam"]
    assert alone == beside


def mean_distance(drive: Callable[..., Any], sampler: str, arm: str) -> float:
    """Return how far from a rate of 0.01, the best one, an arm's last 40 of 60 proposals lie, in decades."""
    driven = drive(f"search={{sampler: {sampler}, trials: 60, early_stopping: none}}", "confirm.seeds=1")
    runs = driven.run(lambda run, _: (math.log10(run.configuration["lr"]) + 2) ** 2)
    rates = [run.configuration["lr"] for run in runs if run.arm == arm and run.phase == "search"]
    return sum(abs(math.log10(rate) + 2) for rate in rates[20:]) / 40


@pytest.mark.parametrize("arm", ["sgd", "adam"])
def test_tpe_learns_from_its_arm(drive: Callable[..., Any], arm: str) -> None:
    """On a bowl of losses its proposals lie much closer to the bottom than random ones."""
    assert mean_distance(drive, "tpe", arm) < 0.6 * mean_distance(drive, "random", arm)


def test_a_grid_is_run_in_the_declared_order(drive: Callable[..., Any]) -> None:
    """Every point with one seed, the last field changing fastest, then with the next; the best mean wins."""
    driven = drive(
        "search={sampler: grid, seeds: 2}",
        "confirm.seeds=1",
        "arms.sgd={optimizer: sgd, lr: {grid: [0.5, 0.1]}, momentum: {grid: [0.0, 0.9]}}",
        "arms.adam={optimizer: adam, lr: {grid: [0.01]}}",
    )
    losses = {0.0: [3.0, 1.0], 0.9: [1.9, 1.9]}
    runs = driven.run(lambda run, _: losses.get(run.configuration["momentum"] or 0.0, [9])[run.number // 4])
    sgd = [
        (r.configuration["lr"], r.configuration["momentum"])
        for r in runs
        if r.arm == "sgd" and r.phase == "search"
    ]
    assert sgd == [(0.5, 0.0), (0.5, 0.9), (0.1, 0.0), (0.1, 0.9)] * 2
    winner = next(e.winner for e in driven.events if isinstance(e, PhaseEnded) and e.arm == "sgd")
    assert winner == "sgd-search-0001"


def test_an_interrupted_study_hands_out_and_records_nothing_more(drive: Callable[..., Any]) -> None:
    """A run in flight gets no end, so that it can be run again."""
    driven = drive()
    run = driven.conductor.next_run()
    driven.conductor.started(run.run_id)
    driven.conductor.interrupt()
    driven.conductor.ended(run.run_id, RunEnd(status="stopped", reason="x"))
    assert driven.conductor.next_run() is None
    assert [type(event) for event in driven.events] == [RunStarted]
    assert not driven.conductor.is_over


def test_a_record_that_cannot_be_written_interrupts_the_study(drive: Callable[..., Any]) -> None:
    """The error is kept for the caller, and no further run is handed out."""
    driven = drive()

    def full(event: Event) -> None:
        raise ResultsError(f"disk full at {event.event}")

    conductor = Conductor(driven.study, driven.conductor.plan, drive().storage.__class__(), full)
    run = conductor.next_run()
    assert run is not None
    conductor.started(run.run_id)
    assert str(conductor.fault) == "disk full at run_started"
    assert conductor.next_run() is None


def test_averaging_over_the_last_epochs_takes_luck_out_of_the_selection(drive: Callable[..., Any]) -> None:
    """A run that is best at its very last epoch only does not win; Optuna is told the mean."""

    def swinging(run: RunSpec, epoch: int) -> float:
        is_lucky = run.number == 1 and epoch == 9
        return 0.1 if is_lucky else 1.0 + run.number

    lucky, calm = (
        drive("search.early_stopping=none"),
        drive("search={trials: 4, early_stopping: none, average_epochs: 3}"),
    )
    for driven, winner, value in (
        (lucky, "sgd-search-0001", 0.1),
        (calm, "sgd-search-0000", (2 + 2 + 0.1) / 3),
    ):
        driven.run(swinging)
        closed = next(e for e in driven.events if isinstance(e, PhaseEnded) and e.arm == "sgd")
        assert closed.winner == winner
        assert driven.optuna_trials("sgd")[1].value == pytest.approx(value)


def test_runs_beside_each_other_when_memory_ran_out_start_again_one_by_one(
    drive: Callable[..., Any],
) -> None:
    """Nobody knows which was too large; one that fills the memory alone has failed."""
    driven = drive()
    conductor = driven.conductor
    one, two = conductor.next_run(), conductor.next_run()
    assert one is not None
    assert two is not None
    for run in (one, two):
        conductor.started(run.run_id)
    conductor.out_of_memory()
    assert conductor.next_run() == one
    assert conductor.next_run() is None
    driven.train(one, flat)
    assert conductor.next_run() == two
    assert conductor.next_run() is None
    conductor.started(two.run_id)
    conductor.out_of_memory()
    ends = {e.run_id: e for e in driven.events if isinstance(e, RunEnded)}
    assert ends[one.run_id].status == "completed"
    assert ends[two.run_id].status == "failed"
    assert "out of memory" in str(ends[two.run_id].reason)
    driven.run(flat)
    assert conductor.is_over


def test_a_declared_metric_selects_by_its_own_direction(drive: Callable[..., Any]) -> None:
    """A program reports scores, higher is better: the last run wins, and its best epoch counts."""
    driven = drive("search.winner=best")
    metrics = {"score": Metric(better="higher")}
    search = driven.study.search.model_copy(update={"metric": "val_score", "mode": "max"})
    study = replace(driven.study, metrics=metrics, search=search)
    conductor = Conductor(study, plan_study(study), driven.storage, driven.events.append)
    while (run := conductor.next_run()) is not None:
        conductor.started(run.run_id)
        end = RunEnd(status="completed", metrics={"test_score": 9.0} if run.phase == "confirm" else {})
        for epoch in range(1, run.configuration["epochs"] + 1):
            score = {"val_score": run.number + (0.5 if epoch == 2 else 0.0)}
            if conductor.epoch(run.run_id, EpochRecord(epoch=epoch, seconds=1.0, metrics=score), WORKER):
                end = RunEnd(status="stopped")
                break
        conductor.ended(run.run_id, end)
    winners = [e.winner for e in driven.events if isinstance(e, PhaseEnded) and e.phase == "search"]
    assert winners == ["sgd-search-0003", "adam-search-0003"]
    assert study.goal.better == "higher"
    runs = frames_from_events("s", driven.events, None, record_names(metrics)).runs.to_pylist()
    tested = [(r["selected_epoch"], r["val_score"], r["test_score"]) for r in runs if r["phase"] == "confirm"]
    assert sorted(tested) == sorted([(2, number + 0.5, 9.0) for number in range(3)] * 2)
