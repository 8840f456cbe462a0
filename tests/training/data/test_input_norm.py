from typing import Any

import hypothesis.extra.numpy as npst
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.errors import StudyError
from harness.training.data.arrays import Samples, load_training_samples
from harness.training.data.input_norm import constants, input_statistics, input_transform
from harness.training.data.prepare import PreparedDataset
from harness.training.data.splits import stratified_split

byte_images = npst.arrays(np.uint8, st.tuples(st.integers(1, 20), st.integers(1, 3), st.just(2), st.just(3)))


def samples_of(inputs: torch.Tensor, **settings: Any) -> Samples:
    """Return samples of one class."""
    return Samples(inputs=inputs, targets=torch.zeros(len(inputs), dtype=torch.int64), **settings)


def bytes_of(*values: int) -> torch.Tensor:
    """Return a batch of one gray image."""
    return torch.tensor([[[list(values)]]], dtype=torch.uint8)


@pytest.fixture
def images() -> Samples:
    """Two training images of 0 and 255 in equal parts, and one of 100 that is not for training."""
    return samples_of(torch.cat([bytes_of(0, 255), bytes_of(255, 0), bytes_of(100, 100)]))


def test_statistics_by_hand(images: Samples) -> None:
    """Half zeros and half ones: mean 1/2, population deviation 1/2."""
    measured = input_statistics(images, torch.tensor([0, 1]))
    assert (measured.means, measured.deviations) == ([0.5], [0.5])


@settings(deadline=None)  # a busy machine is no failure
@given(pixels=byte_images, seed=st.integers(0, 100))
def test_statistics_are_numpys(pixels: np.ndarray, seed: int) -> None:
    """Mean and population deviation of each channel are numpy's in float64, for any choice of images."""
    chosen = np.random.default_rng(seed).permutation(len(pixels))[: 1 + seed % len(pixels)]
    measured = input_statistics(samples_of(torch.from_numpy(pixels)), torch.from_numpy(chosen))
    by_channel = (0, 2, 3)
    assert measured.means == pytest.approx(np.mean(pixels[chosen] / 255, axis=by_channel), abs=1e-12)
    assert measured.deviations == pytest.approx(np.std(pixels[chosen] / 255, axis=by_channel), abs=1e-12)


def test_statistics_count_every_chunk() -> None:
    """10,000 images are counted in several chunks, and the last ones weigh as much as the first."""
    pixels = torch.zeros(10_000, 1, 1, 1, dtype=torch.uint8)
    pixels[-1000:] = 255
    for data in (samples_of(pixels), samples_of(pixels.float() / 255, greatest=None)):
        measured = input_statistics(data, torch.arange(10_000))
        assert measured.means == pytest.approx([0.1], abs=1e-15)
        assert measured.deviations == pytest.approx([0.3], abs=1e-15)


def test_statistics_of_nothing_are_an_error(images: Samples) -> None:
    """An empty training split is a bug of ours."""
    with pytest.raises(ValueError, match="at least one sample"):
        input_statistics(images, torch.tensor([], dtype=torch.int64))


def test_none_leaves_pixels_as_they_are(images: Samples) -> None:
    """`none` is float32 of the same values, and the images stay bytes."""
    transformed = input_transform("none", images, torch.tensor([0, 1]))(images.inputs)
    assert transformed.dtype == torch.float32
    assert transformed.equal(images.inputs.float())
    assert images.inputs.dtype == torch.uint8


def test_unit_scales_to_one(images: Samples) -> None:
    """`unit` maps 0, 255 and 51 to 0, 1 and 0.2."""
    transform = input_transform("unit", images, torch.tensor([0, 1]))
    torch.testing.assert_close(transform(bytes_of(0, 255, 51)), torch.tensor([[[[0.0, 1.0, 0.2]]]]))


def test_standardize_uses_the_training_split_alone(images: Samples) -> None:
    """Mean and deviation are 1/2 without the third image, so 0, 255 and 102 map to -1, 1 and -0.2."""
    transform = input_transform("standardize", images, torch.tensor([0, 1]))
    torch.testing.assert_close(transform(bytes_of(0, 255, 102)), torch.tensor([[[[-1.0, 1.0, -0.2]]]]))


def test_batch_norm_scales_to_one_and_leaves_the_rest_to_the_model(images: Samples) -> None:
    """The transform is that of `unit`."""
    transform = input_transform("batch_norm", images, torch.tensor([0, 1]))
    assert (transform.scale, transform.shift) == (1 / 255, 0)


def test_constants_apply_after_scaling_to_one(images: Samples) -> None:
    """(51 / 255 - 0.1) / 0.4 = 0.25."""
    transform = input_transform({"constants": {"mean": 0.1, "std": 0.4}}, images, torch.tensor([0]))
    torch.testing.assert_close(transform(bytes_of(51)), torch.tensor([[[[0.25]]]]))


