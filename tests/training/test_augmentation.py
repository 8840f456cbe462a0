"""Built-in augmentation: what becomes of each image of a batch, and where the draws come from."""

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from harness.recipe.augmentation import Augmentation
from harness.recipe.configuration import resolve
from harness.training.augmentation import build_augment, erased, flipped, shifted
from harness.training.data.arrays import Samples
from harness.training.evaluation import evaluate
from harness.training.setup import RunSetup, set_up_run
from harness.training.step import take_step

EVERYTHING = {"flip": True, "shift": 2, "cutout": 3}

SEEDS = st.integers(0, 2**32 - 1)


def draws(seed: int = 0) -> torch.Generator:
    """Return a generator."""
    return torch.Generator().manual_seed(seed)


def numbered(n: int, *shape: int) -> torch.Tensor:
    """Return images of which no two pixels are equal, and none is 0."""
    return 1 + torch.arange(n * int(np.prod(shape)), dtype=torch.float32).reshape(n, *shape)


@given(SEEDS)
def test_an_image_is_mirrored_or_as_it_was(seed: int) -> None:
    """Left and right, all channels alike; the same draws again undo it."""
    images = numbered(20, 2, 3, 4)
    made = flipped(images, draws(seed))
    for before, after in zip(images, made, strict=True):
        assert torch.equal(after, before) or torch.equal(after, before[:, :, [3, 2, 1, 0]])
    assert torch.equal(flipped(made, draws(seed)), images)


def test_every_other_image_is_mirrored() -> None:
    """Of 4,000, half within five standard deviations of sqrt(4000) / 2 = 32."""
    images = numbered(4000, 1, 1, 2)
    n_mirrored = (flipped(images, draws())[:, 0, 0, 0] > images[:, 0, 0, 0]).sum().item()
    assert abs(n_mirrored - 2000) < 160


@given(SEEDS, st.integers(0, 3))
def test_a_shifted_image_is_a_window_of_the_reflected_one(seed: int, most: int) -> None:
    """By numpy's reflection, at the places that the generator draws; by 0 pixels it is the image itself."""
    images = numbered(6, 2, 4, 5)
    made = shifted(images, draws(seed), most).numpy()
    places = torch.randint(2 * most + 1, (6, 2), generator=draws(seed)).tolist()
    margins = ((0, 0), (0, 0), (most, most), (most, most))
    padded = np.pad(images.numpy(), margins, mode="reflect")
    for number, (row, column) in enumerate(places):
        expected = padded[number, :, row : row + 4, column : column + 5]
        assert np.array_equal(made[number], expected)


def test_shifts_reach_everywhere_alike() -> None:
    """Of 9,000 images by one pixel, each of nine places has 1,000 within five deviations of 30."""
    images = numbered(1, 1, 3, 3).expand(9000, 1, 3, 3)
    centres, counts = shifted(images, draws(), 1)[:, 0, 1, 1].unique(return_counts=True)
    assert centres.tolist() == list(range(1, 10))
    assert all(abs(count - 1000) < 150 for count in counts.tolist())


def test_the_outermost_pixels_are_not_repeated() -> None:
    """A row 1 2 3 becomes 2 1 2, 1 2 3 or 2 3 2."""
    images = numbered(1, 1, 3, 3).expand(50, 1, 3, 3)
    rows = {tuple(row) for row in shifted(images, draws(), 1)[:, 0].reshape(-1, 3).tolist()}
    assert {row for row in rows if max(row) <= 3} == {(2, 1, 2), (1, 2, 3), (2, 3, 2)}


@given(SEEDS, st.integers(1, 5))
def test_a_square_is_zero_as_far_as_it_is_in_the_image(seed: int, side: int) -> None:
    """All channels alike; from side // 2 pixels before its centre on, and nothing else changes."""
    images = numbered(8, 2, 5, 6)
    generator = draws(seed)
    made = erased(images, generator, side)
    again = draws(seed)
    rows, columns = (torch.randint(size, (8, 1), generator=again).flatten().tolist() for size in (5, 6))
    for before, after, row, column in zip(images, made, rows, columns, strict=True):
        top, left = row - side // 2, column - side // 2
        expected = before.clone()
        expected[:, max(top, 0) : top + side, max(left, 0) : left + side] = 0
        assert torch.equal(after, expected)
        n_zeros = (after[0] == 0).sum().item()
        inside = (min(top + side, 5) - max(top, 0)) * (min(left + side, 6) - max(left, 0))
        assert n_zeros == inside


