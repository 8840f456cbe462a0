"""Every row of every registry trains: a new row is picked up here by itself."""

from math import isfinite
from typing import Any

import pytest
import torch

from harness.recipe.activations import ACTIVATIONS
from harness.recipe.configuration import Configuration, resolve
from harness.recipe.dependents import READERS
from harness.recipe.initialisers import INITIALISERS
from harness.recipe.optimizers import OPTIMIZERS
from harness.recipe.schedules import SCHEDULES
from harness.training.data.arrays import Samples
from harness.training.data.input_norm import INPUT_NORMS
from harness.training.epoch import EpochRecord
from harness.training.loop import train
from harness.training.models import MODELS

REQUIRED = {"lr_step_epochs": 1, "lr_gamma": 0.5}
"""Values of fields without a default."""

CHOICES: dict[str, list[Any]] = {
    "optimizer": list(OPTIMIZERS),
    "activation": list(ACTIVATIONS),
    "init": [*INITIALISERS, {"normal": {"std": 0.1}}],
    "bias_init": ["default", "zeros"],
    "lr_schedule": list(SCHEDULES),
    "batch_norm": ["none", "hidden", "after_activation"],
    "input_norm": [*INPUT_NORMS, {"constants": {"mean": 0.3, "std": 0.4}}],
    "dropout": [0.5],
    "label_smoothing": [0.1],
    "clip_norm": [0.1],
    "warmup_epochs": [1.0],
    "precision": ["fp32", "bf16"],
    "augment": ["none", {"flip": True}, {"flip": True, "shift": 2, "cutout": 5}],
}

every_model = pytest.mark.parametrize(
    "model", [pytest.param(name, marks=() if name == "fcn" else pytest.mark.slow) for name in MODELS]
)


@pytest.fixture(scope="module")
def images() -> Samples:
    """Return 40 images of 16 x 16 pixels in two classes, of which 36 train."""
    pixels = torch.randint(0, 256, (40, 1, 16, 16), generator=torch.Generator().manual_seed(4))
    return Samples(inputs=pixels.to(torch.uint8), targets=torch.arange(40) % 2)


@pytest.fixture(scope="module")
def default_weights(images: Samples) -> dict[str, torch.Tensor]:
    """Return each model's weights after a run in which nothing was chosen."""
    return {model: run(configured(model), images)[1] for model in MODELS}


def configured(model: str, **choice: Any) -> Configuration:
    """Return a recipe of two epochs of two steps."""
    recipe = {"model": {"name": model}, "optimizer": "sgd", "lr": 1e-3, "batch_size": 18, "epochs": 2}
    needed = {
        name: REQUIRED[name]
        for field, value in choice.items()
        for name, default in READERS.get(field, {}).get(str(value), {}).items()
        if default is None
    }
    return resolve(recipe | needed | choice)


def run(configuration: Configuration, images: Samples) -> tuple[EpochRecord, torch.Tensor]:
    """Return the last epoch's record and all weights after it."""
    records: list[EpochRecord] = []
    result = train(configuration, 3, images, records.append)
    return records[-1], torch.cat([p.detach().flatten() for p in result.predictor.model.parameters()])


@every_model
@pytest.mark.parametrize(
    ("field", "value"), [(field, value) for field, values in CHOICES.items() for value in values]
)
def test_every_choice_trains_every_model_and_none_is_ignored(
    images: Samples, default_weights: dict[str, torch.Tensor], model: str, field: str, value: Any
) -> None:
    """Four steps give finite losses, and lead elsewhere than the default does."""
    configuration = configured(model, **{field: value})
    record, weights = run(configuration, images)
    assert record.step == 4
    assert isfinite(record.train_loss)
    assert record.val_loss is not None
    assert isfinite(record.val_loss)
    if configuration != configured(model):
        assert not torch.equal(weights, default_weights[model])


@every_model
def test_a_seed_fixes_every_bit(images: Samples, model: str) -> None:
    """With the last choice of every field in one recipe, a second run gives the same."""
    everything = {field: values[-1] for field, values in CHOICES.items() if field != "lr_schedule"}
    configuration = configured(model, **everything, lr_schedule="cosine")
    (first, weights), (second, again) = (run(configuration, images) for _ in range(2))
    assert first.train_loss == second.train_loss
    assert torch.equal(weights, again)


def test_every_field_of_a_recipe_is_covered_here() -> None:
    """A new field of `Configuration` needs an entry in CHOICES, or a reason below."""
    elsewhere = {
        "dataset",
        "val_fraction",
        "model",
        "batch_size",
        "epochs",
        "steps",
        "loss",
    }
    dependent = {name for rows in READERS.values() for fields in rows.values() for name in fields}
    assert set(Configuration.model_fields) == {*CHOICES, *elsewhere, *dependent}


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@every_model
def test_a_gpu_trains_every_model_to_the_same_losses(images: Samples, model: str) -> None:
    """Up to the order of float32 sums; TF32 would differ a hundred times as much."""
    on_gpu = Samples(inputs=images.inputs.cuda(), targets=images.targets.cuda())
    configuration = configured(model, batch_norm="hidden", input_norm="batch_norm")
    cpu, _ = run(configuration, images)
    gpu, _ = run(configuration, on_gpu)
    assert gpu.train_loss == pytest.approx(cpu.train_loss, rel=1e-5)
