"""What a submission leaves behind: its record, its log, how far its study is."""

import json
import os
from pathlib import Path

import pytest

from harness.cluster.status_log import Cause, StatusDetail, StatusLog
from harness.cluster.submission import runs_by_status
from harness.cluster.submit_folder import SubmitRecord
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
    StatusLog(path, job="7", restart=1).append("ended", StatusDetail(exit_code=0))
    events = StatusLog(path).events()
    assert [(e.event, e.job, e.restart, e.detail) for e in events] == [
        ("started", "7", 0, StatusDetail()),
        ("ended", "7", 1, StatusDetail(exit_code=0)),
    ]


def test_an_event_tells_what_it_has_and_nothing_else(tmp_path: Path) -> None:
    """On disk, and to a program that asks for it: no field stands there without a value."""
    path = tmp_path / "status.jsonl"
    told = StatusDetail(signal="SIGUSR1", cause=Cause.TIME_LIMIT, seconds_left=90)
    StatusLog(path, job="7").append("warned", told)
    detail = {"signal": "SIGUSR1", "cause": "time limit", "seconds_left": 90}
    assert path.read_text().endswith(f'"detail":{json.dumps(detail, separators=(",", ":"))}}}\n')
    (event,) = StatusLog(path).of_job("7")
    assert (event.detail, event.model_dump()["detail"]) == (told, detail)
    assert StatusLog(path).of_job("8") == []


def test_a_line_cut_by_a_crash_hides_no_other(tmp_path: Path) -> None:
    """A node can lose power in the middle of a line."""
    path = tmp_path / "status.jsonl"
    StatusLog(path, job="7").append("started")
    StatusLog(path, job="7").append("ended", StatusDetail(exit_code=0))
    os.truncate(path, path.stat().st_size - 10)
    assert [event.event for event in StatusLog(path).events()] == ["started"]


def test_the_runs_of_a_journal_under_way_are_counted(repository: Path, tmp_path: Path) -> None:
    """Up to a half-written last line; a folder without a journal has none."""
    assert not runs_by_status(ResultsFolder(tmp_path))
    reference = ResultsFolder(repository / "results" / "reference" / "dropout_published")
    whole = runs_by_status(reference)
    assert sum(whole.values()) > 0
    assert set(whole) <= {"completed", "stopped", "diverged", "failed"}


def test_an_event_after_a_line_cut_by_a_full_disk_is_read(tmp_path: Path) -> None:
    """It begins a line of its own; bytes that are no text hide no other line."""
    path = tmp_path / "status.jsonl"
    path.write_bytes(b'{"at": "x", "ev\xff')
    StatusLog(path, job="7").append("started")
    assert [event.event for event in StatusLog(path).events()] == ["started"]


def test_a_log_that_is_no_file_is_told(tmp_path: Path) -> None:
    """With place and remedy."""
    with pytest.raises(ResultsError, match=r"cannot be read \(Is a directory\)\. Remedy"):
        StatusLog(tmp_path).events()
