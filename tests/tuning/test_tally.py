"""What is left of a study, counted from its events."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from harness.records.events import Event, RunStarted
from harness.study.plan import plan_study
from harness.tuning.looks import Look
from harness.tuning.tally import Tally

if TYPE_CHECKING:
    from harness.study.study import Study

SEARCHED_EPOCHS = (
    "search.early_stopping=none",
    "search.trials=3",
    "confirm.seeds=2",
    "recipe.epochs={low: 2, high: 8}",
)


def falling(run: Any, epoch: int) -> float:
    """Return a loss that falls with every epoch, and is lower for earlier runs."""
    return 1.0 + run.number - 0.01 * epoch


def counted(study: "Study", events: Sequence[Event]) -> Tally:
    """Return the tally of some events."""
    tally = Tally(study, plan_study(study))
    for event in events:
        tally.take(event)
    return tally


def test_an_arm_whose_epochs_are_searched_has_more_left_than_one_each(drive: Callable[..., Any]) -> None:
    """Before anything has run: 2 arms of 3 search and 2 confirm runs, of 5 epochs each, the middle."""
    assert counted(drive(*SEARCHED_EPOCHS).study, []).epochs_left() == {"sgd": 25, "adam": 25}


def test_what_is_left_follows_the_winner_and_ends_at_nothing(drive: Callable[..., Any]) -> None:
    """Once an arm's first confirm run has begun, its other one is known to be as long."""
    driven = drive(*SEARCHED_EPOCHS)
    driven.run(falling)
    begun = [at for at, event in enumerate(driven.events) if isinstance(event, RunStarted)]
    first = next(at for at in begun if driven.events[at].phase == "confirm")
    confirmed = driven.events[first]
    known = counted(driven.study, driven.events[: first + 1])
    assert known.arms[confirmed.arm].full_epochs == confirmed.configuration["epochs"]
    assert counted(driven.study, driven.events).epochs_left() == {"sgd": 0, "adam": 0}


def test_the_best_value_is_of_a_run_at_its_own_full_length(drive: Callable[..., Any]) -> None:
    """A run of eight epochs counts with its eighth, not with its first."""
    driven = drive(*SEARCHED_EPOCHS)
    lengths = {run.arm: run.configuration["epochs"] for run in reversed(driven.run(falling))}
    tally = counted(driven.study, driven.events)
    assert {name: arm.best for name, arm in tally.arms.items()} == {
        name: 1.0 - 0.01 * epochs for name, epochs in lengths.items()
    }


def test_repeats_are_planned_up_to_the_first_look(drive: Callable[..., Any]) -> None:
    """5 x (2 search + 1 confirm) runs an arm, and the audits of those searches that stopped a run."""
    driven = drive("search={trials: 2, repeats: {min: 5, max: 8}, audit: 1}", "confirm.seeds=1")
    before = counted(driven.study, [])
    assert {arm.planned for arm in before.arms.values()} == {5 * (2 + 1 + 1)}
    driven.conductor.take_look = lambda _n: Look(open=(), arms=(), why="")
    driven.run(falling)
    after = counted(driven.study, driven.events)
    assert after.epochs_left() == {"sgd": 0, "adam": 0}
    assert (after.repeat, after.repeats, after.n_open) == (4, 5, 0)
    assert all(arm.planned == arm.ended.total() for arm in after.arms.values())


def test_an_epoch_of_a_run_in_flight_is_none_that_is_left(drive: Callable[..., Any]) -> None:
    """Nor is one that was trained before an interruption: the run begins again."""
    driven = drive("search.early_stopping=none")
    driven.run(falling)
    first, began, *_ = (at for at, event in enumerate(driven.events) if isinstance(event, RunStarted))
    before, after = driven.events[: first + 1], driven.events[first + 1 : first + 2]
    assert began > first + 1
    name = driven.events[first].arm
    fewer = counted(driven.study, [*before, *after]).epochs_left()
    assert fewer[name] == counted(driven.study, before).epochs_left()[name] - 1
    again = counted(driven.study, [*before, *after, before[-1]])
    assert again.epochs_left() == counted(driven.study, before).epochs_left()
