"""Whole searches, repeated: order, winners, seeds, what failed, and taking up again."""

from collections import Counter
from collections.abc import Callable
from itertools import groupby, pairwise
from pathlib import Path
from typing import Any

import optuna
import pytest

from harness.recipe.configuration import resolve
from harness.records.events import Event, PhaseEnded, RunEnded, RunStarted
from harness.records.folder import ResultsFolder
from harness.records.frames import frames_from_events
from harness.records.journal import read_journal
from harness.study.plan import plan_study
from harness.study.reading.parse import load_study
from harness.tuning.conductor import Conductor
from harness.tuning.looks import Look
from harness.tuning.past import Past
from harness.tuning.runs import Place, RunEnd, RunSpec
from tests.tuning.test_replay import bumpy, check_prefixes, results

REFERENCE = Path(__file__).parents[2] / "results" / "reference"
ADAM_SEARCHES_NOTHING = "arms.adam={optimizer: adam, lr: 0.001}"


def flat(run: RunSpec, epoch: int) -> float:
    """Return a loss by which the second run of a first search is the best, and else the first."""
    del epoch
    return abs(run.number - (run.repeat == 0))


def winners(events: list[Event]) -> dict[Place, str | None]:
    """Return the winner of each search."""
    ends = (e for e in events if isinstance(e, PhaseEnded) and e.phase == "search")
    return {Place(e.arm, e.repeat): e.winner for e in ends}


def test_a_repeat_is_whole_before_the_next_begins(drive: Callable[..., Any]) -> None:
    """One run at a time: searches by turns, then confirm runs by turns; audits of all repeats at the end."""
    runs = drive("search.repeats=3", "search.trials=6", "search.audit=1", "confirm.seeds=2").run(bumpy)
    order = [place for place, _ in groupby((run.phase, run.repeat) for run in runs)]
    measured = [(phase, repeat) for repeat in range(3) for phase in ("search", "confirm")]
    assert order == [*measured, *(("audit", repeat) for repeat in range(3))]
    for _, same in groupby(runs, key=lambda run: (run.phase, run.repeat)):
        arms = [run.arm for run in same]
        assert all(one != other for one, other in pairwise(arms)), arms


def test_a_later_repeat_begins_only_where_slots_would_idle(drive: Callable[..., Any]) -> None:
    """While the last runs of a search are on their way its winner is unknown: the next search begins."""
    driven = drive("search={trials: 2, repeats: 2, early_stopping: none}", "confirm.seeds=1")
    conductor = driven.conductor
    first = [conductor.next_run() for _ in range(4)]
    assert [(run.arm, run.repeat) for run in first] == [("sgd", 0), ("adam", 0)] * 2
    ahead = conductor.next_run()
    assert (ahead.phase, ahead.repeat) == ("search", 1)
    for run in first:
        driven.train(run, flat)
    then = conductor.next_run()
    assert (then.phase, then.repeat) == ("confirm", 0)


def test_each_repeat_has_its_own_searches_winner_and_seeds(drive: Callable[..., Any]) -> None:
    """Run ids tell the repeat, numbers begin anew, and every winner is confirmed on seeds nobody else has."""
    driven = drive("search={trials: 2, repeats: 2, early_stopping: none}", "confirm.seeds=2")
    runs = driven.run(flat)
    by_id = {run.run_id: run for run in runs}
    assert len(by_id) == len(runs) == 2 * 2 * (2 + 2)
    assert winners(driven.events) == {
        Place("sgd", 0): "sgd-r0-search-0001",
        Place("adam", 0): "adam-r0-search-0001",
        Place("sgd", 1): "sgd-r1-search-0000",
        Place("adam", 1): "adam-r1-search-0000",
    }
    for place, winner in winners(driven.events).items():
        confirmed = [by_id[f"{place.arm}-r{place.repeat}-confirm-{number:04d}"] for number in range(2)]
        assert all(run.configuration == by_id[str(winner)].configuration for run in confirmed)
        assert [run.seed for run in confirmed] == [*driven.conductor.plan.confirm_seeds(*place)]
    fresh = [run.seed for run in runs if run.phase == "confirm"]
    searched = {run.seed for run in runs if run.phase == "search"}
    assert len({*fresh} | searched) == len(fresh) + 1 + 2  # the first search has one seed for both arms


def test_each_search_has_its_own_optuna_study_and_draws(drive: Callable[..., Any]) -> None:
    """As Optuna's dashboard shows them; no two propose the same."""
    driven = drive("search={sampler: random, trials: 3, repeats: 2, early_stopping: none}", "confirm.seeds=1")
    driven.run(flat)
    studies = {one.study_name for one in optuna.get_all_study_summaries(driven.storage)}
    assert studies == {f"small/{arm}/{repeat}" for arm in ("sgd", "adam") for repeat in range(2)}
    drawn = [trial.params["lr"] for repeat in range(2) for trial in driven.optuna_trials(f"sgd/{repeat}")]
    assert len(set(drawn)) == 6


