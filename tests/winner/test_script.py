"""A winner's script reaches the harness's numbers to the last bit: every row of every registry."""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.recipe.configuration import Configuration
from harness.recipe.metrics import Goal
from harness.training.arithmetic import denormals_flushed, fp32_arithmetic
from harness.training.models import MODELS
from harness.winning.winner import ConfirmedRun
from tests.contracts.test_every_row import CHOICES, configured
from tests.drill import _idx
from tests.winner.comparing import SEED, Data, by_harness, by_script, executed, script_for

BEST = Goal("val_loss", "lower")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Data:
    """Return 60 images of 16 x 16 pixels in two classes, and 20 for testing, in IDX files."""
    folder, generator = tmp_path_factory.mktemp("bits"), np.random.default_rng(5)
    for part, count in (("train", 60), ("t10k", 20)):
        images = generator.integers(0, 256, (count, 16, 16), dtype=np.uint8)
        (folder / f"{part}-images-idx3-ubyte").write_bytes(_idx(images))
        (folder / f"{part}-labels-idx1-ubyte").write_bytes(_idx(np.arange(count, dtype=np.uint8) % 2))
    return Data.of(f"idx:{folder}")


EVERY_CHOICE = [(field, value) for field, values in CHOICES.items() for value in values]

OF_LAYERS = [
    ("batch_norm", "hidden"),
    ("batch_norm", "after_activation"),
    ("dropout", 0.5),
    ("input_norm", "batch_norm"),
    ("init", "kaiming_normal"),
    ("precision", "bf16"),
]
"""Choices that meet the layers of a model; the others meet all models alike."""


@pytest.mark.parametrize(("field", "value"), EVERY_CHOICE)
def test_a_script_trains_every_row_to_the_same_bits(data: Data, field: str, value: Any) -> None:
    """Weights, losses and accuracies, of the best epoch and on the test set."""
    check(data, configured("fcn", **{field: value}))


@pytest.mark.parametrize("model", sorted(set(MODELS) - {"fcn"}))
@pytest.mark.parametrize(("field", "value"), OF_LAYERS)
def test_a_script_trains_every_model_to_the_same_bits(data: Data, model: str, field: str, value: Any) -> None:
    """Likewise."""
    check(data, configured(model, **{field: value}))


@pytest.mark.full  # shorter siblings: the two above
@pytest.mark.parametrize("model", sorted(set(MODELS) - {"fcn"}))
@pytest.mark.parametrize(("field", "value"), [choice for choice in EVERY_CHOICE if choice not in OF_LAYERS])
def test_a_script_trains_every_row_with_every_model(data: Data, model: str, field: str, value: Any) -> None:
    """Likewise."""
    check(data, configured(model, **{field: value}))


def check(data: Data, recipe: Configuration, best_by: Goal | None = BEST, **metrics: str | None) -> None:
    """Compare all numbers of a run."""
    got = by_script(script_for(recipe, data, best_by, metrics), data)
    assert got == by_harness(recipe, data, best_by, metrics)


def a_run(values: dict[str, Any]) -> ConfirmedRun:
    """Return a confirm run that recorded some values."""
    return ConfirmedRun(run_id="b-confirm-0000", repeat=0, seed=SEED, values=values)


def test_a_script_prints_expected_beside_got(
    data: Data, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """For each confirm seed; it ends with 1 where a number is another one, and tells what data it lacks."""
    recipe = configured("fcn")
    values = by_harness(recipe, data, BEST, {})
    for test_loss, code in [(values["test_loss"], 0), (0.25, 1)]:
        run = a_run(values | {"test_loss": test_loss})
        names = executed(script_for(recipe, data, BEST, runs=(run,)))
        monkeypatch.setattr(sys, "argv", ["reproduce.py", str(data.given[0])])
        with denormals_flushed():
            assert names["main"]() == code
        shown = capsys.readouterr().out
        assert shown.count("  equal\n") == len(values) - code
        assert f"expected {test_loss!s}" in shown
    with pytest.raises(SystemExit, match="lacks train-images-idx3-ubyte"):
        names["read_data"](tmp_path)


def test_a_script_of_a_study_on_a_gpu_trains_on_what_is_here(
    data: Data, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A GPU's name is no device; where another one is here, or none, the script tells so and goes on."""
    text = script_for(configured("fcn"), data, runs=(a_run({"epoch": 0}),), device="ACME G1")
    assert 'DEVICE = "cuda" if' in text
    monkeypatch.setattr(sys, "argv", ["reproduce.py", str(data.given[0])])
    with denormals_flushed(), fp32_arithmetic():
        assert executed(text)["main"]() == 1
    assert "here, and was ACME G1: numbers may differ" in capsys.readouterr().out
