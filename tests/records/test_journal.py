import gzip
from pathlib import Path

import pytest
from pydantic import ValidationError

from harness.errors import ResultsError
from harness.records.events import EpochEnded, PhaseEnded, RunEnded, RunStarted
from harness.records.folder import ResultsFolder
from harness.records.journal import JournalWriter, read_journal

STARTED = RunStarted(
    time="2026-01-01T00:00:00", run_id="a-search-0000", arm="a", phase="search", number=0, seed=1,
    configuration={"lr": 0.1, "momentum": None, "model": {"name": "fcn"}},
)  # fmt: skip
EPOCH = EpochEnded(
    time="2026-01-01T00:00:01", run_id="a-search-0000", epoch=1, step=10, lr=0.1, train_loss=None,
    train_accuracy=0.5, val_loss=0.1 + 0.2, val_accuracy=0.25, seconds=1.5,
)  # fmt: skip
ENDED = RunEnded(
    time="2026-01-01T00:00:02", run_id="a-search-0000", phase="search", status="completed", reason=None,
    epochs=1, steps_per_epoch=10, test_loss=None, test_accuracy=None, train_seconds=1.5, threads=1,
    device="cpu", host="h",
)  # fmt: skip
WON = PhaseEnded(time="2026-01-01T00:00:03", phase="search", arm="a", winner="a-search-0000")


@pytest.fixture
def folder(tmp_path: Path) -> ResultsFolder:
    """Return a results folder with a journal of four events."""
    folder = ResultsFolder(tmp_path)
    with JournalWriter(folder.journal) as journal:
        for event in (STARTED, EPOCH, ENDED, WON):
            journal.append(event)
    return folder


def test_what_is_written_is_read_back_exactly(folder: ResultsFolder) -> None:
    """Floats, nulls and structures survive; 0.1 + 0.2 stays 0.30000000000000004."""
    assert list(read_journal(folder)) == [STARTED, EPOCH, ENDED, WON]


def test_a_compressed_journal_reads_the_same(folder: ResultsFolder) -> None:
    """Committed reference results hold the gzipped copy only."""
    folder.compressed_journal.write_bytes(gzip.compress(folder.journal.read_bytes()))
    folder.journal.unlink()
    assert list(read_journal(folder)) == [STARTED, EPOCH, ENDED, WON]


def test_appending_keeps_what_is_there(folder: ResultsFolder) -> None:
    """Opening a journal again never truncates it."""
    with JournalWriter(folder.journal) as journal:
        journal.append(WON)
    assert len(list(read_journal(folder))) == 5


def test_a_damaged_line_is_named_with_its_remedy(folder: ResultsFolder) -> None:
    """The message gives file:line, and nothing before the line is doubted."""
    with folder.journal.open("a") as file:
        file.write('{"event": "epoch", "run')
    with pytest.raises(ResultsError, match=r"journal\.jsonl:5: not a valid event"):
        list(read_journal(folder))


def test_a_folder_without_journal_is_refused(tmp_path: Path) -> None:
    """The message says what a results folder is."""
    with pytest.raises(ResultsError, match="not a results folder"):
        list(read_journal(ResultsFolder(tmp_path)))


def test_a_search_run_cannot_carry_test_values() -> None:
    """The record itself refuses a leak of the test set."""
    with pytest.raises(ValidationError, match="must not carry test values"):
        RunEnded.model_validate(ENDED.model_dump() | {"test_accuracy": 0.9})


def test_non_finite_numbers_are_refused() -> None:
    """JSON has none: they are written as null by whoever measures them."""
    with pytest.raises(ValidationError):
        EpochEnded.model_validate(EPOCH.model_dump() | {"val_loss": float("nan")})


def test_a_journal_that_cannot_be_written_is_a_clear_error(tmp_path: Path) -> None:
    """A folder in the journal's place stands for every unwritable place."""
    (tmp_path / "journal.jsonl").mkdir()
    with pytest.raises(ResultsError, match="cannot be written"):
        JournalWriter(tmp_path / "journal.jsonl")


def test_a_full_disk_is_told(tmp_path: Path) -> None:
    """/dev/full fails like a full disk; what was not written is said."""
    (tmp_path / "journal.jsonl").symlink_to("/dev/full")
    with (
        JournalWriter(tmp_path / "journal.jsonl") as journal,
        pytest.raises(ResultsError, match="No space left on device"),
    ):
        journal.append(WON)
