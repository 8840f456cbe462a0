import math
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch.nn import functional

from harness.recipe.configuration import Configuration, resolve
from harness.study.reading.parse import parse_study
from harness.training.data.arrays import Samples
from harness.training.data.splits import stratified_split
from harness.training.range_test import SMOOTHING, RangePoint, Rise, Smoother, midpoint, range_test
from harness.training.setup import set_up_run


@pytest.fixture
def images() -> Samples:
    """Return 120 small images of three classes that differ by their brightness."""
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(120) % 3
    noise = torch.randint(0, 60, (120, 1, 4, 4), generator=generator)
    return Samples(inputs=(noise + 80 * labels[:, None, None, None]).to(torch.uint8), targets=labels)


def configuration(**changes: Any) -> Configuration:
    """Return a small recipe: 108 training images, 14 steps an epoch, the last of 4 images."""
    recipe = {"model": {"name": "fcn", "hidden": [8]}, "batch_size": 8, "epochs": 1, "optimizer": "sgd"}
    return resolve(recipe | {"lr": 0.1} | changes)


def points_of(recipe: Configuration, images: Samples, seed: int = 0, **rise: Any) -> list[RangePoint]:
    """Return the points of a range test."""
    return range_test(recipe, seed, images, Rise(**rise), lambda: None)


def test_rates_rise_by_a_constant_factor() -> None:
    """Five steps from 1e-4 to 1 are the powers of ten."""
    assert list(Rise(low=1e-4, high=1.0, steps=5).rates()) == pytest.approx([1e-4, 1e-3, 1e-2, 1e-1, 1.0])


def test_the_average_is_corrected_for_its_start() -> None:
    """With weight 0.95, the losses 3 and 1 average to 3, then to (0.95 * 3 + 1) / 1.95."""
    smoother = Smoother()
    assert smoother.take(3.0)[0] == pytest.approx(3.0)
    assert smoother.take(1.0)[0] == pytest.approx(3.85 / 1.95)


@pytest.mark.parametrize(
    ("loss", "diverged"), [(6.84, False), (6.86, True), (math.nan, True), (math.inf, True)]
)
def test_a_test_diverges_above_four_times_the_minimum(*, loss: float, diverged: bool) -> None:
    """After a loss of 1, (0.95 + x) / 1.95 exceeds 4 from x = 6.85 on."""
    smoother = Smoother()
    smoother.take(1.0)
    assert smoother.take(loss)[1] is diverged


@pytest.mark.parametrize(("start", "highest"), [(2.0, 16.0), (-5.0, 10.0)])
def test_a_loss_below_zero_diverges_by_what_it_fell(start: float, highest: float) -> None:
    """At -5: after a fall of 7 from 2 at -5 + 3 * 7; after none at -5 + 3 * 5, not by falling further."""
    smoother = Smoother()
    smoother.take(start)
    assert not any(smoother.take(-5.0)[1] for _ in range(1000))  # its average is -5 by now
    below, above = (-5.0 + (highest + 5.0) * share / (1 - SMOOTHING) for share in (0.999, 1.001))
    assert not replace(smoother).take(below)[1]
    assert smoother.take(above)[1]


def test_each_step_trains_with_its_own_rate(images: Samples) -> None:
    """The losses equal, bit for bit, those of a plain SGD loop over two epochs whose rate is set by hand."""
    recipe = configuration()
    points = points_of(recipe, images, low=1e-3, high=1.0, steps=20)
    setup = set_up_run(recipe, 0, images)
    weights = list(setup.predictor.model.parameters())
    batches = [*setup.batches(), *setup.batches()][:20]
    expected = []
    for point, batch in zip(points, batches, strict=True):
        logits = setup.predictor.model(setup.predictor.transform(images.inputs[batch]))
        loss = functional.cross_entropy(logits, images.targets[batch])
        expected.append(loss.item())
        for weight, gradient in zip(weights, torch.autograd.grad(loss, weights), strict=True):
            weight.data -= point.lr * gradient
    assert [point.loss for point in points] == pytest.approx(expected, rel=1e-5)
    assert [point.step for point in points] == list(range(1, 21))
    assert [point.lr for point in points] == list(Rise(low=1e-3, high=1.0, steps=20).rates())


