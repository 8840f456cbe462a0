from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from optuna.trial import TrialState

from harness.records.events import EpochEnded, Event, PhaseEnded, RunEnded, RunStarted
from harness.records.folder import ResultsFolder
from harness.records.journal import JournalWriter
from harness.records.recovery import recover_journal
from harness.tuning.runs import RunSpec


def bumpy(run: RunSpec, epoch: int) -> float:
    """Return a loss that falls with epochs, differs by configuration and crosses those of other runs."""
    rate = run.configuration["lr"]
    return abs(rate - 0.01) + (run.seed % 7) / (1 + epoch) + 1 / epoch


def results(events: list[Event]) -> dict[str, Any]:
    """Return each ended run with configuration, seed, status, epochs, last loss; and each search's end."""
    starts = {e.run_id: e for e in events if isinstance(e, RunStarted)}
    last = {e.run_id: e.val_loss for e in events if isinstance(e, EpochEnded)}
    ends = [e for e in events if isinstance(e, RunEnded)]
    assert len({e.run_id for e in ends}) == len(ends)
    return {
        e.run_id: (
            starts[e.run_id].configuration, starts[e.run_id].seed, e.status, e.epochs, last.get(e.run_id)
        )
        for e in ends
    } | {
        f"{e.arm} {e.repeat}": (e.winner, e.reason)
        for e in events
        if isinstance(e, PhaseEnded) and e.phase == "search"
    }  # fmt: skip


def check_prefixes(
    drive: Callable[..., Any],
    overrides: Sequence[str],
    curve: Callable[[RunSpec, int], float | None],
    events: list[Event],
    stride: int = 1,
) -> None:
    """Cut a study's journal after each `stride` events; taken up, it must end as it did."""
    for length in range(0, len(events) + 1, stride):
        again = drive(*overrides)
        again.events.extend(events[:length])
        again.conductor.replay(events[:length])
        again.run(curve)
        assert results(again.events) == results(events), f"cut after event {length}"
        assert again.conductor.is_over


OVERRIDES = [
    (),
    ("search.sampler=random",),
    ("search={sampler: grid, seeds: 2}", "confirm.seeds=2",
     "arms.sgd={optimizer: sgd, lr: {grid: [0.5, 0.1]}}", "arms.adam={optimizer: adam, lr: {grid: [0.01]}}"),
    ("arms.sgd={optimizer: {one_of: {sgd: {lr: {low: 0.01, high: 1.0, log: true}}, adam: {lr: 0.001}}}}",),
    ("arms.sgd={optimizer: sgd, lr: 0.1}",),
    ("search.sampler=qmc",),
    ("search.sampler=cmaes", "search.trials=9", "confirm.seeds=1",
     "arms.adam.beta2={low: 0.9, high: 0.999}"),
    ("search.audit=2", "search.trials=6"),
    ("search.winner=best",),
    ("arms.sgd={optimizer: {one_of: {sgd: {lr: {low: 0.01, high: 1.0}}, adam: {lr: 0.001}}}}",
     "arms.sgd.start=[{optimizer: sgd}]", "arms.adam.start=[{lr: 0.002}]"),
    ("datasets=[fashion_mnist, kmnist]", "search.repeats=2", "confirm.seeds=1", "recipe.epochs=3"),
    pytest.param(("search.sampler=gp",), marks=pytest.mark.slow),
]  # fmt: skip


MORE = ["qmc", "cmaes", "audit", "best", "start", "datasets", "gp"]


@pytest.mark.parametrize("stride", [9, pytest.param(1, marks=pytest.mark.full)])
@pytest.mark.parametrize("overrides", OVERRIDES, ids=["tpe", "random", "grid", "one_of", "fixed", *MORE])
def test_any_prefix_of_a_journal_leads_to_the_same_results(
    drive: Callable[..., Any], overrides: tuple[str, ...], stride: int
) -> None:
    """Wherever a study is cut, taking it up runs the same runs to the same ends and the same winners."""
    whole = drive(*overrides)
    whole.run(bumpy)
    check_prefixes(drive, overrides, bumpy, whole.events, stride)


