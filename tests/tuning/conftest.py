"""A study driven without Ray: learning curves with known values stand in for training."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import optuna
import pytest
from optuna.storages import InMemoryStorage

from harness.study.plan import plan_study
from harness.study.reading.parse import parse_study
from harness.training.epoch import EpochRecord
from harness.tuning.conductor import Conductor
from harness.tuning.runs import RunEnd, RunSpec, Worker

if TYPE_CHECKING:
    from harness.records.events import Event

Curve = Callable[[RunSpec, int], float | None]
"""The validation loss of a run after an epoch; None has the run fail in it."""

WORKER = Worker(threads=1, device="cpu", host="h", steps_per_epoch=10)


class Drive:
    """Run a study's runs one at a time on given curves, as a worker and Ray Tune would."""

    def __init__(self, text: str, *overrides: str) -> None:
        self.study = parse_study(text, "s.yaml", overrides)
        self.events: list[Event] = []
        self.storage = InMemoryStorage()
        self.conductor = Conductor(self.study, plan_study(self.study), self.storage, self.events.append)

    def run(self, curve: Curve) -> list[RunSpec]:
        """Run everything there is to run; return the runs in order."""
        runs = []
        while (run := self.conductor.next_run()) is not None:
            runs.append(run)
            self.train(run, curve)
        return runs

    def train(self, run: RunSpec, curve: Curve) -> None:
        """Run one run to its end."""
        self.conductor.started(run.run_id)
        for epoch in range(1, run.configuration["epochs"] + 1):
            loss = curve(run, epoch)
            if loss is None:
                self.conductor.ended(run.run_id, RunEnd(status="failed", reason="it raised"))
                return
            if self.conductor.epoch(run.run_id, record(epoch, loss), WORKER):
                self.conductor.ended(run.run_id, RunEnd(status="stopped", reason="stopped"))
                return
        is_confirm = run.phase == "confirm"
        self.conductor.ended(run.run_id, RunEnd(status="completed", test_loss=1.0 if is_confirm else None))

    def optuna_trials(self, arm: str) -> list[optuna.trial.FrozenTrial]:
        """Return what Optuna knows of an arm."""
        return optuna.load_study(study_name=f"small/{arm}", storage=self.storage).trials


def record(epoch: int, loss: float) -> EpochRecord:
    """Return an epoch with this validation loss."""
    return EpochRecord(
        epoch=epoch, step=10 * epoch, lr=0.1, train_loss=1.0, train_accuracy=0.5, val_loss=loss,
        val_accuracy=0.5, seconds=1.0,
    )  # fmt: skip


@pytest.fixture
def quiet_optuna() -> Iterator[None]:
    """Keep Optuna's messages off the screen."""
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    yield
    optuna.logging.set_verbosity(before)


@pytest.fixture
def drive(quiet_optuna: None, study_text: str) -> Callable[..., Drive]:
    """Return a maker of driven studies: the small study with overrides."""
    return lambda *overrides: Drive(study_text, *overrides)


@pytest.fixture
def temporary(tmp_path: Path) -> Path:
    """Return a folder of the test's own."""
    return tmp_path
