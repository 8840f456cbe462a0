"""What a journal says happened, ordered for taking up a study again."""

from collections.abc import Sequence
from math import isfinite

from harness.records.events import EpochEnded, Event, Phase, PhaseEnded, RunEnded, RunStarted
from harness.study.file import Metric
from harness.tuning.arm_trials import PastRun
from harness.tuning.runs import RunSpec


class Past:
    """Index a journal's events by run.

    A run that was started more than once counts as started the last time: what an interrupted try reported
    is left out.
    """

    def __init__(self, events: Sequence[Event], metric: Metric) -> None:
        self._metric = metric
        self.specs: dict[str, RunSpec] = {}
        """Every run that was started, by its id."""
        self.given_up: set[str] = set()
        """Arms whose search was closed because their runs failed."""
        self.closed: dict[Phase, set[str]] = {"search": set(), "confirm": set(), "audit": set()}
        """Arms whose phase the journal closes, by phase."""
        self._began: dict[str, int] = {}
        self._ends: dict[str, tuple[int, RunEnded]] = {}
        self._values: dict[str, list[float | None]] = {}
        self._epochs: list[EpochEnded] = []
        for position, event in enumerate(events):
            self._take(position, event)

    def _take(self, position: int, event: Event) -> None:
        match event:
            case RunStarted():
                self._began.setdefault(event.run_id, position)
                if event.run_id in self.specs:
                    self._epochs = [epoch for epoch in self._epochs if epoch.run_id != event.run_id]
                self.specs[event.run_id] = RunSpec(
                    run_id=event.run_id,
                    arm=event.arm,
                    phase=event.phase,
                    number=event.number,
                    seed=event.seed,
                    configuration=event.configuration,
                )
                self._values[event.run_id] = []
            case EpochEnded():
                self._values[event.run_id].append(self._value(event))
                self._epochs.append(event)
            case RunEnded():
                self._ends[event.run_id] = (position, event)
            case PhaseEnded():
                self.closed[event.phase].add(event.arm)
                if event.reason is not None:
                    self.given_up.add(event.arm)

    def _value(self, event: EpochEnded) -> float | None:
        value = event.val_loss if self._metric == "val_loss" else event.val_accuracy
        return value if value is not None and isfinite(value) else None

    def search_runs(self, arm: str) -> dict[int, PastRun]:
        """Return an arm's search runs by number."""
        return {
            spec.number: self._past_run(spec)
            for spec in self.specs.values()
            if spec.arm == arm and spec.phase == "search"
        }

    def _past_run(self, spec: RunSpec) -> PastRun:
        position, end = self._ends.get(spec.run_id, (None, None))
        return PastRun(
            spec=spec,
            values=tuple(self._values[spec.run_id]),
            status=end.status if end else None,
            began=self._began[spec.run_id],
            ended=position,
        )

    def ended_search_epochs(self, arm: str) -> list[tuple[RunSpec, int, float]]:
        """Return what ASHA was told of an arm's ended runs, in order: (run, epoch, value)."""
        found = []
        for event in self._epochs:
            spec, value = self.specs[event.run_id], self._value(event)
            is_counted = spec.arm == arm and spec.phase == "search" and event.run_id in self._ends
            if is_counted and value is not None and event.epoch < spec.configuration["epochs"]:
                found.append((spec, event.epoch, value))
        return found

    def listed_runs(self, arm: str, phase: Phase) -> dict[int, tuple[RunSpec, bool]]:
        """Return an arm's runs of the confirm or audit phase by number, and whether each ended."""
        return {
            spec.number: (spec, spec.run_id in self._ends)
            for spec in self.specs.values()
            if spec.arm == arm and spec.phase == phase
        }
