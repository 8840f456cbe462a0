"""A sweep of a small study as a process of its own, and what it led to."""

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from harness.records.folder import ResultsFolder

STUDY = """\
study: drill
question: Is anything lost?
recipe: {{dataset: "idx:{data}", model: {{name: fcn, hidden: [8]}}, batch_size: 50, epochs: 600}}
arms:
  sgd: {{optimizer: sgd, lr: {{low: 1e-2, high: 1.0, log: true}}}}
search: {{sampler: random, trials: 4, metric: val_accuracy, early_stopping: none}}
confirm: {{seeds: 2}}
"""


class Sweep:
    """A sweep of the small study, as a process of its own."""

    def __init__(self, folder: Path, data: Path, environment: dict[str, str], *arguments: str) -> None:
        study = folder / "drill.yaml"
        study.write_text(STUDY.format(data=data))
        self._log = folder / "log"
        self.folder = ResultsFolder(folder / "results" / "drill")
        command = [sys.executable, "-m", "harness.sweep", str(study), "--results", str(folder / "results")]
        with self._log.open("w") as log:
            self.process = subprocess.Popen(
                [*command, *arguments], env=environment, stdout=log, stderr=subprocess.STDOUT
            )

    def end(self) -> int:
        """Wait for the sweep's end; return its exit code."""
        return self.process.wait(timeout=400)

    def output(self) -> str:
        """Return everything it has printed."""
        return self._log.read_text()

    def events(self) -> list[dict[str, Any]]:
        """Return what its journal holds by now, also while it is being written."""
        lines = self.folder.journal.read_bytes().split(b"\n") if self.folder.journal.exists() else [b""]
        return [json.loads(line) for line in lines[:-1]]

    def wait_until(self, is_so: Callable[[], bool]) -> None:
        """Wait for what must happen while the sweep runs."""
        for _ in range(1500):
            if is_so():
                return
            assert self.process.poll() is None, self.output()
            time.sleep(0.2)
        raise TimeoutError(f"it did not happen: {self.output()}")


def in_flight(events: list[dict[str, Any]], epochs: int) -> set[str]:
    """Return the runs that have trained for so many epochs and have not ended."""
    trained = {e["run_id"] for e in events if e["event"] == "epoch" and e["epoch"] >= epochs}
    return trained - {e["run_id"] for e in events if e["event"] == "run_ended"}


def outcome(sweep: Sweep) -> dict[str, Any]:
    """Return what a study led to, times left out: every run's settings and numbers, every arm's winner."""
    events = sweep.events()
    starts = {e["run_id"]: e for e in events if e["event"] == "run_started"}
    last = {e["run_id"]: (e["train_loss"], e["val_loss"]) for e in events if e["event"] == "epoch"}
    ends = [e for e in events if e["event"] == "run_ended"]
    assert len({e["run_id"] for e in ends}) == len(ends)
    runs: dict[str, Any] = {
        e["run_id"]: (
            starts[e["run_id"]]["configuration"], starts[e["run_id"]]["seed"], e["status"], e["epochs"],
            last[e["run_id"]], e["test_loss"], e["test_accuracy"],
        )
        for e in ends
    }  # fmt: skip
    return runs | {
        e["arm"]: e["winner"] for e in events if e["event"] == "phase_ended" and e["phase"] == "search"
    }
