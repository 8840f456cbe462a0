"""What a sweep notes of how long its steps take here, for the hours that later dry runs foretell."""

from collections.abc import Mapping
from datetime import datetime
from statistics import median

from harness.recipe.data import DataFacts
from harness.records.events import EpochEnded, Event, RunEnded, RunStarted
from harness.study.file import Resources
from harness.training.paces import Paces, Workload, workload_of


class StepTimes:
    """Takes the events of a sweep of the built-in training as they happen."""

    def __init__(self, facts: Mapping[str, DataFacts], resources: Resources) -> None:
        """Begin.

        Args:
            facts: Of each data set, by what a configuration calls it; empty of a program.
            resources: What a run occupies.
        """
        self._facts, self._resources = facts, resources
        self._running: dict[str, tuple[RunStarted, list[EpochEnded]]] = {}
        self._of_runs: dict[tuple[Workload, int], list[float]] = {}

    def take(self, event: Event) -> None:
        """Note an event."""
        match event:
            case RunStarted() if event.configuration.get("dataset") in self._facts:
                self._running[event.run_id] = event, []
            case EpochEnded() if event.run_id in self._running:
                self._running[event.run_id][1].append(event)
            case RunEnded() if event.run_id in self._running:
                self._end(*self._running.pop(event.run_id))
            case _:
                pass

    def _end(self, run: RunStarted, epochs: list[EpochEnded]) -> None:
        """Note a run: the time from one epoch's end to the next, evaluation included, over its steps."""
        if len(epochs) < 2 or epochs[0].step is None or epochs[-1].step is None:
            return
        first, last = epochs[0], epochs[-1]
        seconds = (datetime.fromisoformat(last.time) - datetime.fromisoformat(first.time)).total_seconds()
        n_steps = (last.step or 0) - (first.step or 0)
        if seconds > 0 and n_steps > 0:
            workload = workload_of(
                run.configuration, self._facts[run.configuration["dataset"]], self._resources
            )
            of_workload = self._of_runs.setdefault((workload, run.configuration["batch_size"]), [])
            of_workload.append(seconds / n_steps)

    def keep(self) -> None:
        """Write the medians over runs into the user's cache.

        Raises:
            HarnessError: It cannot be written.
        """
        if self._of_runs:
            paces = Paces.read()
            for (workload, batch_size), seconds in self._of_runs.items():
                paces.note(workload, batch_size, median(seconds))
            paces.keep()
