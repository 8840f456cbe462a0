"""The overview of all studies below a folder."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from analysis.facts import Facts
from analysis.load import load_study
from analysis.page.summaries import is_collection, study_folders, summarise
from analysis.report import main

if TYPE_CHECKING:
    from tests.analysis.conftest import Study

Make = Callable[..., Path]


@pytest.fixture
def make(new_study: "type[Study]") -> Make:
    """Return a function that writes a small study of one arm, two confirm seeds and one claim."""

    def written(root: Path, name: str, *, is_begun: bool = True, claim: str = "", **fields: object) -> Path:
        study = new_study(arms={"a": {}, "b": {}}, name=name, **fields)
        study.claims = [
            {
                "says": claim or f"In {name}, a wins.",
                "source": "study Z, table 9",
                "better": {"arm": "a", "than": "b", "metric": "test_accuracy"},
            }
        ]
        if is_begun:
            study.confirm("a", [0.90, 0.92])
            study.confirm("b", [0.80])
        return study.write(root)

    return written


def files_below(root: Path) -> set[str]:
    """Return the path of every file below a folder."""
    return {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()}


def test_studies_are_found_up_to_one_level_down(make: Make, tmp_path: Path) -> None:
    """Results folders directly inside or one level down count; what lies inside a study does not."""
    near = make(tmp_path, "near")
    far = make(tmp_path / "reference", "far")
    make(tmp_path / "too" / "far", "away")
    make(near, "inner")
    make(tmp_path, ".hidden")
    assert study_folders(tmp_path) == [near, far]
    assert is_collection(tmp_path)
    assert not is_collection(near)
    assert not is_collection(tmp_path / "nowhere")


def test_a_folder_of_studies_has_every_report_and_an_overview(
    make: Make, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each report is written as on its own, then the overview; the paths are printed in that order."""
    near = make(tmp_path, "near", is_begun=False)
    far = make(tmp_path / "reference", "far", is_begun=False)
    assert main([str(tmp_path)]) == 0
    wanted = [near / "report" / "index.html", far / "report" / "index.html", tmp_path / "index.html"]
    assert capsys.readouterr().out.split() == [str(path) for path in wanted]
    page = (tmp_path / "index.html").read_text(encoding="utf-8")
    for link in ('href="near/report/index.html"', 'href="reference/far/report/index.html#table-claims"'):
        assert link in page
    listing = (tmp_path / "index.md").read_text(encoding="utf-8")
    assert "[reference/far](<reference/far/report/report.md#claims>)" in listing


def test_only_the_overview(make: Make, tmp_path: Path) -> None:
    """`--overview-only` writes two files, and links to no report that is not there."""
    make(tmp_path, "near")
    before = files_below(tmp_path)
    assert main([str(tmp_path), "--overview-only"]) == 0
    assert files_below(tmp_path) - before == {"index.html", "index.md"}
    assert "report/index.html" not in (tmp_path / "index.html").read_text(encoding="utf-8")
    assert "report/report.md" not in (tmp_path / "index.md").read_text(encoding="utf-8")


def test_one_study_has_no_overview(make: Make, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Asked for the overview of one study, the command says what to give instead."""
    assert main([str(make(tmp_path, "near")), "--overview-only"]) == 2
    assert "the results of one study" in capsys.readouterr().err


def test_a_broken_folder_stops_no_other(
    make: Make, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its reason is on stderr and in both documents, by a relative path; the exit code is 2."""
    make(tmp_path, "near")
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "journal.jsonl").write_text("garbage\n", encoding="utf-8")
    assert main([str(tmp_path), "--overview-only"]) == 2
    printed = capsys.readouterr()
    assert printed.out == f"{tmp_path / 'index.html'}\n"
    assert printed.err.startswith(f"error: {tmp_path / 'broken' / 'manifest.json'}: no manifest here")
    for name in ("index.html", "index.md"):
        text = (tmp_path / name).read_text(encoding="utf-8")
        assert "broken/manifest.json: no manifest here" in text
        assert "1 study, 3 runs" in text
        assert str(tmp_path) not in text


