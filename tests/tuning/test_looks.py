"""Studies whose claims are looked at: who goes on to the next look, live and when taken up again."""

from collections.abc import Callable
from typing import Any

import pytest

from harness.records.events import LookTaken, PhaseEnded, RunStarted
from harness.study.plan import plan_study
from harness.tuning.conductor import Conductor
from harness.tuning.looks import Look
from harness.tuning.runs import RunSpec
from harness.tuning.tally import Tally
from tests.tuning.conftest import Drive

SEEDS = """\
study: seeds
question: Which rate?
recipe: {model: {name: fcn, hidden: [8]}, optimizer: sgd, batch_size: 500, epochs: 1}
arms: {a: {lr: 0.1}, b: {lr: 0.2}, c: {lr: 0.3}}
confirm: {seeds: {min: 5, max: 12}}
claims:
  - {says: b is better., better: {arm: b, than: a, metric: test_accuracy}}
"""


def flat(run: RunSpec, epoch: int) -> float:
    """Return the same loss always."""
    del run, epoch
    return 1.0


def seen(*, go_on: dict[int, tuple[str, ...]], asked: list[int]) -> Callable[[int], Look]:
    """Return looks that note when they were taken, and let some arms go on."""

    def take(n: int) -> Look:
        asked.append(n)
        return Look(open=(0,) if go_on[n] else (), arms=go_on[n], why="")

    return take


def counted(drive: Drive) -> dict[str, int]:
    """Return the confirm runs that each arm began."""
    runs = [event for event in drive.events if isinstance(event, RunStarted) and event.phase == "confirm"]
    return {arm.name: len({run.run_id for run in runs if run.arm == arm.name}) for arm in drive.study.arms}


@pytest.mark.usefixtures("quiet_optuna")
def test_arms_that_no_open_claim_needs_stay_where_they_are() -> None:
    """Each look comes when all replicates up to it have ended, and only the arms it names go on."""
    asked: list[int] = []
    drive = Drive(SEEDS)
    drive.conductor.take_look = seen(go_on={5: ("a", "b"), 8: ()}, asked=asked)
    drive.run(flat)
    assert asked == [5, 8]
    assert counted(drive) == {"a": 8, "b": 8, "c": 5}
    assert drive.conductor.is_over
    taken = [event for event in drive.events if isinstance(event, LookTaken)]
    assert [(look.n, look.arms) for look in taken] == [(5, ("a", "b")), (8, ())]


@pytest.mark.usefixtures("quiet_optuna")
def test_a_study_goes_to_its_last_look_and_no_further() -> None:
    """After the last look nothing is decided about what runs."""
    asked: list[int] = []
    drive = Drive(SEEDS)
    drive.conductor.take_look = seen(go_on={5: ("a", "b"), 8: ("b", "a")}, asked=asked)
    drive.run(flat)
    assert asked == [5, 8]
    assert counted(drive) == {"a": 12, "b": 12, "c": 5}


def test_repeats_go_on_by_looks_too(drive: Callable[..., Drive]) -> None:
    """No repeat beyond a look begins before that look was taken; a stopped arm begins no further one."""
    asked: list[int] = []
    driven = drive("search.repeats.min=5", "search.repeats.max=8", "confirm.seeds=2")

    def take(n: int) -> Look:
        asked.append(n)
        begun = {event.repeat for event in driven.events if isinstance(event, RunStarted)}
        assert begun == set(range(n))
        return Look(open=(0,), arms=("adam",), why="")

    driven.conductor.take_look = take
    driven.run(flat)
    assert asked == [5]
    assert counted(driven) == {"sgd": 10, "adam": 16}


@pytest.mark.usefixtures("quiet_optuna")
@pytest.mark.parametrize("cut", range(0, 70, 4))
def test_a_study_cut_anywhere_takes_each_look_once(cut: int) -> None:
    """Taken up again, it neither repeats a look or an end of a phase in the journal nor leaves one out."""
    go_on: dict[int, tuple[str, ...]] = {5: ("a", "b"), 8: ()}
    whole = Drive(SEEDS)
    whole.conductor.take_look = seen(go_on=go_on, asked=[])
    whole.run(flat)
    past = whole.events[:cut]
    asked: list[int] = []
    again = Drive(SEEDS)
    again.conductor.take_look = seen(go_on=go_on, asked=asked)
    again.events.extend(past)
    again.conductor.replay(past)
    again.run(flat)
    assert counted(again) == counted(whole)
    closed = [[e.arm for e in of.events if isinstance(e, PhaseEnded)] for of in (whole, again)]
    assert closed[0] == closed[1] == ["a", "b", "c", "a", "b"]
    assert asked == [n for n in (5, 8) if n not in [e.n for e in past if isinstance(e, LookTaken)]]


@pytest.mark.usefixtures("quiet_optuna")
def test_a_look_that_cannot_be_taken_interrupts_the_study() -> None:
    """Nothing goes on unruled: the error is kept for the caller, and the journal holds no look."""
    drive = Drive(SEEDS)

    def take(n: int) -> Look:
        raise OSError(f"disk gone at {n}")

    drive.conductor.take_look = take
    drive.run(flat)
    assert str(drive.conductor.fault) == "disk gone at 5"
    assert drive.conductor.is_interrupted
    assert not any(isinstance(event, LookTaken) for event in drive.events)


@pytest.mark.usefixtures("quiet_optuna")
def test_what_is_planned_grows_with_each_look() -> None:
    """The screen counts on the replicates that are certain, and says what is open."""
    drive = Drive(SEEDS)
    drive.conductor.take_look = seen(go_on={5: ("a", "b"), 8: ()}, asked=[])
    drive.run(flat)
    tally = Tally(drive.study, plan_study(drive.study))
    planned = []
    for event in drive.events:
        tally.take(event)
        planned.append(tally.arms["a"].planned)
    assert sorted(set(planned)) == [5, 8]
    assert tally.arms["c"].planned == 5
    assert not any(tally.epochs_left().values())
    assert tally.n_open == 0


def test_a_conductor_without_looks_goes_to_the_end(drive: Callable[..., Any]) -> None:
    """A fixed plan takes no look."""
    driven = drive()
    assert isinstance(driven.conductor, Conductor)
    driven.conductor.take_look = seen(go_on={}, asked=[])
    driven.run(flat)
    assert driven.conductor.is_over
