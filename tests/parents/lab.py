"""Studies and their children on disk, without Ray: what a run reaches follows from its arm and its seed."""

import json
import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from optuna.storages import InMemoryStorage

from analysis.claims.decide import standing
from analysis.facts import Facts
from analysis.load import load_study
from harness.records.events import Event, RunStarted, StudyDeclared
from harness.records.folder import ResultsFolder
from harness.records.journal import write_journal
from harness.records.provenance import utc_now
from harness.records.whole_file import write_file
from harness.study.plan import plan_study
from harness.study.reading.parse import parse_study
from harness.training.data.prepare import prepare_dataset
from harness.training.epoch import EpochRecord
from harness.tuning.conductor import Conductor
from harness.tuning.declaration import declare, describe
from harness.tuning.looks import Look
from harness.tuning.parent import Parent
from harness.tuning.runs import RunEnd, RunSpec, Worker
from harness.tuning.taking_over import Takeover, take_over

WORKER = Worker(threads=1, device="cpu", host="h", steps_per_epoch=8)

Arms = Mapping[str, Mapping[str, Any]]


def better(arm: str, than: str, **more: Any) -> dict[str, Any]:
    """Return a claim."""
    return {
        "says": f"{arm} beats {than}.",
        "better": {"arm": arm, "than": than, "metric": "test_accuracy"},
        **more,
    }


class Lab:
    """Runs studies one after the other, each into a folder of its own name."""

    def __init__(self, root: Path, images: Path) -> None:
        self.root, self.images = root, images
        self.takeover: Takeover | None = None
        """Of the last study."""
        self.trained: list[RunSpec] = []
        """The runs of the last study that were trained and not taken over."""

    def run(
        self,
        name: str,
        arms: Arms,
        *,
        parent: str | None = None,
        means: Mapping[str, float] | None = None,
        n_runs: int | None = None,
        images: Path | None = None,
        **sections: Any,
    ) -> ResultsFolder:
        """Run a study; return its folder.

        Args:
            name: Its name.
            arms: As a study file has them.
            parent: The name of its parent.
            means: Arm to its mean test accuracy; 0.5 by default.
            n_runs: Runs that are trained before it is interrupted; all by default.
            images: Folder of its data; the laboratory's own by default.
            sections: Further sections of the study file.
        """
        sections = {"data": images or self.images, **sections}
        study = parse_study(json.dumps(self._document(name, arms, parent, sections)), f"{name}.yaml")
        plan = plan_study(study)
        specs = [prepare_dataset(part.dataset).spec for part in study.by_dataset.values()]
        found = Parent.of(study)
        declaration = declare(study, plan, *specs, parent=found.declared if found else None)
        taken = self.takeover = take_over(found, study, plan, declaration) if found else None
        folder = ResultsFolder(self.root / name)
        folder.root.mkdir()
        write_file(folder.study_file, study.text)
        declaration.write(folder)
        describe(study, declaration.sha256, slots=1).write(folder.manifest)
        first = StudyDeclared(time=utc_now("microseconds"), sha256=declaration.sha256)
        events: list[Event] = [first, *(taken.events() if taken else [])]
        if taken:
            taken.copy_weights(folder)

        def look(n: int) -> Look:
            write_journal(folder.journal, events)
            records = load_study(folder.root)
            now = standing(Facts(records).grounds, n)
            needed = tuple(arm for arm in records.arms if arm in now.needed_arms)
            return Look(open=tuple(now.open), arms=needed, why=now.why)

        conductor = Conductor(study, plan, InMemoryStorage(), events.append, look)
        conductor.replay(list(events))
        self.trained = list(_trained(conductor, means or {}, n_runs))
        assert conductor.fault is None
        write_journal(folder.journal, events)
        return folder

    def images_of(self, name: str) -> Path:
        """Return a folder for other data."""
        folder = self.root.parent / name
        folder.mkdir(exist_ok=True)
        return folder

    def _document(
        self, name: str, arms: Arms, parent: str | None, sections: dict[str, Any]
    ) -> dict[str, Any]:
        document: dict[str, Any] = {
            "study": name,
            "question": "Which is best?",
            "recipe": {
                "dataset": f"idx:{sections.pop('data')}", "model": {"name": "fcn", "hidden": [4]},
                "batch_size": 50, "epochs": 2,
            },
            "arms": arms,
            "confirm": {"seeds": 6},
            "resources": {"concurrency": 1},
        }  # fmt: skip
        if parent is not None:
            document["parent"] = str(self.root / parent)
        if "datasets" in sections:
            del document["recipe"]["dataset"]
        return document | sections


def _trained(conductor: Conductor, means: Mapping[str, float], n_runs: int | None) -> Iterator[RunSpec]:
    """Run what there is to run, and yield it."""
    n = 0
    while (n_runs is None or n < n_runs) and (run := conductor.next_run()) is not None:
        conductor.started(run.run_id)
        for epoch in (1, 2):
            conductor.epoch(run.run_id, _record(epoch, _luck(run.arm, run.number, run.repeat)), WORKER)
        accuracy = means.get(run.arm, 0.5) + 0.01 * _luck(run.arm, run.seed)
        is_confirm = run.phase == "confirm"
        end = RunEnd(status="completed", test_loss=1.0, test_accuracy=accuracy)
        conductor.ended(run.run_id, end if is_confirm else RunEnd(status="completed"))
        n += 1
        yield run


def _luck(*of: str | int) -> float:
    """Return a number in [0, 1) that is the same for the same words."""
    return random.Random("/".join(map(str, of))).random()  # noqa: S311 - no secret


def _record(epoch: int, loss: float) -> EpochRecord:
    return EpochRecord(
        epoch=epoch, step=8 * epoch, lr=0.1, train_loss=loss, train_accuracy=0.5, val_loss=loss,
        val_accuracy=0.5, seconds=1.0 + loss,
    )  # fmt: skip


def starts(events: Iterable[Event]) -> Sequence[RunStarted]:
    """Return the starts of runs."""
    return [event for event in events if isinstance(event, RunStarted)]
