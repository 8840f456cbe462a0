import errno
import gzip
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from harness.errors import ResultsError
from harness.records.events import EVENT, EpochEnded, PhaseEnded, RunEnded, RunStarted, TestLabels
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


def test_half_a_line_at_the_end_is_no_event_yet(folder: ResultsFolder) -> None:
    """A report may look while a line is written, or after its sweep was killed."""
    whole = folder.journal.read_bytes()
    for cut in range(whole.rindex(b"\n", 0, -1) + 1, len(whole)):
        folder.journal.write_bytes(whole[:cut])
        assert len(list(read_journal(folder))) == 3


def test_a_journal_with_other_ends_of_lines_is_told(folder: ResultsFolder) -> None:
    """Git, an editor or a copy for Windows has converted it; nothing is lost."""
    folder.journal.write_bytes(folder.journal.read_bytes().replace(b"\n", b"\r\n"))
    with pytest.raises(ResultsError, match=r"journal\.jsonl:1: lines end with CR LF.* Nothing is lost"):
        list(read_journal(folder))


def test_a_cut_line_is_named_with_its_remedy(folder: ResultsFolder) -> None:
    """The message gives file:line, and nothing before the line is doubted."""
    with folder.journal.open("a") as file:
        file.write('{"event": "epoch", "run\n')
    with pytest.raises(ResultsError, match=r"journal\.jsonl:5: not a whole line of a journal"):
        list(read_journal(folder))


def test_every_flipped_bit_is_seen(folder: ResultsFolder) -> None:
    """Even one that leaves valid JSON, such as another digit of a loss."""
    whole = folder.journal.read_bytes()
    for position in range(len(whole)):
        damaged = bytearray(whole)
        damaged[position] ^= 1
        folder.journal.write_bytes(damaged)
        with pytest.raises(ResultsError, match=r"journal\.jsonl:\d"):
            list(read_journal(folder))


@pytest.mark.parametrize("order", [[0, 2, 3], [0, 1, 1, 2, 3], [0, 2, 1, 3], [1, 2, 3]])
def test_lost_repeated_and_swapped_lines_are_seen(folder: ResultsFolder, order: list[int]) -> None:
    """Each line's checksum continues that of the line before."""
    lines = folder.journal.read_bytes().splitlines(keepends=True)
    folder.journal.write_bytes(b"".join(lines[i] for i in order))
    with pytest.raises(ResultsError, match="the checksum does not fit"):
        list(read_journal(folder))


def test_every_line_is_a_json_object(folder: ResultsFolder) -> None:
    """Anyone can read a journal without the harness."""
    events = [json.loads(line) for line in folder.journal.read_text().splitlines()]
    assert [event["event"] for event in events] == ["run_started", "epoch", "run_ended", "phase_ended"]


def test_a_folder_without_journal_is_refused(tmp_path: Path) -> None:
    """The message says what a results folder is."""
    with pytest.raises(ResultsError, match="not a results folder"):
        list(read_journal(ResultsFolder(tmp_path)))


@pytest.mark.parametrize("leak", [{"test_accuracy": 0.9}, {"test_loss": 0.3}, {"predicted": "ASM="}])
@pytest.mark.parametrize("phase", ["search", "audit"])
def test_only_a_confirm_run_can_carry_test_values(leak: dict[str, Any], phase: str) -> None:
    """The record itself refuses a leak of the test set."""
    with pytest.raises(ValidationError, match="must not carry test values"):
        RunEnded.model_validate(ENDED.model_dump() | leak | {"phase": phase})
    RunEnded.model_validate(ENDED.model_dump() | leak | {"phase": "confirm"})


def test_labels_that_are_no_classes_are_refused() -> None:
    """Half an image and a class that does not exist are no labels."""
    sound = {"time": "t", "dataset": "d", "labels": "ASM=", "n_images": 4, "n_classes": 4}
    assert TestLabels.model_validate(sound).event == "test_labels"
    for change in ({"n_images": 6}, {"n_classes": 3}, {"n_classes": 300}, {"labels": "AS"}):
        with pytest.raises(ValidationError):
            TestLabels.model_validate(sound | change)


def test_an_end_without_predictions_stays_readable() -> None:
    """Journals that were written before they were kept have none."""
    old = ENDED.model_dump(mode="json", exclude={"predicted"})
    assert EVENT.validate_json(json.dumps(old)) == ENDED


def test_non_finite_numbers_are_refused() -> None:
    """JSON has none: they are written as null by whoever measures them."""
    with pytest.raises(ValidationError):
        EpochEnded.model_validate(EPOCH.model_dump() | {"val_loss": float("nan")})


