"""Winners of other kinds: of own code, of one of several data sets, of a program."""

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import optuna
import pytest

from harness.commands import winner
from harness.study.reading.parse import load_study
from harness.training.arithmetic import denormals_flushed
from tests.analysis.test_declared_metrics import run_study
from tests.training.test_imported import OWN
from tests.winner.comparing import executed
from tests.winner.recorded import record
from tests.withdrawing import withdrawn


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    """Search quietly, and forget what was admitted."""
    loudness = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    yield
    optuna.logging.set_verbosity(loudness)
    withdrawn()


def npz(file: Path, *, shift: float = 0.0) -> Path:
    """Write 40 samples to train with and 20 to test with, and a number to predict of each."""
    generator = np.random.default_rng(2)
    arrays = {f"x_{part}": generator.normal(shift, 1, (n, 3)) for part, n in (("train", 40), ("test", 20))}
    np.savez(file, **arrays, **{f"y{name[1:]}": x.sum(axis=1) for name, x in arrays.items()})
    return file


OF_CODE = """\
study: own
question: Which width?
recipe:
  dataset: "npz:{file}"
  model: {{import: "own:mlp", rate: 0.2}}
  loss: {{import: "own:pinball", tau: 0.4}}
  optimizer: {{import: "own:Lion", betas: [0.8, 0.9]}}
  lr: 0.01
  batch_size: 10
  epochs: 3
arms:
  narrow: {{model: {{import: "own:mlp", rate: 0.2, width: 3}}}}
  wide: {{model: {{import: "own:mlp", rate: 0.2, width: {{choices: [6, 9]}}}}}}
metrics: {{rmse: {{}}, worst: {{import: "own:worst", better: lower}}}}
search: {{trials: 2, metric: val_rmse, winner: best, early_stopping: none}}
confirm: {{seeds: 2}}
"""


def test_a_winner_of_own_code_needs_trust(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Then script and weights reach what was recorded; code that has changed is refused."""
    code = tmp_path / "code"
    code.mkdir()
    (code / "own.py").write_text(OWN, encoding="utf-8")
    file = npz(tmp_path / "own.npz")
    results = record(OF_CODE.format(file=file), code, tmp_path / "results")
    command = [str(results), "--arm", "wide", "--code", str(code), "--out"]
    assert winner.main([*command, str(tmp_path / "refused")]) == 2
    assert "Remedy: look at it, then --trust" in capsys.readouterr().err
    assert winner.main([*command, str(tmp_path / "taken"), "--trust"]) == 0
    told = capsys.readouterr().err
    assert "training it again" in told
    assert "note:" not in told
    text = (tmp_path / "taken" / "reproduce.py").read_text()
    assert "from own import mlp as imported_model" in text
    monkeypatch.setattr(sys, "argv", ["reproduce.py", str(file)])
    with denormals_flushed():
        assert executed(text)["main"]() == 0
    assert capsys.readouterr().out.count("test_worst") == 2
    card = (tmp_path / "taken" / "MODEL_CARD.md").read_text()
    assert "reached again to the last bit" in card
    assert load_study(tmp_path / "taken" / "study.yaml").metrics.keys() == {"rmse", "worst"}
    with (code / "own.py").open("a") as own:
        own.write("# edited\n")
    assert winner.main([*command, str(tmp_path / "edited"), "--trust"]) == 2
    assert "own.py: is not what the study declared" in capsys.readouterr().err


SEVERAL = """\
study: several
question: Which loss, on each?
datasets: ["npz:{first}", "npz:{second}"]
recipe: {{model: {{name: fcn, hidden: [4]}}, optimizer: adam, lr: 0.01, batch_size: 10, epochs: 2}}
arms: {{squared: {{loss: mse}}, absolute: {{loss: l1}}}}
confirm: {{seeds: 2}}
"""


def test_of_several_data_sets_one_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The arm by its name, the data set by its own; without one the error says which there are."""
    first, second = npz(tmp_path / "a.npz"), npz(tmp_path / "b.npz", shift=1)
    results = record(SEVERAL.format(first=first, second=second), tmp_path, tmp_path / "results")
    command = [str(results), "--arm", "squared"]
    assert winner.main([*command, "--out", str(tmp_path / "w")]) == 2
    told = capsys.readouterr().err
    assert "Remedy: --dataset with one of" in told
    name = told.rpartition(" ")[2].strip()
    assert winner.main([*command, "--dataset", name, "--out", str(tmp_path / "w")]) == 0
    (arm,) = load_study(tmp_path / "w" / "study.yaml").arms
    assert (arm.name, arm.fixed["dataset"]) == ("squared", f"npz:{second}")
    assert "note:" not in capsys.readouterr().err


def test_of_a_program_there_is_its_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """In a study file and in the card, a line a confirm run; neither script nor weights. Nothing runs."""
    command = [str(run_study(tmp_path / "results")), "--arm", "net", "--out"]
    assert winner.main([*command, str(tmp_path / "w")]) == 0
    assert {path.name for path in (tmp_path / "w").iterdir()} == {"study.yaml", "MODEL_CARD.md"}
    (arm,) = load_study(tmp_path / "w" / "study.yaml").arms
    card = (tmp_path / "w" / "MODEL_CARD.md").read_text()
    assert card.count("HARNESS_PHASE=confirm") == 6
    assert f"fit --rate={arm.fixed['rate']} --depth={arm.fixed['depth']} --seed=" in card
    assert "| test energy_error | 308.1 ± 2.3 kWh |" in card
    for name in ("w.py", "w.safetensors"):
        assert winner.main([*command, str(tmp_path / name)]) == 2
        assert "a program trains this arm" in capsys.readouterr().err
