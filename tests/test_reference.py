"""Committed results: their reports are what the committed journals say, byte for byte."""

import shutil
from pathlib import Path

import pytest

from analysis.report import write_report

REFERENCE = Path(__file__).parents[1] / "results" / "reference"

NOT_KEPT = {"figures/*.csv", "figures/*.pdf", "figures/*.png"}
"""Of a reference report; written beside the rest by `make report`."""


def files_below(folder: Path) -> dict[str, bytes]:
    """Return the bytes of every file that is kept by its path below a folder."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not any(path.match(pattern) for pattern in NOT_KEPT)
    }


@pytest.mark.parametrize("study", sorted(path.name for path in REFERENCE.iterdir() if path.is_dir()))
def test_a_committed_report_is_made_again_from_its_journal(study: str, tmp_path: Path) -> None:
    """`make report` after a change of the analysis, and commit what it wrote, where this fails."""
    committed = REFERENCE / study
    again = tmp_path / study
    again.mkdir()
    for name in ("study.yaml", "manifest.json", "journal.jsonl.gz"):
        shutil.copy(committed / name, again / name)
    write_report(again)
    assert files_below(again) == files_below(committed)
