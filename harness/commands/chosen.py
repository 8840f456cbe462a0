"""What a results folder says of an arm's winner: configuration and confirm runs, from the journal."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from analysis.records import StudyRecords
from harness.errors import ResultsError, StudyError, nearest
from harness.recipe.metrics import Goal
from harness.records.events import EpochEnded, Event, RunEnded, RunStarted
from harness.records.journal import read_journal
from harness.winning.winner import ConfirmedRun, Value, Winner

_DECIDING = ("python", "torch", "numpy")
"""Packages that decide a number of a run whose configuration is given."""


@dataclass
class _Run:
    """A confirm run as its events tell of it."""

    start: RunStarted
    epochs: list[EpochEnded] = field(default_factory=list)
    end: RunEnded | None = None

    @property
    def standing(self) -> EpochEnded:
        """The epoch whose network was tested."""
        end = self.end
        selected = end.selected_epoch if end else None
        return self.epochs[-1] if selected is None else self.epochs[selected - 1]


def arm_named(records: StudyRecords, arm: str, dataset: str | None) -> str:
    """Return the arm that a user names, of several data sets by its name there.

    Raises:
        StudyError: There is no such arm, or on no such data set, or the name leaves the data set open.
    """
    declared = records.declaration
    if arm in declared.arms and dataset in {None, declared.arms[arm].dataset}:
        return arm
    if not declared.datasets:
        if dataset is not None:
            raise StudyError(f"--dataset {dataset}: the study is on one data set. Remedy: leave it out")
        raise StudyError(f"--arm {arm}: the study has no such arm. {nearest(arm, declared.arms)}")
    plain = {own.plain_name for own in declared.arms.values()}
    if arm not in plain:
        raise StudyError(f"--arm {arm}: the study has no such arm. {nearest(arm, sorted(map(str, plain)))}")
    if dataset not in declared.datasets:
        asked = "is on several data sets" if dataset is None else f"is not on {dataset}"
        raise StudyError(
            f"--arm {arm}: {asked}. Remedy: --dataset with one of {', '.join(declared.datasets)}"
        )
    return next(n for n, own in declared.arms.items() if own.plain_name == arm and own.dataset == dataset)


def chosen(records: StudyRecords, arm: str, repeat: int | None) -> Winner:
    """Return what an arm's search chose.

    Args:
        records: The results.
        arm: A name of the declaration.
        repeat: Number of the search, from 0; by default, of several, that whose confirm runs have the best
            mean of what the search looked at, on validation data.

    Raises:
        StudyError: The arm has no such search.
        ResultsError: No confirm run of it has completed.
    """
    runs = _completed(_confirm_runs(read_journal(records.folder), arm))
    is_searched = records.declaration.arms[arm].search_runs > 0
    if repeat is not None and not is_searched:
        raise StudyError(f"--repeat {repeat}: arm {arm} searches nothing. Remedy: leave it out")
    by_repeat: dict[int, list[_Run]] = {}
    for run in runs:
        by_repeat.setdefault(run.start.repeat if is_searched else 0, []).append(run)
    if repeat is not None and repeat not in by_repeat:
        there = ", ".join(map(str, sorted(by_repeat))) or "none"
        raise StudyError(
            f"--repeat {repeat}: arm {arm} has no completed confirm run of that search. There are: {there}"
        )
    if not records.declaration.arms[arm].confirm_runs:
        raise ResultsError(
            f"{records.folder.root}: the study has no confirm phase, so nothing tells what a recipe of {arm} "
            f"reaches. Remedy: a study with confirm: {{seeds: n}}"
        )
    if not runs:
        raise ResultsError(
            f"{records.folder.root}: no confirm run of arm {arm} has completed, so nothing tells what its "
            f"recipe reaches. Remedy: finish the study (--resume)"
        )
    goal = goal_of(records)
    number = _best(by_repeat, goal) if repeat is None else repeat
    own = sorted(by_repeat[number], key=lambda run: (run.start.repeat, run.start.number))
    first = own[0]
    end = first.end
    declaration, versions = records.declaration, records.manifest.versions
    is_recipe = declaration.trial is None
    return Winner(
        study=declaration.study,
        arm=arm,
        repeat=number,
        among=len(by_repeat) if repeat is None else 1,
        configuration=first.start.configuration,
        runs=tuple(_confirmed(run) for run in own),
        metrics={name: metric.reference for name, metric in declaration.metrics.items()},
        goal=goal,
        best_by=goal if declaration.search.winner == "best" else None,
        threads=(end.threads if end else None) or 1,
        device=(end.device if end else None) or "cpu",
        processor=records.manifest.machine.cpu,
        versions={name: versions[name] for name in _DECIDING if name in versions},
        data_sha256=declaration.data_of(arm).sha256 if is_recipe else {},
        declaration_sha256=records.seal.sha256 or "",
    )


def goal_of(records: StudyRecords) -> Goal:
    """Return what a study's searches looked at, and which values are better."""
    search = records.declaration.search
    return Goal(search.metric, "higher" if search.mode == "max" else "lower")


def _confirm_runs(events: Iterable[Event], arm: str) -> list[_Run]:
    """Return an arm's confirm runs; one that was started again with what came after the last start."""
    runs: dict[str, _Run] = {}
    for event in events:
        match event:
            case RunStarted() if event.arm == arm and event.phase == "confirm":
                runs[event.run_id] = _Run(event)
            case EpochEnded() if event.run_id in runs:
                runs[event.run_id].epochs.append(event)
            case RunEnded() if event.run_id in runs:
                runs[event.run_id].end = event
            case _:
                pass
    return list(runs.values())


def _completed(runs: Sequence[_Run]) -> list[_Run]:
    return [run for run in runs if run.end is not None and run.end.status == "completed" and run.epochs]


def _best(by_repeat: Mapping[int, Sequence[_Run]], goal: Goal) -> int:
    """Return the repeat whose confirm runs are the best on validation data; of equal ones the first."""
    sign = -1.0 if goal.better == "higher" else 1.0

    def rank(number: int) -> tuple[float, int]:
        values = [run.standing.value(goal.metric) for run in by_repeat[number]]
        known = [value for value in values if value is not None]
        return (sign * sum(known) / len(known) if known else float("inf"), number)

    return min(by_repeat, key=rank)


def _confirmed(run: _Run) -> ConfirmedRun:
    epoch, end = run.standing, run.end
    values: dict[str, Any] = {
        "epoch": epoch.epoch,
        "train_loss": epoch.train_loss,
        "train_accuracy": epoch.train_accuracy,
        "val_loss": epoch.val_loss,
        "val_accuracy": epoch.val_accuracy,
        **epoch.metrics,
        "test_loss": end.test_loss if end else None,
        "test_accuracy": end.test_accuracy if end else None,
        **(end.metrics if end else {}),
    }
    known: dict[str, Value] = {name: value for name, value in values.items() if value is not None}
    return ConfirmedRun(
        run_id=run.start.run_id,
        repeat=run.start.repeat,
        seed=run.start.seed,
        values=known,
        weights=end.weights if end else None,
    )
