"""Committed results: their reports are what the committed journals say.

Two reports are compared in every byte, one of a search with confirm runs and one of a grid; of the others the
numbers of every table and every verdict, so that words and drawings may change without touching them.
"""

import gzip
import itertools
import shutil
import subprocess
from functools import cache
from pathlib import Path

import pytest

from analysis.facts import Facts
from analysis.load import load_study
from analysis.page.document import render_tables
from analysis.page.overview import render_overview
from analysis.page.summaries import summarise
from analysis.report import claims_json, write_report
from docs.generators import checksums, tools

REFERENCE = Path(__file__).parents[1] / "results" / "reference"

DECLARED = ("study.yaml", "declaration.json", "manifest.json")
"""What is there before the first run; the first version had no declaration."""

NOT_OF_A_REPORT = (*checksums.NOT_KEPT, "lr_finder/*")
"""What `make report` writes beside what is kept of a reference study, and range tests, which it leaves."""

STUDIES = sorted(path.name for path in REFERENCE.iterdir() if path.is_dir())
WHOLE = ["learning_rates", "optimizers"]


@cache
def facts_of(study: str) -> Facts:
    """Return what follows from a committed journal."""
    return Facts(load_study(REFERENCE / study))


def files_below(folder: Path) -> dict[str, bytes]:
    """Return the bytes of every file that is kept by its path below a folder."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not any(path.match(pattern) for pattern in NOT_OF_A_REPORT)
    }


@pytest.mark.slow
@pytest.mark.parametrize("study", WHOLE)
def test_a_committed_report_is_made_again_from_its_journal(study: str, tmp_path: Path) -> None:
    """`make report` after a change of the analysis, and commit what it wrote, where this fails."""
    committed = REFERENCE / study
    again = tmp_path / study
    again.mkdir()
    for name in (*DECLARED, "journal.jsonl.gz"):
        if (committed / name).exists():
            shutil.copy(committed / name, again / name)
    write_report(again)
    assert files_below(again) == files_below(committed)


@pytest.mark.parametrize("study", [study for study in STUDIES if study not in WHOLE])
def test_committed_numbers_and_verdicts_follow_from_their_journal(study: str) -> None:
    """Every table's CSV and `claims.json`, each in every byte; `make report` where they are to change."""
    report, facts = REFERENCE / study / "report", facts_of(study)
    committed = {path.stem: path.read_text(encoding="utf-8") for path in (report / "tables").glob("*.csv")}
    assert {name: table.csv() for name, table in render_tables(facts).items()} == committed
    assert claims_json(facts) == (report / "claims.json").read_text(encoding="utf-8")


def test_the_committed_overview_is_that_of_the_studies() -> None:
    """`make report` after a new study, a new verdict or another warning, where this fails."""
    summaries = [summarise(facts_of(study), REFERENCE) for study in STUDIES]
    committed = {name: (REFERENCE / name).read_text(encoding="utf-8") for name in ("index.md", "index.html")}
    assert render_overview(summaries, []) == committed


def test_the_page_on_the_tools_is_what_the_committed_journals_give() -> None:
    """Every number and sentence of it; `make reference` writes it again."""
    assert tools.PAGE.read_text(encoding="utf-8") == tools.page({study: facts_of(study) for study in STUDIES})


def test_the_committed_checksums_are_those_of_the_files() -> None:
    """Of each that is kept, and no other; `make reference` writes them again."""
    committed = (REFERENCE / checksums.NAME).read_text(encoding="utf-8")
    assert committed == checksums.text(REFERENCE)
    check = ["sha256sum", "--check", "--strict", "--quiet", checksums.NAME]
    subprocess.run(check, cwd=REFERENCE, check=True, timeout=60)


@pytest.mark.parametrize("study", STUDIES)
def test_a_report_may_be_asked_for_while_the_first_run_trains(study: str, tmp_path: Path) -> None:
    """Nothing has been measured then: every part says so, and published values alone make no figure."""
    begun = tmp_path / study
    begun.mkdir()
    for name in DECLARED:
        if (REFERENCE / study / name).exists():
            shutil.copy(REFERENCE / study / name, begun / name)
    with gzip.open(REFERENCE / study / "journal.jsonl.gz", "rb") as whole:
        lines = itertools.takewhile(lambda line: b'"event":"run_ended"' not in line, whole)
        (begun / "journal.jsonl").write_bytes(b"".join(lines))
    write_report(begun)
    written = (begun / "report" / "report.md").read_text(encoding="utf-8")
    assert "> Unfinished: 0 of" in written
    assert "planned runs have ended. Everything below describes those." in written
    assert not list((begun / "report").rglob("*.svg"))
