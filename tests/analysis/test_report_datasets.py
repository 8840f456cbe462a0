"""The report of a study of several data sets: rows, figures, limits and overview by data set."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

import pandas as pd
import pytest

from analysis.blocks.registry import PLOTS
from analysis.facts import Facts
from analysis.load import load_study
from analysis.page import by_dataset, comparison, summaries
from analysis.page.document import Content, render_markdown, render_tables
from analysis.report import claims_json
from harness.tuning.runs import RunSpec
from tests.analysis.several import write_folders, write_study

_TEXT = """\
study: two
question: Is every arm on each?
datasets: ["idx:{}", "idx:{}"]
recipe: {{model: {{name: fcn, hidden: [4]}}, batch_size: 50, epochs: 3}}
arms:
  sgd: {{optimizer: sgd, lr: {{low: 0.01, high: 1.0, log: true}}}}
  adam: {{optimizer: adam, lr: {{low: 1e-4, high: 1e-2, log: true}}}}
search: {{trials: 2, repeats: 2, early_stopping: none}}
confirm: {{seeds: 2}}
baseline: sgd
claims:
  - {{says: Adam is better., better: {{arm: adam, than: sgd, metric: test_accuracy}}}}
  - {{says: Adam is better., on: average, better: {{arm: adam, than: sgd, metric: test_accuracy}}}}
published: {{adam@large: {{source: study A, test_accuracy: 0.8}}}}
"""


def _accuracy(run: RunSpec) -> float:
    means = {"sgd@small": 0.6, "adam@small": 0.9, "sgd@large": 0.7, "adam@large": 0.8}
    return means[run.arm] + (run.seed % 5) / 100


@dataclass(frozen=True, kw_only=True)
class Report:
    """What is written of a study on two data sets; of its figures one."""

    facts: Facts
    content: Content
    text: str


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Report]:
    """Yield the report of a study whose searches are repeated."""
    parent = tmp_path_factory.mktemp("several")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(parent / "cache"))
        facts = Facts(load_study(write_study(parent, _TEXT.format(*write_folders(parent)), _accuracy)))
        name = "final_accuracy"
        figures = {figure.name: figure for figure in by_dataset.figures_of(name, PLOTS[name], facts)}
        content = Content(facts=facts, tables=render_tables(facts), figures=figures)
        yield Report(facts=facts, content=content, text=render_markdown(content))


@pytest.mark.parametrize("name", ["results", "differences", "search", "budget", "variance", "published"])
def test_a_table_has_rows_of_each_data_set(report: Report, name: str) -> None:
    """In a first column, one data set after the other; arms have their plain names."""
    table = report.content.tables[name]
    assert (table.numbers.columns[0], table.cells.columns[0]) == ("dataset", "Data set")
    expected = ["large"] if name == "published" else ["small", "large"]
    assert list(table.numbers["dataset"].drop_duplicates()) == expected
    assert set(table.numbers["arm"]) <= {"sgd", "adam"}
    assert len(table.cells) == len(table.cells["Data set"].dropna())


def test_results_are_those_of_the_runs_on_the_data_set(report: Report) -> None:
    """Each mean is that of its own runs, and n counts repeats."""
    results = report.content.tables["results"].numbers
    runs = report.facts.records.runs
    confirmed = runs[runs["phase"] == "confirm"].groupby("arm")["test_accuracy"].mean()
    for row in results.to_dict("records"):
        assert row["test_accuracy"] == pytest.approx(confirmed[f"{row['arm']}@{row['dataset']}"])
        assert row["n"] == 2


def test_a_figure_is_drawn_of_each_data_set(report: Report) -> None:
    """Under the block's name and the data set's, and both stand in the document."""
    assert list(report.content.figures) == ["final_accuracy-small", "final_accuracy-large"]
    for dataset, figure in zip(("small", "large"), report.content.figures.values(), strict=True):
        assert set(pd.read_csv(StringIO(figure.csv))["arm"]) == {"sgd", "adam"}
        assert figure.alt.startswith(f"On {dataset}. ")
        assert f"### Final accuracy: {dataset}" in report.text
        assert f"](figures/final_accuracy-{dataset}.svg)" in report.text


def test_the_table_of_claims_says_on_which_data_sets(report: Report) -> None:
    """One table for the whole family."""
    assert list(report.content.tables["claims"].numbers["on"]) == ["every", "average"]
    claims = json.loads(claims_json(report.facts))["claims"]
    assert set(claims[0]["of_each"]) == {"small", "large"}
    assert "| Claim | Data set | Verdict |" in report.text
    assert "On average: over these data sets with equal weight" in report.text


def test_the_report_names_the_data_sets_and_their_test_images(report: Report) -> None:
    """In the limits, the protocol, and the checklist, which has a row of each."""
    assert "2 data sets (small, large) and the networks listed above" in report.text
    assert "- On large: The same 100 test images serve every run." in report.text
    checklist = report.content.tables["reproducibility"].numbers
    items = list(checklist["item"])
    assert (items.count("Data SHA-256"), items.count("Split")) == (2, 1)


def test_predictions_are_scored_by_the_labels_of_their_own_data_set(report: Report) -> None:
    """Four classes on one, three on the other."""
    for name, view in report.facts.records.by_dataset.items():
        assert str(view.tested_on).startswith("idx:")
        assert str(view.tested_on).endswith(name)
        labels = view.test_labels
        assert labels is not None
        assert labels.max() == {"small": 3, "large": 2}[name]


def test_an_overview_and_a_comparison_take_several_data_sets(report: Report, tmp_path: Path) -> None:
    """The overview has each arm on each; a comparison of two folders matches them by the whole name."""
    reported = report.facts.records.folder.root
    summary = summaries.summarise(report.facts, reported.parent)
    assert [line.partition(":")[0] for line in summary.headline[:4]] == [
        "sgd@small", "adam@small", "sgd@large", "adam@large"
    ]  # fmt: skip
    other = tmp_path / "two"
    other.mkdir()
    for name in ("manifest.json", "declaration.json", "journal.jsonl"):
        (other / name).write_bytes((reported / name).read_bytes())
    comparison.write_comparison([reported, other], tmp_path / "comparison")
    rows = pd.read_csv(tmp_path / "comparison" / "tables" / "common_arms.csv")
    assert set(rows["arm"]) == {"sgd@small", "adam@small", "sgd@large", "adam@large"}


def test_what_is_the_same_of_all_data_sets_is_said_once() -> None:
    """Only what differs names its data set."""
    told = by_dataset.in_words({"a": "Means. Of 3 runs. Losses.", "b": "Means. Of 5 runs. Losses."})
    assert told == "Means. Losses. On a: Of 3 runs. On b: Of 5 runs."


def test_regions_are_told_of_each_data_set(report: Report) -> None:
    """They follow from the number of its test images, so that one number would not be true of all."""
    found = re.search(r"the declared region \(([^)]*)\)", report.text)
    assert found is not None
    assert [part.rsplit(" ±", 1)[0] for part in found[1].split(", ")] == [
        "test accuracy on average",
        "test accuracy on large",
        "test accuracy on small",
    ]
