"""How far a study is, in numbers: by its declaration and the events of its journal."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from statistics import fmean

from analysis.exports.content import Run
from analysis.listing import state_of
from analysis.page.progress import planned_runs, planned_searches
from analysis.results import Results
from harness.records.events import Status
from harness.study.estimate import SHARE_UNDER_ASHA
from harness.study.time_left import Trained, seconds_left

_BAD: frozenset[Status] = frozenset({"diverged", "failed"})


@dataclass(frozen=True, kw_only=True)
class ArmProgress:
    """What one arm has done."""

    arm: str
    ended: int
    planned: int
    """As far as looks have allowed."""
    running: int
    bad: int
    """Ended as diverged or failed."""
    epochs: int
    best: float | None
    """The search's metric of the best search run of full length; None before there is one."""


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far a study is."""

    arms: Sequence[ArmProgress]
    epochs_per_second: float | None
    """Since this session's first epoch ended; None before."""
    seconds_left: float | None
    """At that pace, an epoch of each arm as long as it was so far, for the runs that are planned by now; None
    where nobody can know."""


def progress_of(found: Results, runs: Mapping[str, Run], now: datetime) -> Progress:
    """Return how far a study is.

    Args:
        found: Its results.
        runs: By id, those in flight too.
        now: The time.
    """
    by_arm: dict[str, list[Run]] = {arm: [] for arm in found.declaration.arms}
    for run in runs.values():
        by_arm[run.arm].append(run)
    arms = [_of_arm(found, arm, own) for arm, own in by_arm.items()]
    left = {arm: _epochs_left(found, arm, own, _searched(runs.values())) for arm, own in by_arm.items()}
    trained = {arm: _trained(own) for arm, own in by_arm.items()}
    done, elapsed = _of_session(found, runs.values(), now)
    return Progress(
        arms=arms,
        epochs_per_second=done.total() / elapsed if done and elapsed > 0 else None,
        seconds_left=seconds_left(left, trained, done, elapsed) if elapsed > 0 else None,
    )


def _of_arm(found: Results, arm: str, runs: Sequence[Run]) -> ArmProgress:
    search = found.declaration.search
    full = [run for run in runs if run.phase == "search" and run.end and run.end.status == "completed"]
    last = [run.epochs[-1].values.get(str(search.metric)) for run in full if run.epochs]
    values = [value for value in last if value is not None]
    better = min if search.mode == "min" else max
    return ArmProgress(
        arm=arm,
        ended=sum(run.end is not None for run in runs),
        planned=planned_runs(found.facts.records, arm),
        running=sum(run.end is None for run in runs),
        bad=sum(run.end is not None and run.end.status in _BAD for run in runs),
        epochs=sum(len(run.epochs) for run in runs),
        best=better(values) if values else None,
    )


def _trained(runs: Iterable[Run]) -> Trained:
    seconds = [epoch.values.get("seconds", 0.0) for run in runs for epoch in run.epochs]
    return Trained(epochs=len(seconds), seconds=sum(seconds))


def _of_session(found: Results, runs: Iterable[Run], now: datetime) -> tuple[Counter[str], float]:
    """Return what the latest session trained after its first epoch, by arm, and how long it took."""
    resumed = found.manifest.resumed
    began = _moment(resumed[-1].at if resumed else found.manifest.created_at)
    epochs = sorted((epoch.at, run.arm) for run in runs for epoch in run.epochs if epoch.at >= began)
    if len(epochs) < 2:
        return Counter(), 0.0
    (first, _), *later = epochs
    last = max(later[-1][0], now) if state_of(found) == "running" else later[-1][0]
    return Counter(arm for _, arm in later), (last - first).total_seconds()


def _moment(text: str) -> datetime:
    at = datetime.fromisoformat(text)
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _searched(runs: Iterable[Run]) -> float | None:
    """Return the epochs of an average search run that has ended."""
    lengths = [len(run.epochs) for run in runs if run.phase == "search" and run.end is not None]
    return fmean(lengths) if lengths else None


def _epochs_left(found: Results, arm: str, runs: Sequence[Run], searched: float | None) -> float:
    """Return about how many epochs an arm has still to train."""
    records, declared = found.facts.records, found.declaration.arms[arm]
    longest = declared.max_epochs or max((len(run.epochs) for run in runs), default=1)
    stops = found.declaration.search.early_stopping is not None
    of_search = searched or longest * (SHARE_UNDER_ASHA if stops else 1.0)
    planned, searches = planned_runs(records, arm), planned_searches(records, arm)
    ended = dict.fromkeys((True, False), 0)
    for run in runs:
        ended[run.phase == "search"] += run.end is not None
    in_flight = sum(len(run.epochs) for run in runs if run.end is None)
    left = max(0, searches - ended[True]) * min(of_search, longest)
    left += max(0, planned - searches - ended[False]) * longest
    return max(0.0, left - in_flight)
