"""A step with everything a recipe can ask of it, against a loop written out in plain torch, in float64."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch.nn import functional

from harness.recipe.configuration import resolve
from harness.training.data.arrays import Samples
from harness.training.evaluation import Predictor
from harness.training.setup import RunSetup, set_up_run
from harness.training.step import take_step


@pytest.fixture
def images() -> Samples:
    """Return 40 images of 3 x 3 random bytes in four classes."""
    pixels = torch.randint(0, 256, (40, 1, 3, 3), generator=torch.Generator().manual_seed(2))
    return Samples(inputs=pixels.to(torch.uint8), targets=torch.arange(40) % 4)


def double_setup(images: Samples, **changes: Any) -> RunSetup:
    """Return a run about to begin, its network and inputs in float64."""
    recipe = {"model": {"name": "fcn", "hidden": [5]}, "batch_size": 12, "epochs": 2, "optimizer": "sgd"}
    setup = set_up_run(resolve(recipe | {"lr": 0.5, "activation": "tanh"} | changes), 1, images)

    def transform(pixels: torch.Tensor) -> torch.Tensor:
        return pixels.double() / 255

    before = setup.predictor
    predictor = Predictor(model=before.model.double().train(), transform=transform, loss=before.loss)
    return replace(setup, predictor=predictor)


def stepped(setup: RunSetup, images: Samples, rates: Iterable[float]) -> list[torch.Tensor]:
    """Take a step a rate, each with the first twelve images; return the losses, then the weights."""
    losses = [take_step(setup, images, torch.arange(12), rate)[0] for rate in rates]
    return [*losses, *(p.detach() for p in setup.predictor.model.parameters())]


def plainly_stepped(
    setup: RunSetup,
    images: Samples,
    rates: Iterable[float],
    smoothing: float = 0.0,
    clip: float | None = None,
) -> list[torch.Tensor]:
    """Do the same by the textbook: smoothed targets, and gradients scaled down to a norm."""
    model = setup.predictor.model
    x, labels = images.inputs[:12].double() / 255, images.targets[:12]
    target = (1 - smoothing) * functional.one_hot(labels, 4).double() + smoothing / 4
    losses = []
    for rate in rates:
        log_p = model(x).log_softmax(dim=1)
        losses.append(-log_p.detach()[torch.arange(12), labels].mean())
        gradients = torch.autograd.grad(-(target * log_p).sum(dim=1).mean(), list(model.parameters()))
        norm = torch.cat([g.flatten() for g in gradients]).norm()
        scale = 1.0 if clip is None or norm <= clip else clip / norm
        with torch.no_grad():
            for parameter, gradient in zip(model.parameters(), gradients, strict=True):
                parameter.sub_(rate * scale * gradient)
    return [*losses, *(p.detach() for p in model.parameters())]


@pytest.mark.parametrize(
    ("recipe", "plain"),
    [
        ({}, {}),
        ({"label_smoothing": 0.2}, {"smoothing": 0.2}),
        ({"clip_norm": 0.05}, {"clip": 0.05}),
        ({"clip_norm": 1e3}, {"clip": 1e3}),
        ({"label_smoothing": 0.1, "clip_norm": 0.1}, {"smoothing": 0.1, "clip": 0.1}),
    ],
)
def test_a_step_is_the_textbooks(images: Samples, recipe: dict[str, Any], plain: dict[str, Any]) -> None:
    """Losses before each step, never smoothed, and weights after three agree with steps written out.

    The clipped norm's tolerance is torch's own: it adds 1e-6 to the norm it divides by.
    """
    rates = [0.5, 0.2, 0.7]
    actual = stepped(double_setup(images, **recipe), images, rates)
    expected = plainly_stepped(double_setup(images), images, rates, **plain)
    rtol = 1e-4 if "clip_norm" in recipe else 1e-10
    for ours, theirs in zip(actual, expected, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=rtol, atol=1e-7 if "clip_norm" in recipe else 1e-12)


def test_a_step_counts_the_right_answers_before_it(images: Samples) -> None:
    """As many as the model's greatest outputs name."""
    setup = double_setup(images)
    batch = torch.tensor([3, 1, 30, 22])
    logits = setup.predictor.model(images.inputs[batch].double() / 255)
    expected = (logits.argmax(dim=1) == images.targets[batch]).sum()
    assert torch.equal(take_step(setup, images, batch, 0.5)[1], expected)
