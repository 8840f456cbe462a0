"""What the documents show is tried."""

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

from analysis.facts import Facts
from analysis.load import load_study
from analysis.render import numbers
from docs.generators import results
from docs.generators.results.arms import training_seconds
from docs.generators.results.claims import measured
from docs.generators.results.committed import REFERENCE

if TYPE_CHECKING:
    from analysis.blocks import Block


def test_the_contributors_example_of_a_table_is_a_block(repository: Path) -> None:
    """Its code, as it stands, answers its question of the reference study of optimizers."""
    text = (repository / "CONTRIBUTING.md").read_text(encoding="utf-8")
    code = next(
        part for part in re.findall(r"```python\n(.*?)```", text, re.DOTALL) if "EPOCHS_TO = Block" in part
    )
    names: dict[str, Any] = {}
    exec(compile(code, "CONTRIBUTING.md", "exec"), names)  # noqa: S102 - our own document
    block: Block = names["EPOCHS_TO"]
    assert block.table is not None
    table = block.table.rendered("epochs_to", Facts(load_study(repository / "results/reference/optimizers")))
    assert table.cells.to_dict("list") == {
        "Arm": ["published_rate", "sgd", "rmsprop", "adam"],
        "Epochs": [numbers.ABSENT, "5.10 ± 0.98", "4.30 ± 0.83", "4.50 ± 0.51"],
        "Reached by": ["0 of 10", "10 of 10", "10 of 10", "10 of 10"],
    }
    assert "mean ± half-width of the 95 %" in table.caption


_RULED = re.compile(r'\[\**([a-z ,]+?)\**\]\(((?:\.\./)?results/[^)"#]+/claims\.json) "claim (\d+)"\)')
"""A ruling in a document: a link to the file that holds it, whose title is the claim's number, from 1."""

_OF_ONE_SEARCH = ", of one search"
"""How a document says in short that a ruling is about the configurations that one search chose."""

_DECISIVE = ("supported", "contradicted", "equivalent", "inconclusive")


RESULTS_PAGES = ("README.md", "docs/results.md")


@pytest.mark.parametrize("page", RESULTS_PAGES)
def test_every_ruling_of_a_document_is_the_reports(page: str, repository: Path) -> None:
    """Each is a link to its claim and says what that was ruled, and about what."""
    document = repository / page
    found = _RULED.findall(document.read_text(encoding="utf-8"))
    assert len(found) >= 4
    for said, path, number in found:
        place = document.parent / path
        claim = json.loads(place.read_text(encoding="utf-8"))["claims"][int(number) - 1]
        of_one_search = _OF_ONE_SEARCH if claim["scope"] == "configuration" else ""
        is_slope = claim["kind"] == "trend" and claim["ruling"] == "supported"
        on_average = " on average over the range" if is_slope else ""
        assert said == claim["ruling"] + on_average + of_one_search, (path, number)


@pytest.mark.parametrize("page", RESULTS_PAGES)
def test_no_table_of_a_document_rules_without_a_claim(page: str, repository: Path) -> None:
    """A decisive word in a row of a table of results stands in such a link."""
    lines = (repository / page).read_text(encoding="utf-8").splitlines()
    rows = [line for line in lines if line.startswith("|") and "results" not in _RULED.sub("", line)]
    bare = [row for row in rows for word in _DECISIVE if word in _RULED.sub("", row)]
    assert not bare


def test_the_page_of_results_is_what_the_reference_results_give(repository: Path) -> None:
    """Every number and ruling of it; `python -m docs.generators.results` writes it again."""
    assert (repository / "docs/results.md").read_text(encoding="utf-8") == results.page()


