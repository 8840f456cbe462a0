"""Faults of single runs, in real sweeps."""

import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import psutil
import pytest

STUDY = """\
study: faulty
question: What becomes of runs that fail?
recipe: {{model: {{name: fcn, hidden: {hidden}}}, batch_size: 512, epochs: 3}}
arms:
  broken: {{optimizer: sgd, lr: {{low: 1e-2, high: 1.0, log: true}}}}
search: {{trials: 5}}
confirm: {{seeds: 2}}
resources: {{concurrency: 1{more}}}
"""


def sweep(
    tmp_path: Path, hidden: str, more: str = "", **environment: str
) -> tuple[subprocess.CompletedProcess[str], pd.DataFrame]:
    """Run the study; return the process and the runs."""
    study = tmp_path / "faulty.yaml"
    study.write_text(STUDY.format(hidden=hidden, more=more))
    command = [sys.executable, "-m", "harness.sweep", str(study), "--results", str(tmp_path)]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=900, check=False, env=os.environ | environment
    )
    return done, pd.read_parquet(tmp_path / "faulty" / "runs.parquet")


@pytest.mark.slow
@pytest.mark.ray
@pytest.mark.data
def test_a_run_that_raises_is_a_failed_row(tmp_path: Path) -> None:
    """A layer of a trillion units cannot be allocated: each run fails with that reason, exit code 1."""
    done, runs = sweep(tmp_path, hidden=f"[{10**12}]")
    assert done.returncode == 1
    assert set(runs.status) == {"failed"}
    assert len(runs) == 3
    assert runs.reason.str.contains("memory").all()
    assert "Traceback" not in done.stdout + done.stderr


@pytest.mark.slow
@pytest.mark.ray
@pytest.mark.data
def test_a_stalled_run_is_killed_and_the_arm_given_up(tmp_path: Path) -> None:
    """An epoch that takes longer than the limit ends its worker; three such runs end the arm."""
    done, runs = sweep(tmp_path, hidden="[30_000]", more=", stall_minutes: 0.02")
    assert done.returncode == 1
    assert list(runs.status) == ["failed"] * 3
    assert runs.reason.str.contains(r"no epoch within 0\.02 minutes").all()
    assert runs.attempts.eq(1).all()


@pytest.mark.slow
@pytest.mark.ray
@pytest.mark.data
def test_a_run_that_fills_the_memory_is_a_failed_row(tmp_path: Path) -> None:
    """Ray's monitor kills its worker, which ends Tune; the study goes on, and the arm is given up."""
    memory = psutil.virtual_memory()
    threshold = (memory.total - memory.available + 2e9) / memory.total
    done, runs = sweep(
        tmp_path, hidden="[20_000, 20_000]", RAY_memory_usage_threshold=f"{threshold:.3f}",
        RAY_memory_monitor_refresh_ms="100",
    )  # fmt: skip
    assert done.returncode == 1
    assert list(runs.status) == ["failed"] * 3
    assert runs.reason.eq("out of memory: the worker was killed").all()
    assert "Traceback" not in done.stdout + done.stderr
