"""A study that keeps weights, and what the winner's command makes of it."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from harness.commands import winner
from harness.records.folder import ResultsFolder
from harness.training.arithmetic import denormals_flushed
from harness.training.weights import read_weights
from tests import drill
from tests.winner.comparing import executed

STUDY = """\
study: kept
question: Which weights are kept?
recipe: {{dataset: "idx:{images}", model: {{name: fcn, hidden: [8]}}, batch_size: 50, epochs: 2}}
arms:
  fixed: {{optimizer: sgd, lr: 0.1}}
  searched: {{optimizer: adam, lr: {{low: 1e-3, high: 1e-2, log: true}}}}
search: {{trials: 2, metric: val_accuracy, winner: best, early_stopping: none}}
confirm: {{seeds: 2, keep: best}}
resources: {{concurrency: 1}}
"""


@pytest.mark.ray
def test_the_best_weights_are_kept_and_taken_away(
    images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One file an arm, known by the journal; the script reaches them, and training again too, to the byte."""
    (tmp_path / "kept.yaml").write_text(STUDY.format(images=images))
    done = drill.sweep(tmp_path / "kept.yaml", tmp_path)
    assert done.returncode == 0, done.stderr
    folder = ResultsFolder(tmp_path / "kept")
    files = sorted(folder.weights.iterdir())
    assert [file.stem.partition("-")[0] for file in files] == ["fixed", "searched"]
    events = [json.loads(line) for line in folder.journal.read_text().splitlines()]
    assert sum("weights" in event for event in events) == 4

    def take(out: str, arm: str = "searched") -> tuple[int, str]:
        code = winner.main([str(folder.root), "--arm", arm, "--out", str(tmp_path / out)])
        return code, capsys.readouterr().err

    code, told = take("taken")
    assert code == 0, told
    taken = tmp_path / "taken"
    assert (taken / "weights.safetensors").read_bytes() == files[1].read_bytes()
    card = (taken / "MODEL_CARD.md").read_text()
    assert "kept by the study" in card
    assert "sealed by the journal's first event" in card
    assert card.count("| 25 |") == 4  # four classes
    names = executed((taken / "reproduce.py").read_text())
    monkeypatch.setattr(sys, "argv", ["reproduce.py", str(images)])
    with denormals_flushed():
        assert names["main"]() == 0
    assert capsys.readouterr().out.count("weights ") == 1
    weights, facts = read_weights(taken / "weights.safetensors")
    names["build_network"]().load_state_dict(weights)
    assert np.isfinite([facts["inputs"]["scale"], facts["inputs"]["shift"]]).all()

    files[1].unlink()
    code, told = take("again.safetensors")
    assert code == 0
    assert "are not there any more: training it again" in told
    assert "note:" not in told
    assert (tmp_path / "again.safetensors").read_bytes() == (taken / "weights.safetensors").read_bytes()
    files[0].write_bytes(b"altered")
    code, told = take("altered.safetensors", "fixed")
    assert code == 2
    assert "is not the file that the study wrote" in told
    assert not (tmp_path / "altered.safetensors").exists()
