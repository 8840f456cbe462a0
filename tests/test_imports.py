"""A study of a user's own model, optimizer and data as users run it: real processes, real Ray."""

from pathlib import Path

import pytest

from harness.declaration import Declaration
from harness.records.folder import ResultsFolder
from harness.records.frames import frames_from_events
from harness.records.journal import read_journal
from tests import drill

_CODE = """\
import math
import sys

import numpy as np
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self, input_shape, n_outputs, width: int = 4):
        super().__init__()
        self.width, self.n_calls = width, 0
        inner = [nn.Linear(math.prod(input_shape), width), nn.ReLU(), nn.Dropout(0.1)]
        self.layers = nn.Sequential(nn.Flatten(), *inner, nn.Linear(width, n_outputs))

    def forward(self, inputs):
        self.n_calls += 1
        if self.width == 5 and self.n_calls > 6:
            sys.exit("enough")
        return self.layers(inputs)


class Signs(torch.optim.Optimizer):
    def __init__(self, params, lr: float, weight_decay: float = 0.0):
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure=None):
        for group in self.param_groups:
            for parameter in group["params"]:
                parameter.mul_(1 - group["lr"] * group["weight_decay"])
                parameter.add_(parameter.grad.sign(), alpha=-group["lr"])


def load(part, n: int):
    targets = np.arange(n) % 2
    noise = np.random.default_rng(len(part)).normal(0, 0.1, (n, 3)).astype(np.float32)
    return noise + targets[:, None].astype(np.float32), targets
"""

_STUDY = """\
study: own
question: Does code of one's own train?
recipe:
  dataset: {import: "own:load", n: 60}
  model: {import: "own:Net", width: {grid: [4, 5]}}
  optimizer: {import: "own:Signs", weight_decay: 0.1}
  lr: 1e-2
  batch_size: 18
  epochs: 2
arms: {one: {}}
search: {sampler: grid}
confirm: {seeds: 1}
resources: {concurrency: 1}
"""


@pytest.mark.ray
def test_own_code_trains_is_recorded_and_is_not_continued_once_it_has_changed(tmp_path: Path) -> None:
    """Its hashes are declared, its settings are columns; code that ends a run has it fail with its line."""
    (tmp_path / "own.py").write_text(_CODE, encoding="utf-8")
    (tmp_path / "study.yaml").write_text(_STUDY, encoding="utf-8")
    done = drill.sweep(tmp_path / "study.yaml", tmp_path / "results", "--trust")
    assert done.returncode == 1, done.stderr
    folder = ResultsFolder(tmp_path / "results" / "own")
    assert list(Declaration.read(folder).sources) == ["own.py"]
    runs = frames_from_events("own", read_journal(folder), 54).runs.to_pandas().set_index("run_id")
    assert runs["status"].to_dict() == {
        "one-search-0000": "completed",
        "one-search-0001": "failed",
        "one-confirm-0000": "completed",
    }
    reason = f"SystemExit: enough ({(tmp_path / 'own.py').resolve()}:19)"
    assert runs.loc["one-search-0001", "reason"] == reason
    assert runs["config.model.width"].tolist() == [4, 5, 4]
    assert set(runs["config.optimizer"]) == {"own:Signs"}
    assert set(runs["config.optimizer.weight_decay"]) == {0.1}
    assert set(runs["config.dataset"]) == {'import:own:load{"n": 60}'}
    assert runs.loc["one-confirm-0000", "test_accuracy"] > 0.9

    before = folder.journal.read_bytes()
    (tmp_path / "own.py").write_text(_CODE + "\n", encoding="utf-8")
    again = drill.sweep(tmp_path / "study.yaml", tmp_path / "results", "--trust", "--resume")
    assert again.returncode == 2
    assert "sources.own.py: '" in again.stderr
    assert folder.journal.read_bytes() == before
