"""A sweep of a small study as a process of its own, in a cluster or on this machine alone."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

from harness.records.folder import ResultsFolder
from tests import drill

STUDY = """\
study: drill
question: Is anything lost?
recipe: {{dataset: "idx:{images}", model: {{name: fcn, hidden: [8]}}, batch_size: 50, epochs: 600}}
arms:
  sgd: {{optimizer: sgd, lr: {{low: 1e-2, high: 1.0, log: true}}}}
search: {{sampler: random, trials: 4, metric: val_accuracy, early_stopping: none}}
confirm: {{seeds: 2}}
"""


class Sweep:
    """A sweep of the small study, as a process of its own."""

    def __init__(self, folder: Path, images: Path, environment: dict[str, str], *arguments: str) -> None:
        study = folder / "drill.yaml"
        study.write_text(STUDY.format(images=images))
        self._log = folder / "log"
        self.folder = ResultsFolder(folder / "results" / "drill")
        command = drill.sweep_command(study, folder / "results", *arguments)
        with self._log.open("w") as log:
            self.process = subprocess.Popen(command, env=environment, stdout=log, stderr=subprocess.STDOUT)

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
        drill.wait_until(is_so, lambda: self.process.poll() is not None and f"it ended: {self.output()}")


def in_flight(events: list[dict[str, Any]], epochs: int) -> set[str]:
    """Return the runs that have trained for so many epochs and have not ended."""
    trained = {e["run_id"] for e in events if e["event"] == "epoch" and e["epoch"] >= epochs}
    return trained - {e["run_id"] for e in events if e["event"] == "run_ended"}
