"""What is refused before anything is started: folders whose parts do not belong together."""

import gzip
from pathlib import Path

import pytest

from harness.errors import ResultsError
from harness.records.folder import ResultsFolder
from harness.tuning.preflight import check_folder


@pytest.fixture
def folder(tmp_path: Path) -> ResultsFolder:
    """Return an empty results folder."""
    return ResultsFolder(tmp_path)


@pytest.mark.parametrize("resume", [False, True])
@pytest.mark.parametrize("is_compressed", [False, True])
def test_a_journal_without_its_manifest_is_left_alone(
    folder: ResultsFolder,
    *,
    resume: bool,
    is_compressed: bool,
) -> None:
    """Whose runs they are nobody knows: nothing is appended, with `--resume` or without."""
    journal = folder.compressed_journal if is_compressed else folder.journal
    journal.write_bytes(gzip.compress(b"{}\n") if is_compressed else b"{}\n")
    before = journal.read_bytes()
    with pytest.raises(ResultsError) as refused:
        check_folder(folder, resume=resume)
    assert str(refused.value).startswith(f"{journal}: holds the runs of a study, but manifest.json")
    assert "Remedy: bring manifest.json back and give --resume, or give --results DIR" in str(refused.value)
    assert journal.read_bytes() == before
    assert list(folder.root.iterdir()) == [journal]


def test_a_compressed_journal_is_not_continued_by_a_second_one(folder: ResultsFolder) -> None:
    """As those of reference results are; unpacked, it can be."""
    folder.manifest.write_text("{}")
    folder.compressed_journal.write_bytes(gzip.compress(b"{}\n"))
    with pytest.raises(ResultsError, match=r"Remedy: gunzip .*journal\.jsonl\.gz"):
        check_folder(folder, resume=True)
    folder.journal.write_bytes(b"{}\n")
    check_folder(folder, resume=True)


def test_a_journal_without_an_event_holds_no_study(folder: ResultsFolder) -> None:
    """It is what a sweep that was killed before its first run leaves."""
    folder.journal.touch()
    check_folder(folder, resume=False)


def test_tables_without_manifest_and_journal_are_not_written_over(folder: ResultsFolder) -> None:
    """They may be all that is left of a study."""
    folder.runs.write_bytes(b"PAR1")
    with pytest.raises(ResultsError, match=r"runs\.parquet: holds the runs of a study, but manifest\.json"):
        check_folder(folder, resume=False)


@pytest.mark.parametrize("rest", ["runs.parquet", "optuna.journal"])
def test_a_study_whose_journal_is_lost_is_not_begun_again_in_its_place(
    folder: ResultsFolder, rest: str
) -> None:
    """Its other files say that there was one; what is missing is told, and that nothing was started."""
    folder.manifest.write_text("{}")
    check_folder(folder, resume=True)
    (folder.root / rest).write_bytes(b"x")
    with pytest.raises(ResultsError, match=r"journal\.jsonl is not there any more, .* Remedy: bring it back"):
        check_folder(folder, resume=True)
