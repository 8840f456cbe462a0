"""Runs that are known beforehand: the winner of a search on its confirm seeds, and stopped runs to audit."""

import random
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from harness.study.plan import Plan
from harness.study.seeds import derive_seed, of_repeat
from harness.tuning.runs import Place, RunSpec, run_id_of


class RunList:
    """Hand out the runs of one phase of an arm's repeat in their order, once it is known what they are."""

    def __init__(self) -> None:
        self._left: list[RunSpec] = []
        self._n_listed = 0
        self._n_running = 0
        self.limit: int | None = None
        """Runs from this number on are not handed out yet, of runs in the order of numbers; None for none."""

    def open(self, runs: Iterable[RunSpec]) -> None:
        """Begin with these runs."""
        self._left = list(runs)
        self._n_listed = len(self._left)

    @property
    def planned(self) -> int:
        """Runs of the list, up to its limit."""
        return self._n_listed if self.limit is None else min(self._n_listed, self.limit)

    @property
    def remaining(self) -> int:
        """Runs not yet handed out, up to the limit."""
        if self.limit is None:
            return len(self._left)
        return bisect_left(self._left, self.limit, key=lambda run: run.number)

    @property
    def is_over(self) -> bool:
        """Whether nothing is left to hand out or to wait for; also before the list was opened."""
        return not self.remaining and self._n_running == 0

    def propose(self) -> RunSpec:
        """Return the next run."""
        self._n_running += 1
        return self._left.pop(0)

    def end(self) -> None:
        """Count a run that ended."""
        self._n_running -= 1

    def restore(self, past: Mapping[int, tuple[RunSpec, bool]]) -> list[RunSpec]:
        """Leave out the runs of an interrupted study; return those that were in flight.

        Args:
            past: Number to run, and whether it ended.
        """
        self._left = [run for run in self._left if run.number not in past]
        again = [spec for _, (spec, has_ended) in sorted(past.items()) if not has_ended]
        self._n_running += len(again)
        return again


def confirm_runs(place: Place, plan: Plan, configuration: dict[str, Any]) -> list[RunSpec]:
    """Return one run of a configuration a confirm seed of an arm's repeat."""
    return [
        RunSpec(
            run_id=run_id_of(place, "confirm", number, plan),
            arm=place.arm,
            phase="confirm",
            repeat=place.repeat,
            number=number,
            seed=seed,
            configuration=configuration,
        )
        for number, seed in enumerate(plan.confirm_seeds(place.arm, place.repeat))
    ]


def audit_runs(stopped: Sequence[RunSpec], plan: Plan) -> list[RunSpec]:
    """Return stopped runs of one search, to be trained again at full length.

    They are drawn without replacement by the study's seed; with a larger count the earlier ones stay.

    Args:
        stopped: The search's stopped runs, in their numbers' order.
        plan: Says how many to draw; all of them if there are fewer.
    """
    if not stopped:
        return []
    place = stopped[0].place
    seed = derive_seed(plan.search.seed, "audit", plan.plain_name(place.arm), *of_repeat(place.repeat))
    drawn = random.Random(seed).sample(stopped, len(stopped))[: plan.search.audit]  # noqa: S311 - no secret
    return [
        RunSpec(
            run_id=run_id_of(place, "audit", run.number, plan),
            arm=run.arm,
            phase="audit",
            repeat=run.repeat,
            number=run.number,
            seed=run.seed,
            configuration=run.configuration,
        )
        for run in drawn
    ]