def test_the_first_repeat_searches_as_a_study_without_repeats(drive: Callable[..., Any]) -> None:
    """Configurations, seeds, ends and the winner's number; only its run ids say that there are others."""
    alone, repeated = drive("search.trials=6", "search.audit=2"), drive("search.trials=6", "search.repeats=2")
    alone.run(bumpy)
    repeated.run(bumpy)

    def search(events: list[Event]) -> dict[str, Any]:
        found = results([event for event in events if getattr(event, "repeat", 0) == 0])
        return {key.replace("-r0", ""): value for key, value in found.items() if "search" in str(key)}

    first = [e for e in repeated.events if "-r1-" not in str(getattr(e, "run_id", ""))]
    assert search(first) == search(alone.events)
    assert alone.conductor.is_over


@pytest.mark.parametrize("study", ["dropout", "initializations", "joint"])
def test_a_study_that_searches_once_draws_what_the_reference_drew(study: str, quiet_optuna: None) -> None:
    """The proposals before a model is fitted, which depend on nothing but seeds."""
    folder = ResultsFolder(REFERENCE / study)
    begun = {e.run_id: e for e in read_journal(folder) if isinstance(e, RunStarted)}
    found = load_study(folder.study_file)
    conductor = Conductor(found, plan_study(found), optuna.storages.InMemoryStorage(), print)
    for _ in range(3 * len(found.arms)):
        run = conductor.next_run()
        assert run is not None
        before = begun[run.run_id]
        assert (run.seed, resolve(run.configuration)) == (before.seed, resolve(before.configuration))


def test_an_arm_that_searches_nothing_is_measured_in_every_repeat(drive: Callable[..., Any]) -> None:
    """Repeats times seeds, all different, and no search."""
    runs = drive("search={trials: 2, repeats: 3}", "confirm.seeds=2", ADAM_SEARCHES_NOTHING).run(bumpy)
    adam = [run for run in runs if run.arm == "adam"]
    assert [(run.phase, run.repeat, run.number) for run in adam] == [
        ("confirm", repeat, number) for repeat in range(3) for number in range(2)
    ]
    assert len({run.seed for run in adam}) == 6


def test_what_a_look_has_not_opened_waits(drive: Callable[..., Any]) -> None:
    """Five repeats, then eight of the arm that goes on; the other one has no more, taken up again either."""
    settings = ("search={trials: 1, repeats: {min: 5, max: 8}}", "confirm.seeds=1")
    driven = drive(*settings)
    driven.conductor.take_look = lambda _n: Look(open=(0,), arms=("adam",), why="")
    runs = driven.run(bumpy)
    confirmed = Counter(run.arm for run in runs if run.phase == "confirm")
    assert confirmed == {"sgd": 5, "adam": 8}
    assert {(run.arm, run.repeat) for run in runs if run.repeat >= 5} == {("adam", n) for n in (5, 6, 7)}
    again = drive(*settings)
    again.conductor.replay(driven.events)
    assert again.conductor.is_over


def test_a_confirm_run_that_failed_is_tried_once_more(drive: Callable[..., Any]) -> None:
    """Its end is recorded once; the row says that there were two tries."""
    driven = drive("search={trials: 1, repeats: 2}", "confirm.seeds=1")
    runs = fail_confirm_runs(driven, times={"sgd-r0-confirm-0000": 1, "adam-r1-confirm-0000": 2})
    tries = Counter(run.run_id for run in runs)
    assert tries["sgd-r0-confirm-0000"] == tries["adam-r1-confirm-0000"] == 2
    ends = Counter((e.run_id, e.status) for e in driven.events if isinstance(e, RunEnded))
    assert ends["sgd-r0-confirm-0000", "completed"] == ends["adam-r1-confirm-0000", "failed"] == 1
    assert max(Counter(e.run_id for e in driven.events if isinstance(e, RunEnded)).values()) == 1
    rows = frames_from_events("small", driven.events, 100).runs.to_pylist()
    attempts = {row["run_id"]: row["attempts"] for row in rows}
    assert attempts.pop("sgd-r0-confirm-0000") == attempts.pop("adam-r1-confirm-0000") == 2
    assert set(attempts.values()) == {1}
    assert driven.conductor.is_over


def test_a_search_run_that_failed_is_not_tried_again(drive: Callable[..., Any]) -> None:
    """What a sampler learns of it is that the configuration fails."""
    driven = drive("search={trials: 2, repeats: 1}", "confirm.seeds=0")
    run = driven.conductor.next_run()
    driven.conductor.started(run.run_id)
    driven.conductor.ended(run.run_id, RunEnd(status="failed", reason="because"))
    assert run.run_id not in {later.run_id for later in driven.run(bumpy)}


