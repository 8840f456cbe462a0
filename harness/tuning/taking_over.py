"""Which runs of a parent are runs of the new study too, and the events that tell so in its journal.

`harness.tuning.sameness` says which runs are the same.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from harness.declaration import Declaration
from harness.errors import ResultsError, StudyError, unusable
from harness.records.events import (
    EpochEnded,
    Event,
    Origin,
    Phase,
    PhaseEnded,
    RunEnded,
    RunStarted,
    TestLabels,
)
from harness.records.folder import ResultsFolder, weights_of
from harness.records.whole_file import write_file
from harness.study.plan import Plan
from harness.study.study import Study
from harness.tuning.continuation import declared_differences
from harness.tuning.parent import Parent
from harness.tuning.runs import Place, run_id_of
from harness.tuning.sameness import Sameness, sameness_of


@dataclass(frozen=True, kw_only=True)
class Takeover:
    """What a study takes over from its parent."""

    parent: Parent
    declared: Declaration
    """What the study declares."""
    searches: Mapping[str, Sameness]
    """Arm to what is the same of its searches, of the arms that are the same."""
    runs: Mapping[str, str]
    """Run id in the parent to that in the study, of every run that is taken over."""
    weights: Mapping[str, Path]
    """File with the weights of each of them that has one, by its id in the parent; none where the study keeps
    no weights."""

    def counted(self) -> Counter[tuple[str, Phase]]:
        """Return how many runs of each arm and phase are taken over."""
        begun = {event.run_id: event for event in self.parent.events if isinstance(event, RunStarted)}
        return Counter((begun[run_id].arm, begun[run_id].phase) for run_id in self.runs)

    def in_words(self) -> Iterator[str]:
        """Yield what is taken over, a line an arm; all else is trained."""
        declared = self.parent.declared
        yield (
            f"parent: {self.parent.folder.root} (study {declared.study}, declaration "
            f"{declared.sha256[:12]}): {len(self.runs)} of its runs are taken over, all else is trained"
        )
        counts = self.counted()
        for arm in dict.fromkeys(arm for arm, _ in counts):
            told = [f"{counts[arm, phase]} {phase} runs" for phase in get_args(Phase) if counts[arm, phase]]
            yield f"  of {arm}: {', '.join(told)}"

    def events(self) -> list[Event]:
        """Return what the study's journal says of them: the ancestors' declarations, then the runs."""
        return [*self.parent.lineage, *self._of_runs()]

    def copy_weights(self, folder: ResultsFolder) -> None:
        """Copy the weights that the study keeps too.

        Raises:
            ResultsError: One cannot be read, or the folder not be written.
        """
        for run_id, file in self.weights.items():
            try:
                folder.weights.mkdir(exist_ok=True)
                content = file.read_bytes()
            except OSError as error:
                raise ResultsError(unusable(file, "read", error)) from error
            write_file(weights_of(folder.weights, self.runs[run_id]), content)

    def _of_runs(self) -> Iterator[Event]:
        """Yield the events of the runs in the parent's order, with the origin at each start."""
        events = self.parent.events
        last_start = {e.run_id: place for place, e in enumerate(events) if isinstance(e, RunStarted)}
        origins = _origins(self.parent)
        tested = {
            event.configuration.get("dataset")
            for event in events
            if isinstance(event, RunStarted) and event.run_id in self.runs and event.phase == "confirm"
        }
        for place, event in enumerate(events):
            match event:
                case RunStarted() if event.run_id in self.runs and last_start[event.run_id] == place:
                    own = {"run_id": self.runs[event.run_id], "origin": origins[event.run_id]}
                    yield event.model_copy(update=own)
                case EpochEnded() if event.run_id in self.runs and place > last_start[event.run_id]:
                    yield event.model_copy(update={"run_id": self.runs[event.run_id]})
                case RunEnded() if event.run_id in self.runs:
                    weights = event.weights if event.run_id in self.weights else None
                    yield event.model_copy(update={"run_id": self.runs[event.run_id], "weights": weights})
                case PhaseEnded() if event.phase == "search" and self._has_whole_search(event):
                    winner = None if event.winner is None else self.runs[event.winner]
                    yield event.model_copy(update={"winner": winner})
                case TestLabels() if event.dataset in tested:
                    yield event
                case _:
                    pass

    def _has_whole_search(self, event: PhaseEnded) -> bool:
        is_whole = self.searches.get(event.arm) == "whole"
        return is_whole and (event.winner is None or event.winner in self.runs)


