"""Committed results: their reports are what the committed journals say, byte for byte."""

import gzip
import itertools
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


STUDIES = sorted(path.name for path in REFERENCE.iterdir() if path.is_dir())


@pytest.mark.parametrize("study", STUDIES)
def test_a_committed_report_is_made_again_from_its_journal(study: str, tmp_path: Path) -> None:
    """`make report` after a change of the analysis, and commit what it wrote, where this fails."""
    committed = REFERENCE / study
    again = tmp_path / study
    again.mkdir()
    for name in ("study.yaml", "manifest.json", "journal.jsonl.gz"):
        shutil.copy(committed / name, again / name)
    write_report(again)
    assert files_below(again) == files_below(committed)


@pytest.mark.parametrize("study", STUDIES)
def test_a_report_may_be_asked_for_while_the_first_run_trains(study: str, tmp_path: Path) -> None:
    """Nothing has been measured then: every part says so, and published values alone make no figure."""
    begun = tmp_path / study
    begun.mkdir()
    for name in ("study.yaml", "manifest.json"):
        shutil.copy(REFERENCE / study / name, begun / name)
    with gzip.open(REFERENCE / study / "journal.jsonl.gz", "rb") as whole:
        lines = itertools.takewhile(lambda line: b'"event":"run_ended"' not in line, whole)
        (begun / "journal.jsonl").write_bytes(b"".join(lines))
    write_report(begun)
    written = (begun / "report" / "report.md").read_text(encoding="utf-8")
    assert "> Unfinished: 0 of" in written
    assert "planned runs have ended. Everything below describes those." in written
    assert not list((begun / "report").rglob("*.svg"))
