"""The page on the tools can be made of studies of any kind, also of such as no committed one is."""

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from analysis.facts import Facts
from analysis.load import load_study
from docs.generators.tools import page
from tests.analysis.conftest import LOG_RANGE, Study, _measured, _three_arms
from tests.analysis.several import write_folders, write_study

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.tuning.runs import RunSpec

_TWO = """\
study: two
question: Is every arm on each?
datasets: ["idx:{}", "idx:{}"]
recipe: {{model: {{name: fcn, hidden: [4]}}, batch_size: 50, epochs: 3}}
arms:
  sgd: {{optimizer: sgd, lr: {{low: 0.01, high: 1.0, log: true}}}}
  adam: {{optimizer: adam, lr: {{low: 1e-4, high: 1e-2, log: true}}}}
search: {{trials: 2, early_stopping: none}}
confirm: {{seeds: 2}}
"""


def _accuracy(run: "RunSpec") -> float:
    return 0.6 + (run.seed % 5) / 100


def _looked_at(_root: Path) -> Study:
    study = _three_arms()
    study.plan = {"looks": [5, 8], "weights": [0.5, 0.5]}
    return study


def _audited_twice(_root: Path) -> Study:
    """Return a search of which both runs that were audited ended better than the winner."""
    study = Study(arms={"sgd": {"lr": LOG_RANGE}})
    study.search_settings = {"audit": 2, "early_stopping": {"grace_epochs": 1, "reduction_factor": 3}}
    study.search("sgd", [0.01], best=0.01)
    for _ in range(2):
        study.audit(study.add("sgd", "search", status="stopped", epochs=1), val_loss=0.1)
    return study


def _unfinished(_root: Path) -> Study:
    study = Study(arms={"sgd": {"lr": LOG_RANGE}}, search_runs={"sgd": 3}, confirm_runs=2)
    study.search_settings = {"early_stopping": {"grace_epochs": 1, "reduction_factor": 3}}
    return study


def _repeated(_root: Path) -> Study:
    study = Study(arms={arm: {"lr": LOG_RANGE} for arm in ("sgd", "adam")})
    for arm in study.arms:
        study.repeat(arm, [[0.80], [0.82], [0.83], [0.84], [0.85]])
    return study


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (_looked_at, "| `it` | 5, 8 | 2 of 2 (16 to 100 %) | 5: 2 | 15 of 24 |"),
        (_looked_at, "| `it` | rmsprop | 1 | 1 of 1 | 0 of 1 (0 to 98 %) | 0.0000 (validation loss) |"),
        (_audited_twice, "(2 of each on average) ended better than the winner: 1 of 1 (3 to 100 %).**"),
        (_repeated, "| `it` | sgd ahead of adam | 0.00 pp | 5 | 12.5 of 25 | 50 % (19 to 81) |"),
        (lambda _: _measured(), "No study here compares arms on common seeds."),
        (_unfinished, "No study here stops runs early."),
    ],
)
def test_a_page_is_made_of_one_study(make: "Callable[[Path], Study]", told: str, tmp_path: Path) -> None:
    """With looks and an audit, of equal arms, without a confirm phase, or begun: each has its sentence."""
    facts = Facts(load_study(make(tmp_path).write(tmp_path)))
    assert told in page({"it": facts})


def test_several_data_sets_are_told_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each as a study of its own; what they took is told once."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    text = _TWO.format(*write_folders(tmp_path))
    made = page({"two": Facts(load_study(write_study(tmp_path, text, _accuracy)))})
    assert "| `two on small` |" in made
    assert "| `two on large` |" in made
    assert made.count("| `two` |") == 1


def test_no_study_makes_a_page_too() -> None:
    """Every section says that there is none."""
    assert page({}).count("No study here") == 4