def take_over(parent: Parent, study: Study, plan: Plan, declared: Declaration) -> Takeover:
    """Return what a study takes over from its parent.

    Args:
        parent: A parent that was not refused.
        study: The new study.
        plan: Its runs and seeds.
        declared: What it declares.

    Raises:
        StudyError: Nothing is the same; what differs is told.
    """
    there = parent.declaration
    searches = {}
    for name, arm in declared.arms.items():
        sameness = sameness_of(declared, there, name, arm) if name in there.arms else None
        if sameness is not None:
            searches[name] = sameness
    targets = {}
    for run in (event for event in parent.events if isinstance(event, RunStarted)):
        target = _target(run, searches.get(run.arm), plan, declared)
        if target is not None:
            targets[run.run_id] = target
    if not targets:
        raise _nothing_the_same(parent, study, declared)
    weights = {
        event.run_id: file
        for event in parent.events
        if isinstance(event, RunEnded) and event.weights is not None and event.run_id in targets
        if (file := weights_of(parent.folder.weights, event.run_id)).exists()
    }
    keeps = study.confirm.keep != "none"
    return Takeover(
        parent=parent, declared=declared, searches=searches, runs=targets, weights=weights if keeps else {}
    )


def _nothing_the_same(parent: Parent, study: Study, declared: Declaration) -> StudyError:
    """Return what is told of a parent none of whose runs is the study's."""
    differences = declared_differences(parent.text.encode(), declared.as_bytes())
    told = [change.in_words() for change in differences if not change.field.startswith("parent")]
    head = (
        f"{study.path}: parent: {study.parent}: none of its runs is a run of this study, so there is nothing "
        f"to take over. What differs (before: the parent's, now: this study's):"
    )
    remedy = "Remedy: leave parent out, and every run is trained; or undo what should not differ."
    return StudyError("\n  ".join([head, *told[:12], remedy]), place=study.path)


def _target(run: RunStarted, sameness: Sameness | None, plan: Plan, declared: Declaration) -> str | None:
    """Return the id that a run of the parent has in the study; None where it is none of its runs."""
    if sameness is None or run.repeat >= plan.max_repeats:
        return None
    if sameness == "beginning" and run.phase != "search":
        return None
    seeds = plan.search_seeds(run.arm, run.repeat)
    planned = declared.arms[run.arm].search_runs // plan.max_repeats
    if run.phase == "confirm":
        own = plan.confirm_seeds(run.arm, run.repeat)
        seeds, planned = own[run.number : run.number + 1], len(own)
    if run.number >= planned or run.seed not in seeds:
        return None
    return run_id_of(Place(run.arm, run.repeat), run.phase, run.number, plan)


def _origins(parent: Parent) -> dict[str, Origin]:
    """Return where each of a parent's runs was trained, as its child tells it."""
    starts = sorted(session.at for session in parent.manifest.resumed)
    beside = _concurrency(parent.events)
    origins = {}
    for event in parent.events:
        if not isinstance(event, RunStarted):
            continue
        if event.origin is not None:
            through = (*event.origin.declarations, parent.sha256)
            origins[event.run_id] = event.origin.model_copy(update={"declarations": through})
        else:
            origins[event.run_id] = Origin(
                declarations=(parent.sha256,),
                session=sum(at <= event.time for at in starts),
                concurrency=beside[event.run_id],
            )
    return origins


def _concurrency(events: Sequence[Event]) -> dict[str, int]:
    """Return the most runs that were under way at the same time as each run, itself with them.

    As in `harness.records.frames`, a run that was cut off counts until it starts again.
    """
    most: dict[str, int] = {}
    running: set[str] = set()
    for event in events:
        match event:
            case RunStarted():
                running.add(event.run_id)
                most[event.run_id] = 1
                most |= {run_id: max(most[run_id], len(running)) for run_id in running}
            case RunEnded():
                running.discard(event.run_id)
            case _:
                pass
    return most
