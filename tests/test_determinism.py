"""The same study twice: the same numbers."""

import json
from pathlib import Path
from typing import Any

import pytest

from harness.records.folder import ResultsFolder
from tests import drill

OF_THE_SESSION = {"time", "seconds", "train_seconds", "crc"}
"""What may differ between two sessions: clocks, and the checksums over them."""


def events(folder: ResultsFolder) -> list[dict[str, Any]]:
    """Return what a journal holds, without clocks."""
    lines = [json.loads(line) for line in folder.journal.read_text().splitlines()]
    return [{key: value for key, value in e.items() if key not in OF_THE_SESSION} for e in lines]


@pytest.mark.full  # shorter siblings: test_resume.py compares every run of the same study, bit for bit
@pytest.mark.slow
@pytest.mark.ray
def test_one_run_at_a_time_gives_the_same_journal(
    drill_study: Path, undisturbed: ResultsFolder, tmp_path: Path
) -> None:
    """Proposals, early stopping, the audit and every loss are equal, bit for bit and in the same order."""
    done = drill.sweep(drill_study, tmp_path)
    assert done.returncode == 0, done.stderr
    assert events(ResultsFolder(tmp_path / "drill")) == events(undisturbed)


@pytest.mark.full
@pytest.mark.slow
@pytest.mark.ray
def test_several_runs_at_a_time_give_the_same_confirm_results(drill_study: Path, tmp_path: Path) -> None:
    """Where proposals do not depend on who is first, neither does anything else."""
    independent = ("--set", "search={sampler: qmc, trials: 3, early_stopping: none}")
    ends = []
    for n in (1, 2):
        done = drill.sweep(
            drill_study, tmp_path / str(n), *independent, "--set", f"resources.concurrency={n}"
        )
        assert done.returncode == 0, done.stderr
        journal = events(ResultsFolder(tmp_path / str(n) / "drill"))
        ends.append({e["run_id"]: e for e in journal if e["event"] == "run_ended"})
    assert ends[0] == ends[1]
    assert sum(end["test_accuracy"] is not None for end in ends[0].values()) == 4
