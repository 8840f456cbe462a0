"""Published conclusions: single runs are refused by the rules that judge our own."""

from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import pytest

from analysis.blocks.as_published import AS_PUBLISHED, published_records
from analysis.facts import Facts
from analysis.load import load_study
from analysis.render.table import RenderedTable

if TYPE_CHECKING:
    from tests.analysis.conftest import Study

REFERENCES = sorted(
    manifest.parent
    for manifest in Path(__file__).parents[3].glob("results/reference/*/manifest.json")
    if '"published": {}' not in manifest.read_text(encoding="utf-8")
)


def _study(new_study: "type[Study]", second: float | None = None) -> "Study":
    """Return two arms whose published runs lie 3 points apart, ours 1 point the other way."""
    study = new_study(arms={"sgd": {}, "adam": {}})
    study.confirm("sgd", [0.88, 0.881, 0.879, 0.882, 0.878])
    study.confirm("adam", [0.87, 0.8705, 0.8695, 0.871, 0.869])
    study.published = {
        "sgd": [{"source": "a text", "values": {"test_accuracy": 0.86}}],
        "adam": [{"source": "a text", "values": {"test_accuracy": 0.89}}],
    }
    if second is not None:
        for arm, accuracy in (("sgd", 0.88), ("adam", second)):
            study.published[arm].append({"source": "its notebook", "values": {"test_accuracy": accuracy}})
    study.claims = [
        {
            "says": "Adam reaches more.",
            "source": "a text",
            "better": {"arm": "adam", "than": "sgd", "metric": "test_accuracy"},
        },
        {"says": "Ours alone.", "better": {"arm": "sgd", "than": "adam", "metric": "test_accuracy"}},
    ]
    return study


def as_published(folder: Path) -> RenderedTable:
    """Return the table of a results folder."""
    return AS_PUBLISHED.table.rendered("as_published", Facts(load_study(folder)))


def test_a_published_conclusion_is_decided_on_both_sets_of_numbers(
    new_study: "type[Study]", tmp_path: Path
) -> None:
    """Published, Adam is 3 points ahead: not testable. Measured, it is a point behind: contradicted."""
    (row,) = as_published(_study(new_study).write(tmp_path)).numbers.to_dict("records")
    assert row["first"] == pytest.approx(0.03)
    assert pd.isna(row["second"])
    assert row["published_ruling"] == "not testable"
    assert row["published_reason"].startswith("single seed")
    assert row["ruling"] == "contradicted"
    assert row["effect"] == pytest.approx(-0.01)


def test_the_second_run_stands_beside_the_first(new_study: "type[Study]", tmp_path: Path) -> None:
    """Two runs of one recipe are not two seeds of a claim: each is a study of its own."""
    table = as_published(_study(new_study, second=0.875).write(tmp_path))
    assert table.numbers["second"].tolist() == pytest.approx([-0.005])
    assert table.numbers["published_ruling"].tolist() == ["not testable"]
    assert table.cells["Published run"].tolist() == ["+3 pp"]
    assert table.cells["Second run"].tolist() == ["-0.5 pp"]


def test_values_at_settings_are_points_of_a_grid(measured: "Study", tmp_path: Path) -> None:
    """A published grid has one run a point, so its trend is not testable either."""
    measured.published["sgd"] = [
        {"source": "study B", "at": {"batch_size": size}, "values": {"val_loss": loss}}
        for size, loss in ((64, 0.5), (256, 0.4), (1024, 0.3))
    ]
    measured.claims = [
        {
            "says": "Larger batches reach lower losses.",
            "source": "study B",
            "trend": {"over": "batch_size", "direction": "falls", "metric": "val_loss", "arm": "sgd"},
        }
    ]
    records = load_study(measured.write(tmp_path))
    published = published_records(records, 0)
    assert published.runs_of("search")["config.batch_size"].tolist() == [64, 256, 1024]
    (verdict,) = Facts(published).verdicts
    assert verdict.ruling == "not testable"
    assert verdict.reason.startswith("single seed")


def test_without_published_values_there_is_no_such_table(new_study: "type[Study]", tmp_path: Path) -> None:
    """A study without published numbers, or without a claim that names its source, has nothing to show."""
    study = _study(new_study)
    study.published = {}
    assert not AS_PUBLISHED.table.is_for(study.facts(tmp_path))
    unnamed = _study(new_study)
    unnamed.name = "unnamed"
    unnamed.claims = unnamed.claims[1:]
    assert not AS_PUBLISHED.table.is_for(unnamed.facts(tmp_path))


@pytest.mark.parametrize("folder", REFERENCES, ids=lambda folder: folder.name)
def test_no_published_conclusion_is_testable_as_published(folder: Path) -> None:
    """Golden demonstration: both published studies, one run each, conclude nothing under these rules."""
    assert set(as_published(folder).numbers["published_ruling"]) <= {"not testable"}
