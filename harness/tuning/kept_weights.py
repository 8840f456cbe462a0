"""`confirm.keep: best`: of each search, the weights of the confirm run that is best on validation data.

Every confirm run writes its own. Once the disk has the end of a better one, those of the other go.
"""

from collections.abc import Callable, Collection
from pathlib import Path

from harness.errors import reason
from harness.recipe.metrics import Goal
from harness.records.events import EpochEnded, Event, RunEnded, RunStarted
from harness.records.folder import weights_of
from harness.tuning.runs import Place


class KeptWeights:
    """Removes the weights of confirm runs that are not the best; of equal ones the one that began first."""

    def __init__(
        self, folder: Path, goal: Goal, searched: Collection[str], say: Callable[[str], None]
    ) -> None:
        """Know where weights lie.

        Args:
            folder: Holds a file a run.
            goal: What a search looks at.
            searched: The arms that search; all confirm runs of another one are of one recipe.
            say: Is told of a file that cannot be removed.
        """
        self._folder = folder
        self._goal = goal
        self._searched = searched
        self._say = say
        self._runs: dict[str, tuple[Place, tuple[int, int]]] = {}
        self._values: dict[str, list[float | None]] = {}
        self._best: dict[Place, str] = {}

    def take(self, event: Event) -> None:
        """Learn of an event, past or new, that the disk has."""
        match event:
            case RunStarted() if event.phase == "confirm":
                search = event.repeat if event.arm in self._searched else 0
                self._runs[event.run_id] = (Place(event.arm, search), (event.repeat, event.number))
                self._values[event.run_id] = []
            case EpochEnded() if event.run_id in self._runs:
                self._values[event.run_id].append(event.value(self._goal.metric))
            case RunEnded() if event.weights is not None and self._file(event.run_id).exists():
                self._compare(event)
            case _:
                pass

    def _compare(self, ended: RunEnded) -> None:
        """Keep the better of a run and the best so far."""
        place, _ = self._runs[ended.run_id]
        values = self._values[ended.run_id]
        self._values[ended.run_id] = values[(ended.selected_epoch or len(values)) - 1 :][:1]
        best = self._best.get(place)
        if best is None:
            self._best[place] = ended.run_id
            return
        better, worse = sorted([best, ended.run_id], key=self._rank)
        self._best[place] = better
        try:
            self._file(worse).unlink(missing_ok=True)
        except OSError as error:
            self._say(f"note: {self._file(worse)} could not be removed ({reason(error)})")

    def _rank(self, run_id: str) -> tuple[float, tuple[int, int]]:
        value = self._values[run_id][0]
        sign = -1.0 if self._goal.better == "higher" else 1.0
        return (float("inf") if value is None else sign * value, self._runs[run_id][1])

    def _file(self, run_id: str) -> Path:
        return weights_of(self._folder, run_id)