def test_centres_lie_everywhere_alike() -> None:
    """Squares of one pixel: of 12,000 images each of 12 places has 1,000 within five deviations of 30."""
    made = erased(torch.ones(12000, 1, 3, 4), draws(), 1)
    assert (made == 0).sum().item() == 12000
    assert ((made == 0).sum(dim=0) - 1000).abs().max().item() < 150


@pytest.mark.parametrize("settings", [{"flip": True}, {"shift": 2}, {"cutout": 3}, EVERYTHING], ids=str)
def test_the_layout_in_memory_does_not_matter(settings: dict[str, Any]) -> None:
    """Channels last, and a batch that is a view of another; the batch itself stays as it was."""
    images = numbered(8, 3, 6, 6)
    layouts = [images, images.contiguous(memory_format=torch.channels_last), numbered(16, 3, 6, 6)[:8]]
    before = images.clone()
    made = [changed(settings, each) for each in layouts]
    assert torch.equal(made[0], made[1])
    assert torch.equal(made[0], made[2])
    assert all(torch.equal(each, before) for each in layouts)


def changed(settings: dict[str, Any], images: torch.Tensor, seed: int = 0) -> torch.Tensor:
    """Return what a recipe's settings make of a batch."""
    augment = build_augment(Augmentation(**settings), draws(seed))
    return images if augment is None else augment(images)


def test_flip_shift_and_square_follow_each_other_in_one_stream() -> None:
    """The order that is stated: of draws, and of what is done."""
    images, generator = numbered(8, 1, 6, 6), draws(4)
    by_hand = erased(shifted(flipped(images, generator), generator, 2), generator, 3)
    assert torch.equal(changed(EVERYTHING, images, seed=4), by_hand)


def test_a_seed_fixes_what_is_drawn_and_the_global_generator_is_left_alone() -> None:
    """Another seed draws other things, and so does the next batch."""
    images = numbered(50, 1, 6, 6)
    torch.manual_seed(1)
    expected = torch.rand(3)
    torch.manual_seed(1)
    first, other = changed(EVERYTHING, images), changed(EVERYTHING, images, seed=1)
    assert torch.equal(first, changed(EVERYTHING, images))
    assert not torch.equal(first, other)
    assert torch.equal(torch.rand(3), expected)
    augment = build_augment(Augmentation(**EVERYTHING), draws())
    assert augment is not None
    assert not torch.equal(augment(images), augment(images))


def set_up(images: Samples, augment: Any, seed: int = 3) -> RunSetup:
    """Return a small run about to begin."""
    recipe = {"model": {"name": "fcn", "hidden": [4]}, "optimizer": "sgd", "lr": 0.1, "batch_size": 9}
    return set_up_run(resolve(recipe | {"epochs": 2, "augment": augment}), seed, images)


@pytest.fixture
def images() -> Samples:
    """Return 40 images of two channels of 5 x 5 random bytes in two classes."""
    pixels = torch.randint(0, 256, (40, 2, 5, 5), generator=draws(4))
    return Samples(inputs=pixels.to(torch.uint8), targets=torch.arange(40) % 2)


def test_training_images_are_changed_and_no_others(images: Samples) -> None:
    """With a stream of its own: order, initialisation and everything that is validated stay as they were."""
    plain, augmented = set_up(images, "none"), set_up(images, EVERYTHING)
    batch = next(plain.batches())
    assert torch.equal(batch, next(augmented.batches()))
    losses = [evaluate(setup.predictor, images, setup.split.val).loss for setup in (plain, augmented)]
    assert losses[0] == losses[1]
    loss, _ = take_step(augmented, images, batch, 0.0)
    word = int(np.random.SeedSequence(3).generate_state(5)[4])
    inputs = changed(EVERYTHING, plain.predictor.transform(images.inputs[batch]), seed=word)
    expected = torch.nn.functional.cross_entropy(plain.predictor.model(inputs), images.targets[batch])
    assert loss.item() == pytest.approx(expected.item(), abs=1e-6)


@pytest.mark.parametrize("nothing", ["none", {}, {"flip": False, "shift": 0, "cutout": 0}], ids=str)
def test_what_is_off_draws_nothing(images: Samples, nothing: Any) -> None:
    """Such a run is one without augmentation."""
    assert set_up(images, nothing).augment is None
