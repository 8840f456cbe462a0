"""With bf16 only a model's own products are shorter: what is kept, summed and judged is float32."""

from typing import Any

import pytest
import torch
from torch.nn import functional

from harness.recipe.configuration import Configuration, resolve
from harness.training.arithmetic import computed
from harness.training.averaging import begin_training
from harness.training.data.arrays import Samples
from harness.training.epoch import EpochRecord
from harness.training.evaluation import evaluate
from harness.training.loop import train
from harness.training.setup import set_up_run
from harness.training.step import take_step

_ROUNDING = 2.0**-8
"""Greatest relative error of a number rounded to bfloat16, which has eight significant bits."""


@pytest.fixture(scope="module")
def images() -> Samples:
    """Return 200 images of 16 x 16 pixels in four classes that a network can tell apart."""
    generator = torch.Generator().manual_seed(6)
    classes = torch.arange(200) % 4
    patterns = torch.randint(0, 256, (4, 1, 16, 16), generator=generator)
    noise = torch.randint(-60, 61, (200, 1, 16, 16), generator=generator)
    return Samples(inputs=(patterns[classes] + noise).clamp(0, 255).to(torch.uint8), targets=classes)


def recipe(**changes: Any) -> Configuration:
    """Return a short recipe in bf16."""
    chosen = {"model": {"name": "fcn", "hidden": [32, 16]}, "optimizer": "adam", "lr": 1e-3}
    return resolve(chosen | {"batch_size": 30, "epochs": 3, "precision": "bf16"} | changes)


def ran(configuration: Configuration, images: Samples) -> EpochRecord:
    """Return the last epoch of a run."""
    records: list[EpochRecord] = []
    train(configuration, 3, images, records.append)
    return records[-1]


def test_weights_gradients_state_and_losses_are_float32(images: Samples) -> None:
    """After steps with everything that touches a gradient; only the model's own products are shorter."""
    setup = set_up_run(recipe(clip_norm=0.5, batch_norm="hidden", dropout=0.2), 1, images)
    begin_training(setup)
    seen: list[torch.dtype] = []
    setup.predictor.model[-1].register_forward_hook(lambda *call: seen.append(call[2].dtype))  # type: ignore[index]
    loss, _ = take_step(setup, images, next(setup.batches()), 1e-3)
    parameters = list(setup.predictor.model.parameters())
    states = [value for each in setup.optimizer.state.values() for value in each.values()]
    kept = [loss, *parameters, *(p.grad for p in parameters), *states]
    assert seen == [torch.bfloat16]
    assert {each.dtype for each in kept} == {torch.float32}


def test_evaluation_has_the_precision_of_training(images: Samples) -> None:
    """The loss is the one of outputs in bf16, summed in more than float32; that in fp32 is another one."""
    setup = set_up_run(recipe(), 1, images)
    model, transform = setup.predictor.model, setup.predictor.transform
    with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
        outputs = model(transform(images.inputs))
    expected = functional.cross_entropy(outputs.float(), images.targets)
    plain = functional.cross_entropy(model(transform(images.inputs)), images.targets)
    loss = evaluate(setup.predictor, images).loss
    assert loss == pytest.approx(expected.item(), rel=1e-6)
    assert loss != pytest.approx(plain.item(), rel=1e-6)
    assert loss == pytest.approx(plain.item(), rel=_ROUNDING)


@pytest.mark.parametrize("model", ["fcn", "lenet5"])
def test_a_run_in_bf16_follows_that_in_fp32(images: Samples, model: str) -> None:
    """After eighteen steps the losses differ, and by little."""
    full, short = (ran(recipe(model={"name": model}, precision=name), images) for name in ("fp32", "bf16"))
    assert short.train_loss != full.train_loss
    assert (short.train_loss, short.val_loss) == pytest.approx((full.train_loss, full.val_loss), rel=0.05)


def test_numbers_are_predicted_in_float32(images: Samples) -> None:
    """A loss over numbers takes them as wide as the targets are."""
    data = Samples(inputs=images.inputs, targets=torch.randn(200, generator=torch.Generator().manual_seed(1)))
    assert ran(recipe(loss="mse"), data).train_loss == pytest.approx(1.0, abs=0.5)


def test_only_outputs_in_the_shorter_type_are_widened() -> None:
    """A user's model may give wider ones; what is no tensor is told of by whoever needs one."""
    wide, inputs = torch.zeros(2, dtype=torch.float64), torch.zeros(2)
    assert computed(lambda _: wide, inputs, "bf16") is wide
    assert computed(lambda _: "no tensor", inputs, "bf16") == "no tensor"  # type: ignore[arg-type,return-value]
    assert computed(lambda _: wide.bfloat16(), inputs, "bf16").dtype == torch.float32


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("model", ["fcn", "lenet5", "simple_cnn"])
def test_a_gpu_trains_in_bf16(images: Samples, model: str) -> None:
    """On the device's own products: close to fp32 there, and not the same."""
    on_gpu = Samples(inputs=images.inputs.cuda(), targets=images.targets.cuda())
    full, short = (ran(recipe(model={"name": model}, precision=name), on_gpu) for name in ("fp32", "bf16"))
    assert short.train_loss != full.train_loss
    assert short.train_loss == pytest.approx(full.train_loss, rel=0.05)
