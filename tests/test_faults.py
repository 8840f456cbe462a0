"""Faults of single runs, in real sweeps."""

import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import psutil
import pytest

from harness.records.events import RunEnded
from harness.records.folder import ResultsFolder
from harness.records.recovery import recover_journal
from tests import drill

STUDY = """\
study: faulty
question: What becomes of runs that fail?
recipe: {batch_size: 512, epochs: 3}
arms:
"""
REST = """\
confirm: {seeds: 2}
resources: {concurrency: 1, stall_minutes: 0.05}
"""


def arm(name: str, hidden: str) -> str:
    """Return an arm whose runs fail for their model's size."""
    model = f"{{name: fcn, hidden: {hidden}}}"
    return f"  {name}: {{model: {model}, optimizer: sgd, lr: {{low: 1e-2, high: 1.0, log: true}}}}\n"


def sweep(
    folder: Path, text: str, **environment: str
) -> tuple["subprocess.CompletedProcess[str]", pd.DataFrame]:
    """Run a study; return the process and the runs."""
    study = folder / "faulty.yaml"
    study.write_text(text)
    command = [sys.executable, "-m", "harness.sweep", str(study), "--results", str(folder)]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=900, check=False, env=os.environ | environment
    )
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    return done, pd.read_parquet(folder / "faulty" / "runs.parquet")


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    """Return the runs of a study of which two arms cannot be allocated, and one takes too long; by arm."""
    sure = arm("sure", f"[{10**12}]").replace("{low: 1e-2, high: 1.0, log: true}", "0.1")
    arms = arm("huge", f"[{10**12}]") + arm("slow", "[30_000]") + sure
    _, runs = sweep(tmp_path_factory.mktemp("faulty"), STUDY + arms + "search: {trials: 1}\n" + REST)
    return runs.set_index("arm")


@pytest.mark.slow
@pytest.mark.ray
@pytest.mark.data
def test_a_run_that_raises_is_a_failed_row(runs: pd.DataFrame) -> None:
    """A layer of a trillion units cannot be allocated: the run fails for that reason; the study goes on."""
    assert runs.loc["huge", "status"] == "failed"
    assert "memory" in runs.loc["huge", "reason"]
    assert list(runs.index) == ["huge", "slow", "sure", "sure"]


@pytest.mark.slow
@pytest.mark.ray
@pytest.mark.data
def test_a_confirm_run_that_raises_is_tried_twice(runs: pd.DataFrame) -> None:
    """With its seed, and then it has failed; a search run has its one try."""
    assert list(runs.loc["sure", "attempts"]) == [2, 2]
    assert set(runs.loc["sure", "status"]) == {"failed"}
    assert runs.loc["huge", "attempts"] == 1


@pytest.mark.slow
@pytest.mark.ray
@pytest.mark.data
def test_a_stalled_run_is_killed_and_not_started_again(runs: pd.DataFrame) -> None:
    """An epoch that takes longer than the limit ends its worker."""
    assert runs.loc["slow", "status"] == "failed"
    assert "no epoch within 0.05 minutes" in runs.loc["slow", "reason"]
    assert runs.loc["slow", "attempts"] == 1


@pytest.mark.full
@pytest.mark.slow
@pytest.mark.ray
@pytest.mark.data
def test_a_run_that_fills_the_memory_is_a_failed_row(tmp_path: Path) -> None:
    """Ray's monitor kills its worker, which ends Tune; the study goes on, and the arm is given up."""
    memory = psutil.virtual_memory()
    threshold = (memory.total - memory.available + 2e9) / memory.total
    text = STUDY + arm("broken", "[20_000, 20_000]") + "search: {trials: 5}\n" + REST
    _, runs = sweep(
        tmp_path, text.replace(", stall_minutes: 0.05", ""), RAY_memory_usage_threshold=f"{threshold:.3f}",
        RAY_memory_monitor_refresh_ms="100",
    )  # fmt: skip
    assert list(runs.status) == ["failed"] * 3
    assert runs.reason.eq("out of memory: the worker was killed").all()


@pytest.mark.slow
@pytest.mark.ray
def test_no_run_trains_on_data_that_were_replaced(tmp_path: Path) -> None:
    """The files change after the first run; each later process finds others than declared, and says so."""
    images = tmp_path / "images"
    images.mkdir()
    drill.write_images(images)
    study = drill.write_study(tmp_path, images)
    fields = ("recipe.epochs=300", "search.trials=1", "search.audit=0", "confirm.seeds=1")
    settings = [f"--set={field}" for field in ("resources.own_process=true", *fields)]
    command = drill.sweep_command(study, tmp_path, *settings)
    folder = ResultsFolder(tmp_path / "drill")
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    drill.wait_until(lambda: has_begun(folder), lambda: process.poll() is not None)
    labels = images / "train-labels-idx1-ubyte"
    labels.write_bytes(labels.read_bytes()[:-1] + b"\x00")
    output, _ = process.communicate(timeout=900)
    assert process.returncode == 1, output
    assert "Traceback" not in output
    ends = [event for event in recover_journal(folder).events if isinstance(event, RunEnded)]
    assert ends[0].status != "failed"
    failed = [end for end in ends if end.status == "failed"]
    assert len(failed) >= 2
    assert all("is not the data that this study declared" in str(end.reason) for end in failed)
    assert all(end.epochs == 0 for end in failed)


def has_begun(folder: ResultsFolder) -> bool:
    """Return whether a run has reported an epoch."""
    return folder.journal.exists() and b'"event":"epoch"' in folder.journal.read_bytes()