def test_a_search_without_a_winner_leaves_a_replicate_out(drive: Callable[..., Any]) -> None:
    """Its repeat has no confirm run of that arm, and the journal says so; the others have theirs."""
    driven = drive("search={trials: 2, repeats: 3}", "confirm.seeds=2")
    while (run := driven.conductor.next_run()) is not None:
        if (run.arm, run.repeat, run.phase) == ("sgd", 1, "search"):
            driven.conductor.started(run.run_id)
            driven.conductor.ended(run.run_id, RunEnd(status="diverged", reason="inf"))
        else:
            driven.train(run, bumpy)
    assert driven.conductor.is_over
    assert [place for place, winner in winners(driven.events).items() if winner is None] == [Place("sgd", 1)]
    confirmed = Counter(
        Place(e.arm, e.repeat) for e in driven.events if isinstance(e, RunStarted) and e.phase == "confirm"
    )
    places = {Place(arm, repeat) for arm in ("sgd", "adam") for repeat in range(3)}
    assert confirmed == dict.fromkeys(places - {Place("sgd", 1)}, 2)


def test_an_audit_draws_from_the_search_it_belongs_to(drive: Callable[..., Any]) -> None:
    """Configuration, seed, number and repeat of a run that was stopped there."""
    driven = drive("search.repeats=2", "search.trials=9", "search.audit=2", "confirm.seeds=1")
    runs = {run.run_id: run for run in driven.run(bumpy)}
    stopped = {e.run_id for e in driven.events if isinstance(e, RunEnded) and e.status == "stopped"}
    audits = [run for run in runs.values() if run.phase == "audit"]
    assert {run.repeat for run in audits} == {0, 1}
    for run in audits:
        original = runs[run.run_id.replace("audit", "search")]
        assert original.run_id in stopped
        assert (run.place, run.number, run.seed) == (original.place, original.number, original.seed)


REPEATED: list[tuple[str, ...]] = [
    ("search.repeats=2", "search.audit=1", "confirm.seeds=2"),
    ("search={sampler: qmc, trials: 3, repeats: 3}", "confirm.seeds=1"),
    ("search.repeats=2", "confirm.seeds=2", ADAM_SEARCHES_NOTHING),
    ("search={trials: 1, repeats: {min: 5, max: 8}, early_stopping: none}", "confirm.seeds=1"),
    ("search={trials: 2, repeats: 2}", "confirm.seeds=1", "claims=[]",
     "arms.sgd.for_each={batch_size: [250, 500]}"),
]  # fmt: skip


@pytest.mark.parametrize("stride", [11, pytest.param(1, marks=pytest.mark.full)])
@pytest.mark.parametrize("overrides", REPEATED, ids=["tpe", "qmc", "fixed", "looks", "for_each"])
def test_any_prefix_of_a_journal_with_repeats_leads_to_the_same_results(
    drive: Callable[..., Any], overrides: tuple[str, ...], stride: int
) -> None:
    """Wherever it is cut: the same runs in each repeat, the same ends and the same winners."""
    whole = drive(*overrides)
    whole.run(bumpy)
    check_prefixes(drive, overrides, bumpy, whole.events, stride)


def test_a_journal_cut_between_two_tries_leads_to_the_same_end(drive: Callable[..., Any]) -> None:
    """The run is in flight, whichever try it was; a run that fails for good has one end."""
    times = {"sgd-r1-confirm-0000": 99}
    overrides = ("search={trials: 1, repeats: 2}", "confirm.seeds=1")
    whole = drive(*overrides)
    fail_confirm_runs(whole, times=dict(times))
    for length in range(len(whole.events) + 1):
        again = drive(*overrides)
        again.events.extend(whole.events[:length])
        again.conductor.replay(whole.events[:length])
        fail_confirm_runs(again, times=dict(times))
        ends = {e.run_id: e.status for e in again.events if isinstance(e, RunEnded)}
        assert ends == {e.run_id: e.status for e in whole.events if isinstance(e, RunEnded)}


def test_a_journal_of_before_repeats_is_one_repeat(repository: Path) -> None:
    """Its events say nothing of one."""
    past = Past(list(read_journal(ResultsFolder(repository / "tests" / "first_version"))), "val_accuracy")
    assert {place.arm for place in past.places} == {"fcn", "lenet5", "simple_cnn"}
    assert past.places == {place for place in past.closed["confirm"] if place.repeat == 0}


def fail_confirm_runs(driven: Any, times: dict[str, int]) -> list[RunSpec]:
    """Run everything; let some runs fail in their second epoch, each so often."""
    runs = []
    while (run := driven.conductor.next_run()) is not None:
        runs.append(run)
        if times.get(run.run_id, 0):
            times[run.run_id] -= 1
            driven.conductor.started(run.run_id)
            driven.conductor.ended(run.run_id, RunEnd(status="failed", reason="because"))
        else:
            driven.train(run, bumpy)
    return runs
