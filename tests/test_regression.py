"""A study that predicts numbers, from a user's own table to claims about its own metrics."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from harness.declaration import Declaration
from harness.records.folder import ResultsFolder
from harness.records.journal import read_journal
from harness.study.feasible import check_feasible
from harness.study.plan import plan_study
from harness.study.reading.parse import parse_study
from harness.training.data.arrays import load_test_samples, load_training_samples
from harness.training.data.own import facts_of
from harness.training.data.prepare import prepare_dataset
from harness.training.evaluation import evaluate
from harness.training.loop import train
from harness.training.metrics import measures_of
from harness.tuning.declaration import declare

STUDY = """\
study: heights
question: Which loss?
recipe:
  dataset: npz:{file}
  model: {{name: fcn, hidden: [16]}}
  val_fraction: 0.25
  optimizer: adam
  lr: {{low: 1e-3, high: 1e-1, log: true}}
  batch_size: 16
  epochs: 6
metrics: {{mae: {{unit: cm, region: 0.5}}, rmse: {{unit: cm}}}}
arms:
  squared: {{loss: mse}}
  huber: {{loss: huber, huber_delta: 0.5}}
search: {{trials: 2, early_stopping: none}}
confirm: {{seeds: 3}}
claims:
  - {{says: Huber is ahead., better: {{arm: huber, than: squared, metric: test_mae}}}}
"""


@pytest.fixture
def study_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return a study of 120 rows of three features in 12 groups, and 40 test rows; noise deviates by 0.1."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    generator = np.random.default_rng(0)
    inputs = generator.normal(50, 10, (160, 3)).astype(np.float32)
    targets = inputs @ np.array([0.2, -0.1, 0.05]) + generator.normal(0, 0.1, 160)
    parts = {
        "x_train": inputs[:120],
        "y_train": targets[:120],
        "x_test": inputs[120:],
        "y_test": targets[120:],
    }
    np.savez(tmp_path / "heights.npz", groups_train=np.arange(120) % 12, **parts)
    return STUDY.format(file=tmp_path / "heights.npz")


def test_a_study_of_numbers_is_declared_and_trains(study_text: str) -> None:
    """Task, split and metrics stand in the declaration; a network leaves little but the noise unexplained."""
    study = parse_study(study_text, "heights.yaml")
    check_feasible(study, facts_of(study.dataset))
    prepared = prepare_dataset(study.dataset)
    declared = declare(study, plan_study(study), prepared.spec)
    again = Declaration.model_validate(json.loads(declared.as_bytes()))
    assert again.as_bytes() == declared.as_bytes()
    data = again.data_of("huber")
    assert (data.task, data.is_grouped, data.train_samples, data.test_samples) == ("regression", True, 90, 40)
    assert data.split.startswith("whole groups, about 0.25 of the training samples")
    assert list(again.metrics) == ["mae", "rmse"]
    configuration = study.arms[1].configuration({"lr": 0.02}).model_copy(update={"epochs": 60})
    measures = measures_of(dict.fromkeys(study.metrics))
    result = train(configuration, 1, load_training_samples(prepared), lambda _: None, measures=measures)
    test = load_test_samples(prepared, phase="confirm")
    tested = evaluate(result.predictor, test, measures=measures)
    deviation = test.targets.std().item()
    assert 0.05 < tested.metrics["rmse"] < 0.4 * deviation
    assert tested.metrics["mae"] < tested.metrics["rmse"]
    assert tested.predicted is None


@pytest.mark.full  # a shorter sibling trains and tests without Ray
@pytest.mark.ray
def test_a_sweep_of_numbers_ends_in_claims_about_its_metrics(
    study_text: str, tmp_path: Path, repository: Path
) -> None:
    """Search by the headline metric, no classes anywhere, and a report in the metric's unit."""
    (tmp_path / "heights.yaml").write_text(study_text, encoding="utf-8")
    command = [
        sys.executable,
        "-m",
        "harness.sweep",
        str(tmp_path / "heights.yaml"),
        "--results",
        str(tmp_path),
    ]
    done = subprocess.run(command, cwd=repository, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr
    folder = ResultsFolder(tmp_path / "heights")
    runs = pd.read_parquet(folder.runs).set_index("run_id")
    confirm = runs[runs["phase"] == "confirm"]
    assert len(confirm) == 6
    assert runs["status"].eq("completed").all()
    assert confirm[["test_mae", "test_rmse", "test_loss", "val_mae"]].notna().all(axis=None)
    assert runs.loc[runs["phase"] == "search", ["test_mae", "test_rmse"]].isna().all(axis=None)
    assert runs[["test_accuracy", "val_accuracy", "train_accuracy"]].isna().all(axis=None)
    assert {event.event for event in read_journal(folder)} & {"test_labels"} == set()
    (claim,) = json.loads((folder.root / "report/claims.json").read_text(encoding="utf-8"))["claims"]
    assert claim["ruling"] in {"supported", "contradicted", "equivalent", "inconclusive"}
    assert "Test MAE (cm)" in (folder.root / "report/report.md").read_text(encoding="utf-8")