def test_every_measured_number_of_the_readme_is_its_claims(repository: Path) -> None:
    """Rows of its tables say what the page of results says, and all claims of a study stand there."""
    told: dict[Path, list[list[str]]] = {}
    for row in (repository / "README.md").read_text(encoding="utf-8").splitlines():
        for _, path, _ in _RULED.findall(row):
            told.setdefault(repository / path, []).append(
                [cell.strip() for cell in row.strip("|").split("|")]
            )
    assert len(told) == 8
    for path, rows in told.items():
        claims = json.loads(path.read_text(encoding="utf-8"))["claims"]
        assert [row[:2] for row in rows] == [[claim["says"], measured(claim)] for claim in claims]


def test_the_seconds_of_the_readme_are_the_studys(repository: Path) -> None:
    """Mean and interval of the runs that reach 90 %, as the page of results has them."""
    frame = pd.read_csv(REFERENCE / "time_to_accuracy/report/tables/results.csv")
    [row] = frame.to_dict("records")
    readme = (repository / "README.md").read_text(encoding="utf-8")
    assert f"takes {training_seconds(row)} s of training" in " ".join(readme.split())


def test_the_readme_counts_right_how_the_authors_second_runs_ended(repository: Path) -> None:
    """Of all differences of single runs that were published twice, those whose sign changed."""
    tables = pd.concat([pd.read_csv(path) for path in REFERENCE.glob("*/report/tables/as_published.csv")])
    twice = tables.dropna(subset=["first", "second"])
    reversed_ = int((twice["first"] * twice["second"] < 0).sum())
    readme = " ".join((repository / "README.md").read_text(encoding="utf-8").split())
    assert (len(twice), reversed_) == (9, 2)
    assert "Of nine such answers" in readme
    assert "second run reversed two." in readme


def test_the_readme_is_short_and_its_picture_small(repository: Path) -> None:
    """150 lines, 200 kB."""
    assert len((repository / "README.md").read_text(encoding="utf-8").splitlines()) <= 150
    assert results.PICTURE.read_bytes().startswith(b"\x89PNG")
    assert results.PICTURE.stat().st_size < 200_000


GUIDES = ("ARCHITECTURE.md", "CONTRIBUTING.md")
BASES = ("", "harness", "harness/commands", "analysis", "docs")
"""Folders that a guide's paths may start from."""

AN_EXAMPLE = "analysis/blocks/epochs_to.py"
"""What the guide shows how to write."""


def test_every_test_that_the_page_on_faults_names_is_there(repository: Path) -> None:
    """Tests are renamed and moved; `::name` alone is of the file named before."""
    text = (repository / "docs/reliability.md").read_text(encoding="utf-8")
    named = re.findall(r"`(?=[^`])((?:\w+/)*test_\w+\.py)?(?:::(test_\w+))?`", text)
    assert len(named) >= 150
    file = ""
    for path, name in named:
        file = path or file
        place = repository / "tests" / file
        assert place.is_file(), file
        assert not name or f"\ndef {name}(" in place.read_text(encoding="utf-8"), (file, name)


@pytest.mark.parametrize("guide", GUIDES)
def test_every_file_that_a_guide_names_is_there(guide: str, repository: Path) -> None:
    """Code moves, and its readers look for it where the guide says."""
    text = (repository / guide).read_text(encoding="utf-8")
    named = {*re.findall(r"`((?:\w+/)+\w[\w.]*\.(?:py|yaml|jinja))`", text)} - {AN_EXAMPLE}
    assert len(named) >= 8
    assert not [path for path in named if not any((repository / base / path).exists() for base in BASES)]


def test_every_change_that_contributors_are_shown_fits_its_file(repository: Path) -> None:
    """The file is there, with the line that a part of the change stands below."""
    text = (repository / "CONTRIBUTING.md").read_text(encoding="utf-8")
    places = re.findall(r"^(?:\+\+\+ b/(\S+)|@@ (.+))$", text, re.MULTILINE)
    file = ""
    for path, line in places:
        file = path or file
        assert (line or "") in (repository / file).read_text(encoding="utf-8"), (file, line)
    assert sum(bool(line) for _, line in places) >= 3