@settings(deadline=None)  # a busy machine is no failure
@given(mean=st.floats(-1, 2), std=st.floats(0.01, 10), pixels=byte_images.map(torch.from_numpy))
def test_scale_and_shift_are_the_textbook_formula(mean: float, std: float, pixels: torch.Tensor) -> None:
    """Pixel * scale + shift is (pixel / 255 - mean) / std, to float32 precision."""
    expected = ((pixels.double() / 255 - mean) / std).float()
    torch.testing.assert_close(
        constants(samples_of(pixels), mean, std)(pixels), expected, rtol=1e-5, atol=1e-4
    )


def test_colours_and_features_are_standardized_one_by_one() -> None:
    """Each channel of images and each column of a table gets mean 0 and deviation 1 in the training split."""
    generator = torch.Generator().manual_seed(1)
    colours = (
        torch.randint(0, 256, (60, 3, 4, 5), generator=generator) * torch.tensor([1, 2, 3])[:, None, None]
    )
    table = torch.randn(60, 3, generator=generator) * torch.tensor([1.0, 50.0, 1e-3]) + 7
    train = torch.arange(50)
    for data, axes in (
        (samples_of((colours // 3).to(torch.uint8)), (0, 2, 3)),
        (samples_of(table, kind="table", greatest=None), (0,)),
        (samples_of(table[:, None], kind="tensor", greatest=None), (0, 1, 2)),
    ):
        inputs = input_transform("standardize", data, train)(data.inputs[train]).double()
        torch.testing.assert_close(inputs.mean(axes), torch.zeros_like(inputs.mean(axes)), atol=1e-4, rtol=0)
        deviations = inputs.std(axes, correction=0)
        torch.testing.assert_close(deviations, torch.ones_like(deviations), atol=1e-4, rtol=0)


def test_a_feature_that_never_changes_becomes_zero() -> None:
    """In a table; the others are scaled as ever, and the table itself stays as it is."""
    table = torch.tensor([[5.0, 1.0], [5.0, 3.0]])
    data = samples_of(table, kind="table", greatest=None)
    assert input_transform("standardize", data, torch.arange(2))(table).tolist() == [[0.0, -1.0], [0.0, 1.0]]
    assert table.tolist() == [[5.0, 1.0], [5.0, 3.0]]


def test_unit_divides_by_the_greatest_value_of_the_data_set() -> None:
    """Declared for bytes (digits: 16), else the greatest magnitude in the training split."""
    digits = samples_of(bytes_of(4, 8), greatest=16.0)
    assert input_transform("unit", digits, torch.tensor([0]))(digits.inputs).flatten().tolist() == [0.25, 0.5]
    table = samples_of(torch.tensor([[1.0], [-4.0], [100.0]]), kind="table", greatest=None)
    assert input_transform("unit", table, torch.tensor([0, 1])).scale == 0.25


def test_constants_may_be_given_for_each_channel() -> None:
    """(51 / 255 - mean) / std of each of three channels, the deviation common to all."""
    data = samples_of(torch.full((1, 3, 1, 1), 51, dtype=torch.uint8))
    transform = input_transform({"constants": {"mean": [0.0, 0.1, 0.2], "std": 0.5}}, data, torch.tensor([0]))
    assert transform(data.inputs).flatten().tolist() == pytest.approx([0.4, 0.2, 0.0], abs=1e-7)


@pytest.mark.parametrize("std", [0.0, -1.0, float("nan")])
def test_a_deviation_that_is_not_positive_is_an_error(images: Samples, std: float) -> None:
    """The value and the rule are named."""
    with pytest.raises(StudyError, match=f"std must be positive, got {std}"):
        constants(images, 0.5, std)


def test_standardizing_equal_pixels_is_an_error(images: Samples) -> None:
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
    images: Samples, input_norm: str | dict[str, dict[str, float]]
) -> None:
    """The error gives the value and all that is valid; nothing is ignored."""
    with pytest.raises(
        StudyError, match=r"is not known here: use none, unit, standardize, batch_norm or \{constants"
    ):
        input_transform(input_norm, images, torch.tensor([0]))


@pytest.mark.data
def test_fashion_mnist_has_its_known_statistics(fashion_mnist: PreparedDataset) -> None:
    """Mean 0.2860 and deviation 0.3530 over all 60,000 training images."""
    measured = input_statistics(load_training_samples(fashion_mnist), torch.arange(60_000))
    assert (round(measured.means[0], 4), round(measured.deviations[0], 4)) == (0.2860, 0.3530)


@pytest.mark.data
def test_standardized_fashion_mnist_has_mean_0_and_deviation_1(fashion_mnist: PreparedDataset) -> None:
    """The training split's own inputs are standardized."""
    data = load_training_samples(fashion_mnist)
    train = stratified_split(data.targets, 0.1, seed=3).train
    inputs = input_transform("standardize", data, train)(data.inputs[train]).double()
    assert inputs.mean().item() == pytest.approx(0, abs=1e-6)
    assert inputs.std(correction=0).item() == pytest.approx(1, abs=1e-6)
