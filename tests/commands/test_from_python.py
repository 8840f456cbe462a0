"""Studies from notebooks and programs: a study as a mapping to its end, and results as objects."""

import ast
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import harness
from harness.commands.from_python import SweepError
from harness.errors import ResultsError, StudyError
from harness.records.folder import ResultsFolder

REFERENCE = Path(__file__).parents[2] / "results/reference"

STUDY: dict[str, Any] = {
    "study": "small",
    "question": "Does Adam learn digits faster than SGD?",
    "recipe": {
        "dataset": "digits",
        "model": {"name": "fcn", "hidden": [16]},
        "lr": {"low": 1e-3, "high": 1e-1, "log": True},
        "batch_size": 64,
        "epochs": 2,
    },
    "arms": {"sgd": {"optimizer": "sgd"}, "adam": {"optimizer": "adam"}},
    "search": {"trials": 2},
    "confirm": {"seeds": 2},
    "claims": [
        {"says": "Adam is better.", "better": {"arm": "adam", "than": "sgd", "metric": "test_accuracy"}}
    ],
}


@pytest.mark.ray
def test_a_mapping_is_run_to_its_rulings_and_read_back(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """And is not begun a second time in the same folder."""
    found = harness.run_study(STUDY, results_folder=tmp_path, overrides={"recipe.epochs": 1})
    assert found.folder == tmp_path / "small"
    assert found.missing is None
    assert found.is_sealed
    assert set(found.epochs["epoch"]) == {1}
    assert (found.runs["status"] == "completed").all()
    assert (found.folder / "report/index.html").exists()
    assert "report:" in capfd.readouterr().out
    with pytest.raises(SweepError, match="Remedy"):
        harness.run_study(STUDY, results_folder=tmp_path, overrides={"recipe.epochs": 1})


@pytest.mark.parametrize(
    ("change", "told"),
    [({"arms": {}}, "arms"), ({"question": 1.5}, "question"), ({"seed": object()}, "item")],
)
def test_a_mapping_with_a_mistake_is_refused_before_anything_starts(
    tmp_path: Path, change: dict[str, Any], told: str
) -> None:
    """With the field, and nothing on the disk."""
    with pytest.raises(StudyError, match=told):
        harness.run_study(STUDY | change, results_folder=tmp_path)
    assert not any(tmp_path.iterdir())


def test_a_refusal_is_told_whole(tmp_path: Path) -> None:
    """From its first word on, also where its reason holds the word that begins it."""
    place = tmp_path / "error: a name"
    place.touch()
    with pytest.raises(SweepError, match="^" + re.escape(str(place))):
        harness.run_study(STUDY, results_folder=place, quiet=True)
    with pytest.raises(SweepError, match=r"^--address: 'error: none' is no"):
        harness.run_study(STUDY, results_folder=tmp_path, address="error: none", quiet=True)


def test_no_trust_is_none(tmp_path: Path) -> None:
    """As programs hand on an option that nobody gave: no hash of this name."""
    optimizer = {"optimizer": {"import": "torch.optim:Adafactor"}}
    study = STUDY | {"arms": {"own": optimizer}, "claims": []}
    with pytest.raises(SweepError, match="--trust") as refused:
        harness.run_study(study, results_folder=tmp_path, trust=None, quiet=True)
    assert "None" not in str(refused.value)


def test_results_are_those_of_the_report() -> None:
    """Rulings, tables, figures, winners and predictions are the same."""
    folder = REFERENCE / "optimizers"
    found = harness.results(folder)
    declared = json.loads((folder / "report/claims.json").read_text())
    assert [claim.ruling for claim in found.claims] == [claim["ruling"] for claim in declared["claims"]]
    for name in ("results", "budget"):
        assert found.tables[name].csv() == (folder / f"report/tables/{name}.csv").read_text()
    assert "final_accuracy" in found.figures
    winners = found.runs[found.runs["run_id"].isin(found.chosen["run_id"])]
    assert len(winners) == 15
    assert set(winners["phase"]) == {"search"}
    confirm = found.runs[found.runs["phase"] == "confirm"].iloc[0]
    predicted = found.predictions(confirm["run_id"])
    assert predicted is not None
    assert (predicted["label"] == predicted["predicted"]).mean() == pytest.approx(confirm["test_accuracy"])


def test_what_results_hold_can_be_changed_without_changing_them() -> None:
    """A frame is the caller's own."""
    found = harness.results(REFERENCE / "dropout")
    runs = found.runs
    runs["phase"] = "none"
    assert "none" not in set(found.runs["phase"])


def test_results_show_themselves_in_a_notebook() -> None:
    """Claims, tables and figures."""
    found = harness.results(REFERENCE / "dropout")
    page = found._repr_html_()
    assert found.claims[0].claim.says in page
    assert found.claims[0].ruling in page
    assert "<table" in found.tables["results"]._repr_html_()
    assert found.figures["final_accuracy"]._repr_svg_().startswith("<?xml")
    assert isinstance(found.claims.frame, pd.DataFrame)
    assert found.claims[0].ruling in repr(found)
    with pytest.raises(KeyError, match="results"):
        found.tables["result"]


def test_no_results_folder_is_told(tmp_path: Path) -> None:
    """As by the command."""
    with pytest.raises(ResultsError, match="Remedy"):
        harness.results(tmp_path)


def test_reading_results_imports_neither_torch_nor_ray() -> None:
    """Nor Optuna."""
    code = (
        "import sys, harness; harness.results(sys.argv[1]).claims; "
        "print([name for name in ('torch', 'ray', 'optuna') if name in sys.modules])"
    )
    folder = ResultsFolder(REFERENCE / "dropout").root
    done = subprocess.run(
        [sys.executable, "-c", code, str(folder)], capture_output=True, text=True, check=True
    )
    assert ast.literal_eval(done.stdout) == []