@pytest.mark.parametrize("numbers", [{1, 2, 3}, set(range(5))], ids=["three", "all"])
def test_any_prefix_of_a_search_that_is_given_up_leads_to_the_same_results(
    drive: Callable[..., Any], numbers: set[int]
) -> None:
    """Cut after the third failure in a row, before the search ends of it, too; confirm runs fail as well."""

    def failing(run: RunSpec, epoch: int) -> float | None:
        fails = run.arm == "sgd" and run.phase == "search" and run.number in numbers
        return None if fails or (run.arm, run.phase) == ("adam", "confirm") else bumpy(run, epoch)

    small = ("search.trials=5", "search.early_stopping=none", "recipe.epochs=2", "confirm.seeds=1")
    whole = drive(*small)
    whole.run(failing)
    _, reason = results(whole.events)["sgd 0"]
    assert reason.startswith("the last 3 runs failed, so the remaining")
    check_prefixes(drive, small, failing, whole.events)


def test_a_search_that_was_given_up_ends_with_what_is_in_flight(drive: Callable[..., Any]) -> None:
    """Failures count in the order of ends, and a run that completes afterwards opens nothing again."""
    small = ("search.trials=8", "search.early_stopping=none", "recipe.epochs=2", "confirm.seeds=0")
    first, slow = drive(*small), []
    while (run := first.conductor.next_run()) is not None:
        if run.arm == "sgd" and run.number < 2:
            slow.append(run)
            first.conductor.started(run.run_id)
        else:
            first.train(run, lambda run, _: 1.0 if run.arm == "adam" else None)
    first.train(slow[0], bumpy)
    again = drive(*small)
    again.conductor.replay(first.events)
    assert again.run(bumpy) == slow[1:]
    (closed,) = [event for event in again.events if isinstance(event, PhaseEnded)]
    assert closed.reason == "the last 3 runs failed, so the remaining 3 were not started"


def test_a_search_whose_last_runs_were_handed_out_is_not_given_up_by_a_resume(
    drive: Callable[..., Any],
) -> None:
    """Three of five fail while the last two have not begun: the budget is spent, cut there or not."""
    few = ("search.trials=5", "search.sampler=random", "confirm.seeds=0")
    small = (*few, "search.early_stopping=none", "recipe.epochs=2")
    whole, again = drive(*small), drive(*small)
    handed_out = []
    while (run := whole.conductor.next_run()) is not None:
        handed_out.append(run)
    failing = [run for run in handed_out if run.arm == "sgd"][:3]
    for run in failing:
        whole.conductor.started(run.run_id)
    for run in failing:
        whole.train(run, lambda *_: None)
    again.events.extend(whole.events)
    again.conductor.replay(list(whole.events))
    again.run(bumpy)
    for run in handed_out:
        if run not in failing:
            whole.train(run, bumpy)
    assert results(whole.events)["sgd 0"] == ("sgd-search-0004", None)
    assert results(again.events) == results(whole.events)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
@given(st.lists(st.integers(0, 200), min_size=2, max_size=6))
def test_a_study_cut_many_times_leads_to_the_same_results(drive: Callable[..., Any], cuts: list[int]) -> None:
    """Interruptions add up without trace."""
    whole = drive()
    whole.run(bumpy)
    events: list[Event] = []
    for cut in [*sorted(cuts), 10_000]:
        again = drive()
        again.events.extend(events)
        again.conductor.replay(events)
        again.run(bumpy)
        events = again.events[:cut]
    assert results(events) == results(whole.events)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(share=st.floats(0, 1))
def test_a_journal_cut_at_any_byte_leads_to_the_same_results(
    drive: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory, share: float
) -> None:
    """The file is cut in mid-line, repaired, replayed and continued."""
    whole = drive()
    whole.run(bumpy)
    folder = ResultsFolder(tmp_path_factory.mktemp("cut"))
    with JournalWriter(folder.journal) as journal:
        for event in whole.events:
            journal.append(event)
    written = folder.journal.read_bytes()
    folder.journal.write_bytes(written[: round(share * len(written))])
    again = drive()
    again.events.extend(recover_journal(folder).events)
    again.conductor.replay(list(again.events))
    again.run(bumpy)
    assert results(again.events) == results(whole.events)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(data=st.data())