def test_every_claim_stands_with_verdict_and_source(make: Make, tmp_path: Path) -> None:
    """One page answers what is known: the claims of all studies, each with its source as declared."""
    for name in ("first", "second"):
        make(tmp_path, name)
    main([str(tmp_path), "--overview-only"])
    listing = (tmp_path / "index.md").read_text(encoding="utf-8")
    rows = [line.split(" | ") for line in listing.splitlines() if line.startswith("| In ")]
    assert [row[0] for row in rows] == ["| In first, a wins.", "| In second, a wins."]
    assert [row[1] for row in rows] == ["not testable"] * 2
    assert all(row[-1] == "study Z, table 9 |" for row in rows)
    assert "- 2 claims: **not testable**" in listing


def test_a_study_in_one_row(make: Make, tmp_path: Path) -> None:
    """Means, n, runs and hours follow from the runs: 2 of 0.90 and 0.92, 1 of 0.80, 3 x 6 seconds."""
    summary = summarise(Facts(load_study(make(tmp_path, "near"))), tmp_path)
    # t(0.975, 1) = 12.706; half-width = 12.706 x 0.01414 / sqrt(2) = 0.12706
    assert summary.headline == ["a: 91 (78 to 100)", "b: 80.00", "n = 1 to 2"]
    assert (summary.runs, summary.arms, summary.train_seconds) == (3, 2, 18.0)
    assert summary.rulings == [("not testable", 1)]
    assert (summary.started, summary.commit) == ("2026-01-02 03:04", "0123456789")
    assert summary.progress is None


def test_missing_accuracies_say_why(new_study: "type[Study]", tmp_path: Path) -> None:
    """A diverged seed voids a mean, a planned arm has none yet, a study that confirms nothing never has."""
    study = new_study(arms={"a": {}, "b": {}}, name="lost", confirm_runs=2)
    study.confirm("a", [0.9])
    study.add("a", "confirm", seed=101, status="diverged", epochs=1)
    lost = summarise(Facts(load_study(study.write(tmp_path))), tmp_path)
    assert lost.headline == ["a: 1 of 2 diverged", "b: no confirm run yet", "n = 0 to 1"]
    assert lost.progress == "Unfinished: 2 of 4 planned runs have ended"
    grid = new_study(arms={"a": {"batch_size": {"grid": [16, 64]}}}, name="grid")
    grid.grid("a", {"batch_size": 16}, [0.4, 0.5])
    measured = summarise(Facts(load_study(grid.write(tmp_path))), tmp_path)
    assert measured.headline == ["none: no confirm phase"]


def test_same_journals_same_bytes_elsewhere(make: Make, tmp_path: Path) -> None:
    """The overview depends on what lies below its folder, not on where that lies."""
    make(tmp_path / "here", "near")
    shutil.copytree(tmp_path / "here", tmp_path / "else where")
    pages = []
    for root in (tmp_path / "here", tmp_path / "else where"):
        main([str(root), "--overview-only"])
        pages.append([(root / name).read_bytes() for name in ("index.html", "index.md")])
    assert pages[0] == pages[1]


def test_text_of_studies_is_never_run(make: Make, tmp_path: Path) -> None:
    """Markup in a question is text in both documents."""
    make(tmp_path, "near", question="<script>alert(1)</script> | [x](y)")
    main([str(tmp_path), "--overview-only"])
    page = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert page.count("<script>") == 1
    assert "&lt;script&gt;alert(1)" in page
    listing = (tmp_path / "index.md").read_text(encoding="utf-8")
    assert re.search(r"(?<!\\)<script|(?<!\\)\[x", listing) is None


def test_declarations_of_one_question_with_several_seeds_are_counted(make: Make, tmp_path: Path) -> None:
    """Whoever runs a study again until it suits is told on the page; other budgets make another question."""
    for seed in range(3):
        make(tmp_path, f"try_{seed}", claim="a wins", search_settings={"seed": seed})
    make(tmp_path, "copy", claim="a wins", search_settings={"seed": 0})
    make(tmp_path, "longer", claim="a wins", search_settings={"seed": 0, "trials": 30})
    assert main([str(tmp_path), "--overview-only"]) == 0
    told = "one of 3 declarations of this question that stand here and differ in their seed only"
    for name in ("index.html", "index.md"):
        assert (tmp_path / name).read_text(encoding="utf-8").replace("\\", "").count(told) == 4
