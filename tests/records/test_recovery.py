import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import ResultsError
from harness.records.events import PhaseEnded
from harness.records.folder import ResultsFolder
from harness.records.journal import JournalWriter, read_journal
from harness.records.recovery import Recovery, keep_damaged, mend_journal, recover_journal

EVENTS = [PhaseEnded(time=f"t{i}", phase="search", arm=f"arm{i}", winner=None) for i in range(6)]


@pytest.fixture
def folder(tmp_path: Path) -> ResultsFolder:
    """Return a results folder with a journal of six events."""
    folder = ResultsFolder(tmp_path)
    with JournalWriter(folder.journal) as journal:
        for event in EVENTS:
            journal.append(event)
    return folder


def lines(folder: ResultsFolder) -> list[bytes]:
    """Return the journal's lines."""
    return folder.journal.read_bytes().splitlines(keepends=True)


def mended(folder: ResultsFolder) -> Recovery:
    """Read a journal, keep it where it is damaged, and mend it."""
    recovery = recover_journal(folder)
    if recovery.loss is not None:
        keep_damaged(folder, recovery.loss)
        mend_journal(folder)
    return recovery


def test_an_intact_journal_is_left_alone(folder: ResultsFolder) -> None:
    """Nothing is lost, nothing is written."""
    before = folder.journal.read_bytes()
    recovery = recover_journal(folder)
    assert (recovery.events, recovery.loss) == (EVENTS, None)
    assert folder.journal.read_bytes() == before
    assert list(folder.root.iterdir()) == [folder.journal]


@pytest.mark.parametrize("content", [b"", None])
def test_an_empty_or_missing_journal_holds_no_event(tmp_path: Path, content: bytes | None) -> None:
    """A study killed before its first event begins at its beginning."""
    folder = ResultsFolder(tmp_path)
    if content is not None:
        folder.journal.write_bytes(content)
    assert recover_journal(folder).events == []


def test_a_journal_cut_at_any_byte_keeps_its_whole_lines(folder: ResultsFolder) -> None:
    """What a crash tears off is dropped and named, and the journal can be appended to again."""
    content = folder.journal.read_bytes()
    ends = [len(b"".join(lines(folder)[:i])) for i in range(7)]
    for cut in range(len(content)):
        folder.journal.write_bytes(content[:cut])
        n_whole = sum(end <= cut for end in ends) - 1
        recovery = mended(folder)
        assert recovery.events == EVENTS[:n_whole]
        assert (recovery.loss is None) == (cut in ends)
        with JournalWriter(folder.journal) as journal:
            journal.append(EVENTS[0])
        assert list(read_journal(folder)) == [*EVENTS[:n_whole], EVENTS[0]]


def test_the_damaged_file_is_kept_beside_the_repaired_one(folder: ResultsFolder) -> None:
    """Twice damaged, two copies."""
    for number in (1, 2):
        damaged = folder.journal.read_bytes()[:-5]
        folder.journal.write_bytes(damaged)
        recovery = mended(folder)
        kept = folder.root / f"journal.jsonl.damaged-{number}"
        assert kept.read_bytes() == damaged
        assert recovery.loss is not None
        assert recovery.loss.kept_as == kept.name


def test_reading_a_damaged_journal_changes_nothing(folder: ResultsFolder) -> None:
    """Whoever reads it may still refuse to continue the study."""
    damaged = folder.journal.read_bytes()[:-5]
    folder.journal.write_bytes(damaged)
    assert recover_journal(folder).loss is not None
    assert list(folder.root.iterdir()) == [folder.journal]
    assert folder.journal.read_bytes() == damaged


ON_A_SMALL_DISK = """
import resource, sys
from pathlib import Path
from harness.errors import ResultsError
from harness.records.folder import ResultsFolder
from harness.records.recovery import keep_damaged, mend_journal, recover_journal

folder = ResultsFolder(Path(sys.argv[1]))
loss = recover_journal(folder).loss
resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
for change in (lambda: keep_damaged(folder, loss), lambda: mend_journal(folder)):
    try:
        change()
    except ResultsError as error:
        print(error)
"""


def test_a_full_disk_leaves_the_damaged_journal_where_it_is(folder: ResultsFolder) -> None:
    """The mended one has no room, its second name needs none; the study can be resumed once there is some."""
    damaged = folder.journal.read_bytes()[:-5]
    folder.journal.write_bytes(damaged)
    command = [sys.executable, "-c", ON_A_SMALL_DISK, str(folder.root)]
    told = subprocess.check_output(command, text=True).splitlines()
    assert [line.partition(":")[0] for line in told] == [str(folder.journal)]
    kept = folder.root / "journal.jsonl.damaged-1"
    assert kept.samefile(folder.journal)
    assert folder.journal.read_bytes() == damaged
    assert mended(folder).events == EVENTS[:-1]
    assert kept.read_bytes() == damaged


@given(st.integers(0, 5), st.integers(1, 6))
def test_a_repeated_block_is_dropped_without_loss(start: int, length: int) -> None:
    """Wherever lines up to some point stand twice, each is read once."""
    import tempfile

    with tempfile.TemporaryDirectory() as name:
        folder = ResultsFolder(Path(name))
        with JournalWriter(folder.journal) as journal:
            for event in EVENTS:
                journal.append(event)
        whole = lines(folder)
        end = min(start + length, len(whole))
        folder.journal.write_bytes(b"".join(whole[:end] + whole[start:end] + whole[end:]))
        recovery = mended(folder)
        assert recovery.events == list(read_journal(folder)) == EVENTS
        assert recovery.loss is not None
        assert recovery.loss.kind == "repeated"
        assert "nothing was lost" in recovery.loss.in_words()


def test_damage_before_sound_lines_is_refused_and_nothing_changed(folder: ResultsFolder) -> None:
    """Whether to give up what follows is not ours to decide; the message gives line and remedy."""
    damaged = lines(folder)
    damaged[2] = damaged[2].replace(b"arm2", b"arm7")
    folder.journal.write_bytes(b"".join(damaged))
    with pytest.raises(
        ResultsError, match=r"journal\.jsonl:3: this line is damaged, and lines after it are sound"
    ):
        recover_journal(folder)
    assert lines(folder) == damaged


@pytest.mark.parametrize(
    ("ends", "told"), [(b"\r\n", "lines end with CR LF"), (b"x\n", "none of its 6 lines is one of a journal")]
)
def test_what_no_crash_leaves_is_refused_and_nothing_changed(
    folder: ResultsFolder, ends: bytes, told: str
) -> None:
    """Dropped as a damaged end, it would begin the study again."""
    content = folder.journal.read_bytes().replace(b"\n", ends)
    folder.journal.write_bytes(content)
    with pytest.raises(ResultsError, match=told):
        recover_journal(folder)
    assert folder.journal.read_bytes() == content
