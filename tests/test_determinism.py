"""The same study twice: the same numbers."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from harness.records.folder import ResultsFolder

STUDY = """\
study: twice
question: Is it the same again?
recipe: {model: {name: fcn, hidden: [32]}, batch_size: 1024, epochs: 4}
arms:
  sgd: {optimizer: sgd, lr: {low: 1e-2, high: 1.0, log: true}}
  adam: {optimizer: adam, lr: {low: 1e-4, high: 1e-2, log: true}}
search: {trials: 4, early_stopping: {grace_epochs: 1, reduction_factor: 2}, audit: 1}
confirm: {seeds: 2}
"""

OF_THE_SESSION = {"time", "seconds", "train_seconds", "crc"}
"""What may differ between two sessions: clocks, and the checksums over them."""


def sweep(folder: Path, *overrides: str) -> list[dict[str, Any]]:
    """Run the study; return its events without clocks."""
    folder.mkdir()
    (folder / "twice.yaml").write_text(STUDY)
    command = [sys.executable, "-m", "harness.sweep", str(folder / "twice.yaml"), "--results", str(folder)]
    sets = [argument for override in overrides for argument in ("--set", override)]
    subprocess.run([*command, *sets], check=True, capture_output=True, timeout=900)
    lines = ResultsFolder(folder / "twice").journal.read_text().splitlines()
    events = [json.loads(line) for line in lines]
    return [{key: value for key, value in e.items() if key not in OF_THE_SESSION} for e in events]


@pytest.mark.slow
@pytest.mark.ray
@pytest.mark.data
def test_one_run_at_a_time_gives_the_same_journal(tmp_path: Path) -> None:
    """Proposals, early stopping, the audit and every loss are equal, bit for bit and in the same order."""
    alone = "resources.concurrency=1"
    assert sweep(tmp_path / "first", alone) == sweep(tmp_path / "second", alone)


@pytest.mark.slow
@pytest.mark.ray
@pytest.mark.data
def test_several_runs_at_a_time_give_the_same_confirm_results(tmp_path: Path) -> None:
    """Where proposals do not depend on who is first, neither does anything else."""
    independent = ("search={sampler: qmc, trials: 3, early_stopping: none}",)
    runs = [
        {e["run_id"]: e for e in sweep(tmp_path / str(n), *independent, f"resources.concurrency={n}")
         if e["event"] == "run_ended"}
        for n in (1, 2)
    ]  # fmt: skip
    assert runs[0] == runs[1]
    assert sum(end["test_accuracy"] is not None for end in runs[0].values()) == 4
