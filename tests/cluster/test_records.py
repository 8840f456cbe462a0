"""What a submission leaves behind: its record, its log, how far its study is."""

import os
from pathlib import Path

import pytest

from harness.cluster.progress import runs_by_status
from harness.cluster.record import SubmitRecord
from harness.cluster.status_log import StatusLog
from harness.errors import ResultsError
from harness.records.folder import ResultsFolder


def test_a_record_is_read_as_it_was_written(tmp_path: Path) -> None:
    """Whatever the job is called."""
    record = SubmitRecord.now("ray", "job-1", "a 'b' $(c) \N{SNOWMAN}", address="http://127.0.0.1:8265")
    record.write(tmp_path / "submit.json")
    assert SubmitRecord.read(tmp_path / "submit.json") == record


def test_a_folder_without_submission_is_told_apart_from_a_damaged_record(tmp_path: Path) -> None:
    """Each message names the file and a remedy."""
    path = tmp_path / "submit.json"
    with pytest.raises(ResultsError, match=r"submit\.json: nothing was submitted from this folder\. Remedy"):
        SubmitRecord.read(path)
    path.write_text("{")
    with pytest.raises(ResultsError, match=r"submit\.json: is damaged .*Remedy"):
        SubmitRecord.read(path)


def test_events_come_back_in_order_and_over_restarts(tmp_path: Path) -> None:
    """Each with job, restart and what else was told."""
    path = tmp_path / "status.jsonl"
    StatusLog(path, job="7", restart=0).append("started")
    StatusLog(path, job="7", restart=1).append("ended", exit_code=0)
    events = StatusLog(path).events()
    assert [(e.event, e.job, e.restart, e.detail) for e in events] == [
        ("started", "7", 0, {}),
        ("ended", "7", 1, {"exit_code": 0}),
    ]


def test_a_line_cut_by_a_crash_hides_no_other(tmp_path: Path) -> None:
    """A node can lose power in the middle of a line."""
    path = tmp_path / "status.jsonl"
    StatusLog(path, job="7").append("started")
    StatusLog(path, job="7").append("ended", exit_code=0)
    os.truncate(path, path.stat().st_size - 10)
    assert [event.event for event in StatusLog(path).events()] == ["started"]


def test_the_runs_of_a_journal_under_way_are_counted(repository: Path, tmp_path: Path) -> None:
    """Up to a half-written last line; a folder without a journal has none."""
    assert not runs_by_status(ResultsFolder(tmp_path))
    reference = ResultsFolder(repository / "results" / "reference" / "dropout_published")
    whole = runs_by_status(reference)
    assert sum(whole.values()) > 0
    assert set(whole) <= {"completed", "stopped", "diverged", "failed"}
