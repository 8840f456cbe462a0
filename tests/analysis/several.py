"""Results of a study of several data sets, by the real declaration, conductor and journal; no training."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from optuna.storages import InMemoryStorage

from analysis.claims.decide import standing
from analysis.facts import Facts
from analysis.load import load_study
from harness.records.class_codes import encode_classes
from harness.records.events import StudyDeclared
from harness.records.folder import ResultsFolder
from harness.records.journal import JournalWriter
from harness.study.plan import plan_study
from harness.study.reading.parse import parse_study
from harness.training.data.prepare import prepare_dataset
from harness.training.epoch import EpochRecord
from harness.tuning.conductor import Conductor
from harness.tuning.declaration import declare, describe
from harness.tuning.given_labels import labels_to_give
from harness.tuning.looks import Look
from harness.tuning.runs import RunEnd, RunSpec, Worker
from tests import drill

if TYPE_CHECKING:
    from harness.records.events import Event

N_IMAGES = 100
"""Test images of each data set."""

Accuracy = Callable[[RunSpec], float]
"""The test accuracy of a confirm run, a multiple of 1 / N_IMAGES."""


def write_folders(parent: Path) -> list[Path]:
    """Write two data sets of four and three classes, `small` and `large`."""
    folders = [parent / "small", parent / "large"]
    for folder, n_classes in zip(folders, (4, 3), strict=True):
        folder.mkdir()
        drill.write_images(folder, n_classes)
    return folders


def write_study(root: Path, text: str, accuracy: Accuracy) -> Path:
    """Write the results of a study whose runs have given accuracies; return their folder."""
    study = parse_study(text, "s.yaml")
    parts, plan = study.by_dataset.values(), plan_study(study)
    prepared = [prepare_dataset(part.dataset) for part in parts]
    declaration = declare(study, plan, *(data.spec for data in prepared))
    folder = ResultsFolder(root / study.name)
    folder.root.mkdir()
    declaration.write(folder)
    describe(study, declaration.sha256, slots=1).write(folder.manifest)
    of_arm = {arm.name: data for part, data in zip(parts, prepared, strict=True) for arm in part.arms}
    with JournalWriter(folder.journal) as journal:
        journal.append(StudyDeclared(time=_TIME, sha256=declaration.sha256))
        labels = labels_to_give(study, prepared, [])

        def write(event: "Event") -> None:
            journal.append(event)
            for due in filter(None, (own.due_after(event) for own in labels)):
                journal.append(due)

        conductor = Conductor(study, plan, InMemoryStorage(), write, lambda n: _look(folder, n))
        while (run := conductor.next_run()) is not None:
            spec = of_arm[run.arm].spec
            worker = Worker(
                threads=1,
                device="cpu",
                host="h",
                steps_per_epoch=-(-_TRAIN_SAMPLES // run.configuration["batch_size"]),
            )
            conductor.started(run.run_id)
            for epoch in range(1, run.configuration["epochs"] + 1):
                conductor.epoch(run.run_id, _record(run, epoch), worker)
            conductor.ended(run.run_id, _end(run, accuracy, spec.n_classes))
        assert conductor.fault is None, conductor.fault
    return folder.root


_TIME = "2026-01-01T00:00:00.000000+00:00"
_TRAIN_SAMPLES = 360
"""Of 400 images, 40 validate."""


def _record(run: RunSpec, epoch: int) -> EpochRecord:
    loss = (1.0 + 0.01 * run.number) / epoch
    return EpochRecord(
        epoch=epoch, step=10 * epoch, lr=0.1, train_loss=loss, train_accuracy=0.5, val_loss=loss,
        val_accuracy=0.5, seconds=1.0,
    )  # fmt: skip


def _end(run: RunSpec, accuracy: Accuracy, n_classes: int) -> RunEnd:
    """Return the end of a run; of a confirm run with classes of which the last ones are wrong."""
    if run.phase != "confirm":
        return RunEnd(status="completed")
    classes = np.arange(N_IMAGES, dtype=np.uint8) % n_classes
    right = round(accuracy(run) * N_IMAGES)
    classes[right:] = (classes[right:] + 1) % n_classes
    return RunEnd(
        status="completed",
        test_loss=1.0 - accuracy(run) + 0.001 * (run.seed % 7),
        test_accuracy=right / N_IMAGES,
        predicted=encode_classes(classes, n_classes),
    )


def _look(folder: ResultsFolder, n: int) -> Look:
    """Take a look as a sweep does."""
    records = load_study(folder.root)
    now = standing(Facts(records).grounds, n)
    arms = tuple(arm for arm in records.arms if arm in now.needed_arms)
    return Look(open=tuple(now.open), arms=arms, why=now.why)
