"""What a worker does before its first tensor: a process of its own, without Ray."""

import subprocess
import sys
from pathlib import Path

import numpy as np

RUN = """
import sys

import torch
from ray import tune

from harness.code.named import NamedCode
from harness.recipe.configuration import resolve
from harness.study.datasets import label_of
from harness.tuning.trainable import run_trial

name = sys.argv[1]
recipe = {"dataset": name, "model": {"name": "fcn", "hidden": [2]}, "optimizer": "sgd", "lr": 0.1}
config = {
    "phase": "search",
    "seed": 3,
    "configuration": resolve(recipe | {"batch_size": 8192, "epochs": 1}).model_dump(mode="json"),
    "threads": 2,
    "device": "cpu",
    "sha256": {label_of(name): {}},
    "code": NamedCode(folder="").as_plain(),
    **dict.fromkeys(("versions", "metrics", "sources"), {}),
    **dict.fromkeys(("stall_seconds", "best_by", "weights")),
}


def report(told):
    if told["kind"] == "epoch":
        products = torch.full((400_000,), 1e-30) * 1e-10
        print(torch.count_nonzero(products.view(torch.int32)).item())


tune.report = report  # there is no session of Tune's here
run_trial(config)
"""


def test_every_thread_of_a_run_flushes_denormals(tmp_path: Path) -> None:
    """Threads keep what they were started with, which is before training: dividing so many samples does."""
    n = 40_000
    data = {"x_train": np.ones((n, 1), np.float32), "y_train": np.arange(n) % 2}
    np.savez(tmp_path / "own.npz", **data, x_test=np.ones((2, 1), np.float32), y_test=np.arange(2))
    command = [sys.executable, "-c", RUN, f"npz:{tmp_path / 'own.npz'}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stdout == "0\n", done.stderr