def test_any_interleaving_of_the_arms_rebuilds_the_same_rungs(
    drive: Callable[..., Any], data: st.DataObject
) -> None:
    """Each arm's events in their order, mixed at will: what each arm's rungs stop afterwards is the same."""
    whole = drive("search.trials=6", "confirm.seeds=0")
    whole.run(bumpy)
    by_arm: dict[str, list[Event]] = {"sgd": [], "adam": []}
    for event in whole.events:
        name = event.arm if isinstance(event, PhaseEnded) else event.run_id.partition("-")[0]
        by_arm[name].append(event)
    mixed: list[Event] = []
    while any(by_arm.values()):
        arm = data.draw(st.sampled_from([name for name, left in by_arm.items() if left]))
        mixed.append(by_arm[arm].pop(0))
    decisions = []
    for events in (whole.events, mixed):
        again = drive("search.trials=9", "confirm.seeds=0")
        again.conductor.replay([event for event in events if not isinstance(event, PhaseEnded)])
        again.run(bumpy)
        decisions.append(results(again.events))
    assert decisions[0] == decisions[1]


def test_runs_in_flight_start_again_first_with_configuration_and_seed(drive: Callable[..., Any]) -> None:
    """Two runs at a time are interrupted; both are handed out before any other."""
    first = drive()
    one, two = first.conductor.next_run(), first.conductor.next_run()
    for run in (one, two):
        first.conductor.started(run.run_id)
    again = drive()
    again.conductor.replay(first.events)
    assert [again.conductor.next_run(), again.conductor.next_run()] == [one, two]


def test_a_finished_study_has_nothing_left(drive: Callable[..., Any]) -> None:
    """Replaying a whole journal hands out nothing and records nothing."""
    whole = drive()
    whole.run(bumpy)
    again = drive()
    again.conductor.replay(whole.events)
    assert again.conductor.is_over
    assert again.conductor.next_run() is None
    assert again.events == []


def test_optuna_is_rebuilt_as_it_stood(drive: Callable[..., Any]) -> None:
    """Numbers, parameters, states, values and intermediate values of ended runs are the same."""
    whole = drive()
    whole.run(bumpy)
    again = drive()
    again.conductor.replay(whole.events)
    for arm in ("sgd", "adam"):
        for before, after in zip(whole.optuna_trials(arm), again.optuna_trials(arm), strict=True):
            assert before.number == after.number
            assert before.state == after.state
            assert before.params == after.params
            assert before.distributions == after.distributions
            assert before.intermediate_values == after.intermediate_values
            if before.state == TrialState.COMPLETE:
                assert before.value == after.value


def test_more_trials_continue_the_search(drive: Callable[..., Any]) -> None:
    """A study may take over the runs of a parent with a smaller budget: they are kept."""
    short = drive("search.trials=3")
    short.run(bumpy)
    searched = [event for event in short.events if getattr(event, "phase", None) != "confirm"]
    cut = next(i for i, e in enumerate(searched) if isinstance(e, PhaseEnded))
    more = drive("search.trials=6")
    more.events.extend(searched[:cut])
    more.conductor.replay(searched[:cut])
    more.run(bumpy)
    ends = [e for e in more.events if isinstance(e, RunEnded) and e.phase == "search"]
    assert len(ends) == 12
    assert set(results(searched[:cut])) <= set(results(more.events))


def test_more_seeds_run_the_new_ones_alone(drive: Callable[..., Any]) -> None:
    """A study that is over and gets another confirm seed trains each winner once more, and nothing else."""
    whole = drive("confirm.seeds=2")
    whole.run(bumpy)
    more = drive("confirm.seeds=3")
    more.conductor.replay(whole.events)
    assert {run.run_id for run in more.run(bumpy)} == {"sgd-confirm-0002", "adam-confirm-0002"}
    assert more.conductor.is_over