def test_a_journal_that_cannot_be_written_is_a_clear_error(tmp_path: Path) -> None:
    """A folder in the journal's place stands for every unwritable place."""
    (tmp_path / "journal.jsonl").mkdir()
    with pytest.raises(ResultsError, match="cannot be written"):
        JournalWriter(tmp_path / "journal.jsonl")


def disk(*answers: bool) -> Callable[[int], None]:
    """Return a disk that takes what it is asked to sync, or fails, one answer after the other."""
    left = iter(answers)

    def sync(file: int) -> None:
        if not next(left):
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        os.fsync(file)

    return sync


def test_a_sync_waits_for_the_disk_once_for_all_that_was_written(tmp_path: Path) -> None:
    """Opening syncs what a killed session wrote; after that a sync has something to wait for, or does not."""
    synced: list[int] = []
    path = tmp_path / "journal.jsonl"
    with JournalWriter(path, lambda file: synced.append(os.fstat(file).st_size)) as journal:
        journal.append(STARTED)
        journal.append(EPOCH)
        assert synced == [0]
        journal.sync()
        journal.sync()
        journal.append(ENDED)
    whole = path.stat().st_size
    assert synced == [0, synced[1], whole]
    assert 0 < synced[1] < whole
    JournalWriter(path, lambda file: synced.append(os.fstat(file).st_size)).close()
    assert synced[3:] == [whole]


def test_a_disk_that_fails_leaves_what_it_kept_and_is_asked_no_more(tmp_path: Path) -> None:
    """Linux forgets what it could not write, and would call a second sync well."""
    folder = ResultsFolder(tmp_path)
    journal = JournalWriter(folder.journal, disk(True, True, False))
    journal.append(STARTED)
    journal.sync()
    journal.append(EPOCH)
    journal.append(ENDED)
    for _ in range(2):
        with pytest.raises(
            ResultsError, match=r"did not take the last events \(Input/output error\).*Remedy"
        ):
            journal.sync()
    with pytest.raises(ResultsError, match="did not take the last events"):
        journal.append(WON)
    journal.close()
    assert list(read_journal(folder)) == [STARTED]


def test_a_disk_that_fails_at_the_opening_is_told_and_nothing_is_cut(folder: ResultsFolder) -> None:
    """What an earlier session wrote stays as it is."""
    before = folder.journal.read_bytes()
    with pytest.raises(ResultsError, match=r"cannot be written \(Input/output error\)"):
        JournalWriter(folder.journal, disk(False))
    assert folder.journal.read_bytes() == before


@pytest.mark.parametrize(("ended_by", "told"), [(None, ResultsError), (KeyboardInterrupt, KeyboardInterrupt)])
def test_a_disk_that_fails_at_the_close_hides_no_other_error(
    folder: ResultsFolder, ended_by: type[BaseException] | None, told: type[BaseException]
) -> None:
    """Nothing acted on the events that are lost, so that what ended the study is to be told."""
    before = folder.journal.read_bytes()

    def write() -> None:
        with JournalWriter(folder.journal, disk(True, False)) as journal:
            journal.append(WON)
            if ended_by is not None:
                raise ended_by

    with pytest.raises(told):
        write()
    assert folder.journal.read_bytes() == before


ON_A_SMALL_DISK = """
import resource, sys
from pathlib import Path
from harness.records.events import PhaseEnded
from harness.records.journal import JournalWriter

resource.setrlimit(resource.RLIMIT_FSIZE, (600, 600))
won = PhaseEnded.model_validate_json(sys.argv[2])
with JournalWriter(Path(sys.argv[1])) as journal:
    while True:
        journal.append(won)
"""


def test_a_full_disk_is_told_and_leaves_whole_lines(tmp_path: Path) -> None:
    """The event that did not fit is an error; what was written before is intact.

    A limit of 600 bytes a file fails a write as a full disk does. It binds a whole process, whose own output
    may be a file too, so it is set in a child.
    """
    folder = ResultsFolder(tmp_path)
    command = [sys.executable, "-c", ON_A_SMALL_DISK, str(folder.journal), WON.model_dump_json()]
    process = subprocess.run(command, check=False, capture_output=True, text=True)
    assert process.returncode == 1
    assert "ResultsError" in process.stderr
    assert "event not written" in process.stderr
    n_fitting = 600 // (len(WON.model_dump_json()) + len(',"crc":"01234567"\n'))
    assert list(read_journal(folder)) == [WON] * n_fitting
    assert n_fitting > 0
