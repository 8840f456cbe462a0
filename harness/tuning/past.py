"""What a journal says happened, ordered for taking up a study again."""

from collections import defaultdict
from collections.abc import Sequence
from itertools import accumulate
from math import isfinite

from harness.records.events import EpochEnded, Event, LookTaken, Phase, PhaseEnded, RunEnded, RunStarted
from harness.tuning.arm_trials import PastRun
from harness.tuning.runs import Place, RunSpec


class Past:
    """Index a journal's events by run, and runs by the repeat of the arm that they belong to.

    A run that was started more than once counts as started the last time: what an interrupted try reported
    is left out.
    """

    def __init__(self, events: Sequence[Event], metric: str) -> None:
        self._metric = metric
        self.given_up: set[Place] = set()
        """Searches that were closed because their runs failed."""
        self.closed: dict[Phase, set[Place]] = {"search": set(), "confirm": set(), "audit": set()}
        """Where the journal closes a phase, by phase; no more once another run of it has begun."""
        self.looks: list[LookTaken] = []
        self._specs: dict[str, RunSpec] = {}
        self._runs: dict[Phase, dict[Place, dict[int, str]]] = {
            "search": defaultdict(dict),
            "confirm": defaultdict(dict),
            "audit": defaultdict(dict),
        }
        """Run ids by phase, place and number."""
        self._began: dict[str, int] = {}
        self._ends: dict[str, tuple[int, RunEnded]] = {}
        self._values: dict[str, list[float | None]] = {}
        self._epochs: dict[Place, list[EpochEnded]] = defaultdict(list)
        self._in_flight: set[str] = set()
        in_flight = []
        for position, event in enumerate(events):
            before = len(self._in_flight)
            self._take(position, event)
            in_flight.append(max(before, len(self._in_flight)))
        self._most_from = list(accumulate(reversed(in_flight), max))[::-1]
        """Runs beside each other that had begun, the most from each position on.

        What is missing to the most of the whole journal can have been handed out and never have begun.
        """

    def _take(self, position: int, event: Event) -> None:
        match event:
            case RunStarted():
                self._start(position, event)
            case EpochEnded():
                self._values[event.run_id].append(self._value(event))
                self._epochs[self._specs[event.run_id].place].append(event)
            case RunEnded():
                self._in_flight.discard(event.run_id)
                self._ends[event.run_id] = (position, event)
            case PhaseEnded():
                place = Place(event.arm, event.repeat)
                self.closed[event.phase].add(place)
                if event.reason is not None:
                    self.given_up.add(place)
            case LookTaken():
                self.looks.append(event)

    def _start(self, position: int, event: RunStarted) -> None:
        run_id, place = event.run_id, Place(event.arm, event.repeat)
        self._in_flight.add(run_id)
        self._began.setdefault(run_id, position)
        if run_id in self._specs:
            self._epochs[place] = [epoch for epoch in self._epochs[place] if epoch.run_id != run_id]
        self._specs[run_id] = RunSpec(
            run_id=run_id,
            arm=event.arm,
            phase=event.phase,
            repeat=event.repeat,
            number=event.number,
            seed=event.seed,
            configuration=event.configuration,
        )
        self._runs[event.phase][place][event.number] = run_id
        self.closed[event.phase].discard(place)  # a look, or a resume with more seeds, has added to it
        self._values[run_id] = []

    def _value(self, event: EpochEnded) -> float | None:
        value = event.value(self._metric)
        return value if value is not None and isfinite(value) else None

    @property
    def places(self) -> set[Place]:
        """Every repeat of an arm of which a run has begun."""
        return {spec.place for spec in self._specs.values()}

    def search_runs(self, place: Place) -> dict[int, PastRun]:
        """Return the runs of one search by number."""
        return {
            number: self._past_run(self._specs[run_id])
            for number, run_id in self._runs["search"][place].items()
        }

    def _past_run(self, spec: RunSpec) -> PastRun:
        position, end = self._ends.get(spec.run_id, (None, None))
        return PastRun(
            spec=spec,
            values=tuple(self._values[spec.run_id]),
            status=end.status if end else None,
            began=self._began[spec.run_id],
            ended=position,
            most_waiting=0 if position is None else self._most_from[0] - self._most_from[position],
        )

    def ended_search_epochs(self, place: Place) -> list[tuple[RunSpec, int, float]]:
        """Return what ASHA was told of the ended runs of one search, in order: (run, epoch, value)."""
        found = []
        for event in self._epochs[place]:
            spec, value = self._specs[event.run_id], self._value(event)
            is_counted = spec.phase == "search" and event.run_id in self._ends
            if is_counted and value is not None and event.epoch < spec.configuration["epochs"]:
                found.append((spec, event.epoch, value))
        return found

    def listed_runs(self, place: Place, phase: Phase) -> dict[int, tuple[RunSpec, bool]]:
        """Return the runs of the confirm or audit phase by number, and whether each ended."""
        return {
            number: (self._specs[run_id], run_id in self._ends)
            for number, run_id in self._runs[phase][place].items()
        }