def test_the_same_seed_gives_the_same_bits(images: Samples) -> None:
    """Every point is equal; another seed gives others."""
    first, again, other = (points_of(configuration(), images, seed, steps=30) for seed in (7, 7, 8))
    assert first == again
    assert first != other


def test_it_leaves_the_global_random_state_alone(images: Samples) -> None:
    """Tests that follow each other in one process do not influence each other."""
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    points_of(configuration(), images, steps=20)
    assert torch.equal(torch.rand(1), expected)


def test_the_recipes_own_rate_plays_no_part(images: Samples) -> None:
    """Neither do its schedule and length."""
    ordinary = points_of(configuration(), images, steps=30)
    other = configuration(lr=77.0, epochs=3, lr_schedule="cosine", warmup_epochs=1.0)
    assert points_of(other, images, steps=30) == ordinary


def test_the_loss_is_that_of_a_run(images: Samples) -> None:
    """Label smoothing and clipping act on the steps; the first loss is the same without them."""
    plain, changed = (
        points_of(recipe, images, high=1.0, steps=60)
        for recipe in (configuration(), configuration(label_smoothing=0.3, clip_norm=0.01))
    )
    assert changed[0] == plain[0]
    assert changed[-1].loss != plain[-1].loss


def test_it_ends_where_it_diverges(images: Samples) -> None:
    """Up to a rate of 1e6 the loss explodes: the last point has diverged, no other has."""
    points = points_of(configuration(), images, high=1e6, steps=200)
    assert [point.diverged for point in points] == [*[False] * (len(points) - 1), True]
    assert 20 < len(points) < 200
    best = min(point.smoothed_loss for point in points)
    assert not points[-1].smoothed_loss <= 4 * best


def test_it_reaches_the_last_rate_where_nothing_diverges(images: Samples) -> None:
    """One point a step, each announced."""
    seen: list[None] = []
    rise = Rise(high=1e-2, steps=40)
    points = range_test(configuration(), 0, images, rise, lambda: seen.append(None))
    assert len(points) == len(seen) == 40
    assert points[-1].lr == pytest.approx(1e-2)
    assert not points[-1].diverged


def test_it_never_sees_the_validation_part(images: Samples) -> None:
    """Other pixels there change nothing."""
    before = points_of(configuration(), images, seed=5, steps=30)
    images.inputs[stratified_split(images.targets, 0.1, 5).val] = 255
    assert points_of(configuration(), images, seed=5, steps=30) == before


MIDDLES = """\
study: middles
question: Where is the middle?
recipe: {model: {name: fcn}, optimizer: sgd, epochs: 3}
search: {trials: 2}
arms:
  a:
    lr: {low: 1e-3, high: 1.0, log: true}
    momentum: {low: 0.0, high: 0.9}
    weight_decay: {low: 0.0, high: 0.75, step: 0.25}
    batch_size: {low: 10, high: 1000, log: true}
    activation: {choices: [tanh, relu]}
  b:
    batch_size: {low: 16, high: 80, step: 16}
    optimizer: {one_of: {adam: {lr: {low: 1e-4, high: 1e-2, log: true}, beta1: 0.8}, sgd: {momentum: 0.5}}}
"""


def test_the_middle_of_a_space() -> None:
    """Geometric on log scales, whole for integers, the lower of two middle steps, else what comes first."""
    a, b = parse_study(MIDDLES, "middles.yaml").arms
    assert midpoint(a.space) == {
        "lr": pytest.approx(10**-1.5),
        "momentum": 0.45,
        "weight_decay": 0.25,
        "batch_size": 100,
        "activation": "tanh",
    }
    assert midpoint(b.space) == {
        "batch_size": 48,
        "optimizer": "adam",
        "lr": pytest.approx(1e-3),
        "beta1": 0.8,
    }
