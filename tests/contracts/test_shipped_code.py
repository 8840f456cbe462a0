"""Shipped studies that name code: every arm trains its first steps, and Muon gets its weights."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from harness.recipe.configuration import resolve
from harness.training.models import build_model
from search_spaces.muon_adamw import muon_adamw

STUDIES = Path(__file__).parents[2] / "search_spaces"
NAMING = [path for path in sorted(STUDIES.glob("*.yaml")) if "import:" in path.read_text(encoding="utf-8")]


ALWAYS = "modern_optimizers"
"""Tried in every run of the tests; the others in the longer suite."""


@pytest.mark.parametrize(
    "study",
    [
        pytest.param(path, id=path.stem, marks=() if path.stem == ALWAYS else pytest.mark.full)
        for path in NAMING
    ],
)
def test_a_study_that_names_code_tries_every_arm(study: Path) -> None:
    """A dry run imports what is named, if it is trusted, and takes two steps with each arm's recipe."""
    command = [sys.executable, "-m", "harness.sweep", str(study), "--dry-run"]
    untrusted, trusted = (
        subprocess.run([*command, *more], capture_output=True, text=True, timeout=120, check=False)
        for more in ((), ("--trust",))
    )
    assert untrusted.returncode == 0, untrusted.stderr
    assert "its settings are not yet checked" in " ".join(untrusted.stdout.split())
    assert trusted.returncode == 0, trusted.stderr
    assert "its settings are not yet checked" not in " ".join(trusted.stdout.split())


@pytest.mark.parametrize("model", [{"name": "fcn", "hidden": [12, 8]}, {"name": "simple_cnn"}], ids=str)
def test_muon_trains_hidden_weights_and_adamw_the_rest(model: dict[str, object]) -> None:
    """The output layer's matrix, biases and norms are AdamW's; both have one rate and one weight decay."""
    recipe = resolve(
        {"model": model, "batch_norm": "hidden", "optimizer": "adamw", "batch_size": 4, "epochs": 1}
    )
    network = build_model(recipe, (1, 28, 28), 10)
    optimizer = muon_adamw(network.parameters(), lr=0.01, weight_decay=0.1)
    hidden, rest = (group["params"] for group in optimizer.param_groups)
    assert all(parameter.ndim >= 2 for parameter in hidden)
    assert [len(parameter) for parameter in rest if parameter.ndim >= 2] == [10]
    assert len(hidden) + len(rest) == len(list(network.parameters()))
    assert [(group["lr"], group["weight_decay"]) for group in optimizer.param_groups] == [(0.01, 0.1)] * 2
    before = [parameter.detach().clone() for parameter in network.parameters()]
    network(torch.rand(4, 1, 28, 28)).square().sum().backward()
    optimizer.step()
    assert not any(map(torch.equal, before, network.parameters()))
