import hypothesis.extra.numpy as npst
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.errors import StudyError
from harness.training.data.arrays import load_training_images
from harness.training.data.pixels import constants, input_transform, pixel_statistics, raw, unit
from harness.training.data.prepare import PreparedDataset
from harness.training.data.splits import stratified_split

byte_images = npst.arrays(np.uint8, st.tuples(st.integers(1, 20), st.just(2), st.just(3)))


@pytest.fixture
def images() -> torch.Tensor:
    """Two training images of 0 and 255 in equal parts, and one of 100 that is not for training."""
    return torch.tensor([[[0, 255]], [[255, 0]], [[100, 100]]], dtype=torch.uint8)


def test_statistics_by_hand(images: torch.Tensor) -> None:
    """Half zeros and half ones: mean 1/2, population deviation 1/2."""
    assert pixel_statistics(images, torch.tensor([0, 1])) == (0.5, 0.5)


@settings(deadline=None)  # a busy machine is no failure
@given(pixels=byte_images, seed=st.integers(0, 100))
def test_statistics_are_numpys(pixels: np.ndarray, seed: int) -> None:
    """Mean and population deviation agree with numpy's in float64, for any choice of images."""
    chosen = np.random.default_rng(seed).permutation(len(pixels))[: 1 + seed % len(pixels)]
    mean, std = pixel_statistics(torch.from_numpy(pixels), torch.from_numpy(chosen))
    assert mean == pytest.approx(np.mean(pixels[chosen] / 255), abs=1e-12)
    assert std == pytest.approx(np.std(pixels[chosen] / 255), abs=1e-12)


def test_statistics_count_every_chunk() -> None:
    """10,000 images are counted in several chunks, and the last ones weigh as much as the first."""
    images = torch.zeros(10_000, 1, 1, dtype=torch.uint8)
    images[-1000:] = 255
    mean, std = pixel_statistics(images, torch.arange(10_000))
    assert mean == pytest.approx(0.1, abs=1e-15)
    assert std == pytest.approx(0.3, abs=1e-15)


def test_statistics_of_nothing_are_an_error(images: torch.Tensor) -> None:
    """An empty training split is a bug of ours."""
    with pytest.raises(ValueError, match="at least one image"):
        pixel_statistics(images, torch.tensor([], dtype=torch.int64))


def test_none_leaves_pixels_as_they_are(images: torch.Tensor) -> None:
    """`none` is float32 of the same values, and the images stay bytes."""
    transformed = input_transform("none", images, torch.tensor([0, 1]))(images)
    assert transformed.dtype == torch.float32
    assert transformed.equal(images.float())
    assert images.dtype == torch.uint8


def test_unit_scales_to_one(images: torch.Tensor) -> None:
    """`unit` maps 0, 255 and 51 to 0, 1 and 0.2."""
    transform = input_transform("unit", images, torch.tensor([0, 1]))
    torch.testing.assert_close(
        transform(torch.tensor([0, 255, 51], dtype=torch.uint8)), torch.tensor([0.0, 1.0, 0.2])
    )


def test_standardize_uses_the_training_split_alone(images: torch.Tensor) -> None:
    """Mean and deviation are 1/2 without the third image, so 0, 255 and 102 map to -1, 1 and -0.2."""
    transform = input_transform("standardize", images, torch.tensor([0, 1]))
    torch.testing.assert_close(
        transform(torch.tensor([0, 255, 102], dtype=torch.uint8)), torch.tensor([-1.0, 1.0, -0.2])
    )


def test_batch_norm_scales_to_one_and_leaves_the_rest_to_the_model(images: torch.Tensor) -> None:
    """The transform is that of `unit`."""
    assert input_transform("batch_norm", images, torch.tensor([0, 1])) == unit()


def test_constants_apply_after_scaling_to_one(images: torch.Tensor) -> None:
    """(51 / 255 - 0.1) / 0.4 = 0.25."""
    transform = input_transform({"constants": {"mean": 0.1, "std": 0.4}}, images, torch.tensor([0]))
    torch.testing.assert_close(transform(torch.tensor([51], dtype=torch.uint8)), torch.tensor([0.25]))


@settings(deadline=None)  # a busy machine is no failure
@given(mean=st.floats(-1, 2), std=st.floats(0.01, 10), pixels=byte_images.map(torch.from_numpy))
def test_scale_and_shift_are_the_textbook_formula(mean: float, std: float, pixels: torch.Tensor) -> None:
    """Pixel * scale + shift is (pixel / 255 - mean) / std, to float32 precision."""
    expected = ((pixels.double() / 255 - mean) / std).float()
    torch.testing.assert_close(constants(mean, std)(pixels), expected, rtol=1e-5, atol=1e-4)


def test_transforms_do_not_depend_on_the_images(images: torch.Tensor) -> None:
    """`none` and `unit` are the two fixed transforms."""
    assert input_transform("none", images, torch.tensor([0])) == raw()
    assert input_transform("unit", images, torch.tensor([2])) == unit()


@pytest.mark.parametrize("std", [0.0, -1.0, float("nan")])
def test_a_deviation_that_is_not_positive_is_an_error(std: float) -> None:
    """The value and the rule are named."""
    with pytest.raises(StudyError, match=f"std must be positive, got {std}"):
        constants(0.5, std)


def test_standardizing_equal_pixels_is_an_error(images: torch.Tensor) -> None:
    """A training split of one colour has deviation 0, which cannot be divided by."""
    with pytest.raises(StudyError, match="std must be positive, got 0"):
        input_transform("standardize", images, torch.tensor([2]))


@pytest.mark.parametrize(
    "input_norm",
    [
        "standardise",
        {},
        {"constants": {"mean": 0.1}},
        {"constants": {"mean": 0.1, "std": 1.0, "eps": 0.1}},
        {"constants": {"mean": 0.1, "std": 1.0}, "unit": {}},
    ],
)
def test_an_unknown_input_norm_is_an_error(
    images: torch.Tensor, input_norm: str | dict[str, dict[str, float]]
) -> None:
    """The error gives the value and all that is valid; nothing is ignored."""
    with pytest.raises(
        StudyError, match=r"is not known here: use none, unit, standardize, batch_norm or \{constants"
    ):
        input_transform(input_norm, images, torch.tensor([0]))


@pytest.mark.data
def test_fashion_mnist_has_its_known_statistics(fashion_mnist: PreparedDataset) -> None:
    """Mean 0.2860 and deviation 0.3530 over all 60,000 training images."""
    mean, std = pixel_statistics(load_training_images(fashion_mnist).images, torch.arange(60_000))
    assert (round(mean, 4), round(std, 4)) == (0.2860, 0.3530)


@pytest.mark.data
def test_standardized_fashion_mnist_has_mean_0_and_deviation_1(fashion_mnist: PreparedDataset) -> None:
    """The training split's own inputs are standardized."""
    data = load_training_images(fashion_mnist)
    train = stratified_split(data.labels, 0.1, seed=3).train
    inputs = input_transform("standardize", data.images, train)(data.images[train]).double()
    assert inputs.mean().item() == pytest.approx(0, abs=1e-6)
    assert inputs.std(correction=0).item() == pytest.approx(1, abs=1e-6)
