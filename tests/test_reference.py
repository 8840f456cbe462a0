"""Committed results: their reports are what the committed journals say, byte for byte."""

import shutil
from pathlib import Path

import pytest

from analysis.report import write_report

REFERENCE = Path(__file__).parents[1] / "results" / "reference"


def files_below(folder: Path) -> dict[str, bytes]:
    """Return every file's bytes by its path below a folder."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.mark.parametrize("study", sorted(path.name for path in REFERENCE.iterdir()))
def test_a_committed_report_is_made_again_from_its_journal(study: str, tmp_path: Path) -> None:
    """`make report` after a change of the analysis, and commit what it wrote, where this fails."""
    committed = REFERENCE / study
    again = tmp_path / study
    again.mkdir()
    for name in ("study.yaml", "manifest.json", "journal.jsonl.gz"):
        shutil.copy(committed / name, again / name)
    write_report(again)
    assert files_below(again) == files_below(committed)
