"""Results folders that are damaged or closed: told with place, cause and remedy; no sound study suffers."""

import gzip
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from analysis import output, report
from harness.errors import UnforeseenError
from harness.records.folder import ResultsFolder
from tests.rights import NOBODY, without_rights

if TYPE_CHECKING:
    from tests.analysis.conftest import Study


def _compressed(folder: ResultsFolder) -> bytes:
    content = gzip.compress(folder.journal.read_bytes())
    folder.journal.unlink()
    return content


def truncated_archive(folder: ResultsFolder) -> None:
    """Cut the compressed journal."""
    folder.compressed_journal.write_bytes(_compressed(folder)[:-40])


def no_archive(folder: ResultsFolder) -> None:
    """Let the compressed journal be something else."""
    folder.compressed_journal.write_bytes(b"PK" + _compressed(folder))


def damaged_archive(folder: ResultsFolder) -> None:
    """Change the middle of the compressed journal."""
    content = _compressed(folder)
    folder.compressed_journal.write_bytes(content[:60] + b"\xff" * 60 + content[120:])


def empty_archive(folder: ResultsFolder) -> None:
    """Leave nothing of the compressed journal's checksum."""
    folder.compressed_journal.write_bytes(_compressed(folder)[:9])


def manifest_not_utf8(folder: ResultsFolder) -> None:
    """Write a manifest as another system does."""
    folder.manifest.write_bytes(folder.manifest.read_text().replace("python", "Où").encode("latin-1"))


def declaration_cut(folder: ResultsFolder) -> None:
    """Leave half a declaration."""
    folder.declaration.write_bytes(folder.declaration.read_bytes()[:300])


def declaration_of_another_order(folder: ResultsFolder) -> None:
    """Name an arm in the order of arms that is not there."""
    text = folder.declaration.read_text()
    folder.declaration.write_text(text.replace('"/arms": [', '"/arms": ["adagrad", '))


def no_declaration(folder: ResultsFolder) -> None:
    """Lose the declaration."""
    folder.declaration.unlink()


def manifest_cut(folder: ResultsFolder) -> None:
    """Leave half a manifest."""
    folder.manifest.write_bytes(folder.manifest.read_bytes()[:300])


def manifest_without_arms(folder: ResultsFolder) -> None:
    """Declare nothing."""
    folder.manifest.write_text('{"arms": {}, "dataset": {}}')


def manifest_is_a_folder(folder: ResultsFolder) -> None:
    """Put a folder in its place."""
    folder.manifest.unlink()
    folder.manifest.mkdir()


def journal_is_a_folder(folder: ResultsFolder) -> None:
    """Put a folder in its place."""
    folder.journal.unlink()
    folder.journal.mkdir()


def journal_closed(folder: ResultsFolder) -> None:
    """Take everybody's permission to read it."""
    folder.journal.chmod(0)


def manifest_closed(folder: ResultsFolder) -> None:
    """Take everybody's permission to read it."""
    folder.manifest.chmod(0)


def folder_closed(folder: ResultsFolder) -> None:
    """Take everybody's permission to enter it."""
    folder.root.chmod(0)


def folder_without_entry(folder: ResultsFolder) -> None:
    """Let its names be seen, and nothing else."""
    folder.root.chmod(0o444)


DAMAGES = (
    truncated_archive, no_archive, damaged_archive, empty_archive, manifest_not_utf8, manifest_cut,
    declaration_cut, declaration_of_another_order, no_declaration,
    manifest_without_arms, manifest_is_a_folder, journal_is_a_folder, journal_closed, manifest_closed,
    folder_closed, folder_without_entry,
)  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGES)
def test_one_damaged_folder_hides_no_sound_one(
    damage: Callable[[ResultsFolder], None],
    three_arms: "Study",
    open_folder: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The overview names it with the reason, and has the other study whole."""
    three_arms.name = "sound"
    three_arms.write(open_folder)
    three_arms.name = "bad"
    bad = three_arms.write(open_folder)
    assert report.main(["--overview-only", str(open_folder)]) == 0
    capsys.readouterr()
    damage(ResultsFolder(bad))
    with without_rights():
        assert report.main(["--overview-only", str(open_folder)]) == 2
    said = capsys.readouterr()
    assert "Traceback" not in said.err
    assert said.err.startswith(f"error: {bad}")
    assert "Remedy: " in said.err
    studies, _, unreadable = (open_folder / "index.md").read_text().partition("## Unreadable")
    assert "sound" in studies
    assert "bad" in unreadable


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """Return a folder that a user without rights may write and read."""
    folder = Path(tempfile.mkdtemp(prefix="damaged-"))
    if os.geteuid() == 0:
        os.chown(folder, NOBODY, NOBODY)
    yield folder
    for study in folder.glob("*"):
        study.chmod(0o700)
    shutil.rmtree(folder)


def test_a_bug_in_one_study_hides_no_other(capsys: pytest.CaptureFixture[str]) -> None:
    """Its traceback is printed, and the command goes on and ends with the code of a bug."""
    nothing: list[Path] = []
    error = output.attempt(lambda: [nothing[0]])
    assert isinstance(error, UnforeseenError)
    assert output.exit_code([None, error]) == 70
    assert "IndexError" in capsys.readouterr().err


def test_a_report_that_cannot_be_written_is_a_sentence(
    three_arms: "Study", open_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The folder of the report stands there as a file, which is everybody's to try."""
    study = three_arms.write(open_folder)
    (study / "report").touch()
    assert report.main([str(study)]) == 2
    said = capsys.readouterr().err
    assert "Traceback" not in said
    assert "cannot be written (Not a directory). Remedy: " in said


def test_names_that_are_no_text_stop_no_report(three_arms: "Study", open_folder: Path) -> None:
    """Folders may be called anything; pages show such bytes as escapes."""
    root = Path(os.fsdecode(os.fsencode(open_folder) + b"/\xff"))
    root.mkdir()
    three_arms.name = os.fsdecode(b"\xfe")
    folder = root / three_arms.name
    three_arms.name = "sound"
    three_arms.write(root).rename(folder)
    assert report.main([str(root)]) == 0
    assert (folder / "report" / "index.html").exists()
    assert (folder / "runs.parquet").exists()
    assert r"\udcfe" in (root / "index.md").read_text()
