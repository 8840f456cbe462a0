"""The drill: one small study that tests interrupt, kill, cancel and resume, and what it must lead to."""

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from harness.records.events import EpochEnded, PhaseEnded, RunEnded, RunStarted
from harness.records.folder import ResultsFolder
from harness.records.recovery import recover_journal

_STUDY = """\
study: drill
question: Is anything lost?
recipe: {{dataset: "idx:{images}", model: {{name: fcn, hidden: [16]}}, batch_size: 50, epochs: 60}}
arms:
  sgd: {{optimizer: sgd, lr: {{low: 1e-2, high: 1.0, log: true}}}}
  adam: {{optimizer: adam, lr: {{low: 1e-4, high: 1e-2, log: true}}}}
search:
  {{trials: 4, metric: val_accuracy, early_stopping: {{grace_epochs: 4, reduction_factor: 3}}, audit: 1}}
confirm: {{seeds: 2}}
resources: {{concurrency: 1}}
"""

_PATIENCE_SECONDS = 600.0
"""Far more than anything takes on an idle machine."""


def write_study(folder: Path, images: Path) -> Path:
    """Write the study file, which trains on the images of a folder."""
    path = folder / "drill.yaml"
    path.write_text(_STUDY.format(images=images))
    return path


def write_images(folder: Path, n_classes: int = 4) -> None:
    """Write classes of small noisy images, 400 for training and 100 for testing, as IDX files."""
    generator = np.random.default_rng(0)
    for part, count in (("train", 400), ("t10k", 100)):
        labels = np.arange(count, dtype=np.uint8) % n_classes
        images = generator.integers(0, 200, (count, 6, 6), dtype=np.uint8)
        images[np.arange(count), labels] += 55
        (folder / f"{part}-images-idx3-ubyte").write_bytes(_idx(images))
        (folder / f"{part}-labels-idx1-ubyte").write_bytes(_idx(labels))


def _idx(array: np.ndarray[Any, Any]) -> bytes:
    return bytes([0, 0, 8, array.ndim]) + np.array(array.shape, dtype=">u4").tobytes() + array.tobytes()


def sweep_command(study: Path, results: Path, *arguments: str) -> list[str]:
    """Return the command that sweeps a study and leaves its report out."""
    head = [sys.executable, "-m", "harness.sweep", str(study), "--results", str(results)]
    return [*head, "--no-report", *arguments]


def sweep(study: Path, results: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Sweep a study to its end."""
    return subprocess.run(
        sweep_command(study, results, *arguments), capture_output=True, text=True, timeout=900, check=False
    )


def outcome(folder: ResultsFolder) -> dict[str, Any]:
    """Return what a study led to, times and ids of sessions left out; no run may have ended twice."""
    events = recover_journal(folder).events
    starts = {e.run_id: e for e in events if isinstance(e, RunStarted)}
    last = {e.run_id: (e.train_loss, e.val_loss, e.val_accuracy) for e in events if isinstance(e, EpochEnded)}
    ends = [e for e in events if isinstance(e, RunEnded)]
    assert len({e.run_id for e in ends}) == len(ends)
    runs = {
        e.run_id: (
            json.dumps(starts[e.run_id].configuration), starts[e.run_id].seed, e.status, e.epochs,
            last[e.run_id], e.test_loss, e.test_accuracy, e.predicted,
        )
        for e in ends
    }  # fmt: skip
    return runs | {
        f"{e.arm} {e.repeat}": e.winner for e in events if isinstance(e, PhaseEnded) and e.phase == "search"
    }


def wait_until(is_so: Callable[[], bool], is_hopeless: Callable[[], object] = lambda: False) -> None:
    """Return as soon as something is so; fail where it can no longer come.

    Args:
        is_so: What is waited for; looked at often.
        is_hopeless: Returns something true, which explains itself, where waiting has no sense any more.
    """
    until = time.monotonic() + _PATIENCE_SECONDS
    while not is_so():
        obstacle = is_hopeless()
        assert not obstacle or is_so(), obstacle
        assert time.monotonic() < until, "it did not happen in ten minutes"
        time.sleep(0.05)


def ended_runs(folder: ResultsFolder) -> int:
    """Return how many runs have ended, also while the journal is being written."""
    return folder.journal.read_bytes().count(b'"event":"run_ended"') if folder.journal.exists() else 0


def is_gone(pid: int) -> bool:
    """Whether a process has ended, or ends within seconds; one that only waits for its parent to look has."""
    until = time.monotonic() + 20
    while time.monotonic() < until:
        try:
            if psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
                return True
        except psutil.NoSuchProcess:
            return True
        time.sleep(0.05)
    return False
