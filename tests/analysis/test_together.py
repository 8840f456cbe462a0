"""What the studies of a folder have in common."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from analysis.facts import Facts
from analysis.load import load_study
from analysis.page import together
from analysis.page.together import Errors, SharedRuns, Traits, copies, shared_runs, shared_seeds

if TYPE_CHECKING:
    from tests.analysis.conftest import Study

Make = Callable[..., Path]

REFERENCE = Path(__file__).parents[2] / "results" / "reference"
PUBLISHED = ["batch_norm_published", "dropout_published", "initializations_published", "optimizers_published"]


@pytest.fixture
def make(new_study: "type[Study]", tmp_path: Path) -> Make:
    """Return a function that writes a study of two arms with a claim that is supported."""

    def written(
        name: str, *, first: float = 0.9, seed: int = 0, says: str = "a wins.", **fields: object
    ) -> Path:
        study = new_study(arms={"a": {}, "b": {}}, name=name, search_settings={"seed": seed}, **fields)
        study.confirm("a", [first, first + 0.001, first + 0.003, first + 0.004, first + 0.005])
        study.confirm("b", [0.800, 0.803, 0.801, 0.802, 0.805])
        study.claims = [{"says": says, "better": {"arm": "a", "than": "b", "metric": "test_accuracy"}}]
        return study.write(tmp_path)

    return written


def traits(*folders: Path) -> list[Traits]:
    """Return the traits of studies, by the names of their folders."""
    return [Traits.of(Facts(load_study(folder)), folder.name) for folder in folders]


def test_families_add_up_over_studies(make: Make, new_study: "type[Study]", tmp_path: Path) -> None:
    """Two studies at 5 %: a tenth of a study wrong. One that tests nothing, or is a copy, adds nothing."""
    idle = new_study(arms={"a": {}}, name="idle")
    idle.confirm("a", [0.9, 0.8])
    one, two = make("one"), make("two", first=0.91)
    shutil.copytree(one, tmp_path / "copy")
    found = Errors.of(traits(one, two, tmp_path / "copy", idle.write(tmp_path)))
    assert (found.differences, found.equivalences) == (2, 2)
    assert found.wrong_differences == pytest.approx(0.1)
    assert Errors.of(traits(one)).in_words() == []


def test_a_baseline_that_several_studies_share_is_told(make: Make) -> None:
    """Arm b has the same five runs in both, on which two supported claims rest; a differs."""
    found = traits(make("one"), make("two", first=0.91))
    assert shared_runs(found) == [SharedRuns(arms=(("one", "b"), ("two", "b")), runs=5, supported=2)]


def test_a_copied_journal_is_no_second_study(make: Make, tmp_path: Path) -> None:
    """Its runs are not shared but the same."""
    one = make("one")
    shutil.copytree(one, tmp_path / "copy")
    found = traits(one, tmp_path / "copy")
    assert copies(found) == [("one", "copy")]
    assert shared_runs(found) == []


def test_studies_that_share_confirm_seeds_are_told(
    make: Make, new_study: "type[Study]", tmp_path: Path
) -> None:
    """Seeds 100 to 104 stand in both; a third study has 100 and 101 only."""
    short = new_study(arms={"c": {}}, name="short")
    short.confirm("c", [0.7, 0.71])
    found = traits(make("one"), make("two", first=0.91), short.write(tmp_path))
    assert shared_seeds(found) == {("one", "two", "short"): 2, ("one", "two"): 3}


def test_studies_with_nothing_in_common_need_no_word(new_study: "type[Study]", tmp_path: Path) -> None:
    """Nor does a single one."""
    study = new_study(arms={"a": {}}, name="alone")
    study.confirm("a", [0.9, 0.8])
    assert together.in_words(traits(study.write(tmp_path))) == []


def test_published_recipes_share_one_baseline() -> None:
    """The committed studies of published recipes carry their claims on the same five runs of one baseline.

    Two of them went on to further looks, and share those runs too.
    """
    found, further = shared_runs(traits(*(REFERENCE / name for name in PUBLISHED)))
    assert [place for place, _ in found.arms] == PUBLISHED
    assert [arm for _, arm in found.arms] == ["base", "base", "default", "sgd"]
    assert (found.runs, found.supported > 1) == (5, True)
    assert [place for place, _ in further.arms] == ["initializations_published", "optimizers_published"]
