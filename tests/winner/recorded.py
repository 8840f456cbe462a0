"""A small study trained in this process and recorded as a sweep does, without Ray."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from optuna.storages import InMemoryStorage

from harness.code.named import named_code
from harness.code.resolve import admit
from harness.code.trust import ANY, check_trusted
from harness.recipe.configuration import Configuration
from harness.records.events import Event, StudyDeclared
from harness.records.folder import ResultsFolder
from harness.records.journal import JournalWriter
from harness.records.provenance import utc_now
from harness.study.plan import plan_study
from harness.study.reading.parse import parse_study
from harness.study.study import Study
from harness.training.data.arrays import load_test_samples, load_training_samples
from harness.training.data.prepare import prepare_dataset
from harness.training.evaluation import evaluate
from harness.training.loop import train
from harness.training.metrics import measures_of
from harness.tuning.conductor import Conductor
from harness.tuning.declaration import declare, describe
from harness.tuning.runs import RunEnd, RunSpec, Worker

_WORKER = Worker(threads=1, device="cpu", host="h", steps_per_epoch=None)


def record(text: str, code: Path, root: Path) -> Path:
    """Run a study and record it; return its results folder. Its code, if it names any, stays admitted.

    Args:
        text: Of the study file.
        code: The folder with its code.
        root: The results folder.
    """
    study, folder = replace(parse_study(text, "s.yaml"), folder=code), ResultsFolder(root)
    sources = check_trusted(study, ANY) if named_code(study).references else {}
    admit(named_code(study), sources)
    specs = [prepare_dataset(part.dataset).spec for part in study.by_dataset.values()]
    plan = plan_study(study)
    declaration = declare(study, plan, *specs, sources=sources)
    folder.root.mkdir(parents=True)
    declaration.write(folder)
    describe(study, declaration.sha256, 1).write(folder.manifest)
    events: list[Event] = [StudyDeclared(time=utc_now("microseconds"), sha256=declaration.sha256)]
    conductor = Conductor(study, plan, InMemoryStorage(), events.append)
    while (run := conductor.next_run()) is not None:
        conductor.started(run.run_id)
        conductor.ended(run.run_id, _trained(study, run, conductor))
    with JournalWriter(folder.journal) as journal:
        for event in events:
            journal.append(event)
    return folder.root


def _trained(study: Study, run: RunSpec, conductor: Conductor) -> RunEnd:
    configuration = Configuration.model_validate(run.configuration)
    prepared = prepare_dataset(configuration.dataset)
    measures = measures_of({name: metric.reference for name, metric in study.metrics.items()})
    is_confirm = run.phase == "confirm"
    chosen: dict[str, Any] = {"best_by": study.goal} if study.search.winner == "best" and is_confirm else {}

    def report(epoch: Any) -> None:
        conductor.epoch(run.run_id, epoch, _WORKER)

    data = load_training_samples(prepared)
    result = train(configuration, run.seed, data, report, measures=measures, **chosen)
    if not is_confirm:
        return RunEnd(status="completed")
    tested = evaluate(result.predictor, load_test_samples(prepared, phase="confirm"), measures=measures)
    metrics = {f"test_{name}": value for name, value in tested.metrics.items()}
    return RunEnd(status="completed", test_loss=tested.loss, test_accuracy=tested.accuracy, metrics=metrics)
