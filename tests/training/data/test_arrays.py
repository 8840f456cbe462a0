import dataclasses
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from harness.errors import DataError
from harness.recipe.data import DatasetSpec
from harness.training.data.arrays import load_test_samples, load_training_samples
from harness.training.data.cache import array_file
from harness.training.data.mapping import TestSetSealedError, load_test_labels
from harness.training.data.prepare import PreparedDataset, prepare_spec


@pytest.fixture
def prepared(tiny_spec: DatasetSpec, write_tiny: Callable[..., Path], tmp_path: Path) -> PreparedDataset:
    """The tiny data set, cached."""
    return prepare_spec(tiny_spec, write_tiny(tmp_path / "files"))


def test_training_images_are_bytes_with_integer_labels(prepared: PreparedDataset) -> None:
    """Images are uint8 (n, height, width), labels int64 (n,)."""
    data = load_training_samples(prepared)
    assert (data.inputs.dtype, data.inputs.shape) == (torch.uint8, (40, 1, 4, 3))
    assert (data.targets.dtype, data.targets.tolist()) == (torch.int64, [0, 1, 2, 3] * 10)
    assert len(data) == 40


def test_the_confirm_phase_opens_the_test_set(prepared: PreparedDataset) -> None:
    """A confirm run gets the test images, not the training images."""
    data = load_test_samples(prepared, phase="confirm")
    assert data.inputs.shape == (20, 1, 4, 3)
    assert data.targets.tolist() == load_test_labels(prepared, phase="confirm").tolist() == [0, 1, 2, 3] * 5


@pytest.mark.parametrize("phase", ["search", "Confirm", "", "test"])
def test_the_test_set_is_sealed_to_every_other_phase(prepared: PreparedDataset, phase: str) -> None:
    """No other phase reads it, even after a confirm run of the same process has."""
    load_test_samples(prepared, phase="confirm")
    for reach in (load_test_samples, load_test_labels):
        with pytest.raises(TestSetSealedError, match=f"{phase!r} phase reached for the test set"):
            reach(prepared, phase=phase)


def test_images_are_loaded_once_per_process(prepared: PreparedDataset) -> None:
    """Every run of a process gets the same tensors, also with a handle that came from elsewhere."""
    assert load_training_samples(prepared) is load_training_samples(dataclasses.replace(prepared))


def test_images_are_mapped_from_the_cache(prepared: PreparedDataset) -> None:
    """The tensor's memory is the cache file's pages, which processes share."""
    address = load_training_samples(prepared).inputs.data_ptr()
    with Path("/proc/self/maps").open(encoding="utf-8") as maps:
        ranges = [line.split() for line in maps if line.rstrip().endswith("tiny/train-images.npy")]
    bounds = [[int(bound, 16) for bound in fields[0].split("-")] for fields in ranges]
    assert any(low <= address < high for low, high in bounds)


def test_writing_to_images_never_reaches_the_cache(prepared: PreparedDataset) -> None:
    """A run that spoils its tensor spoils no other process."""
    before = array_file(prepared.folder, "train-images").read_bytes()
    load_training_samples(prepared).inputs.zero_()
    assert array_file(prepared.folder, "train-images").read_bytes() == before


def test_a_cache_that_is_not_on_this_machine_is_an_error(tiny_spec: DatasetSpec, tmp_path: Path) -> None:
    """A handle from another machine says what to do."""
    elsewhere = PreparedDataset(spec=tiny_spec, folder=tmp_path / "elsewhere")
    with pytest.raises(DataError, match=r"elsewhere/train-images.npy cannot .*prepare tiny on this machine"):
        load_training_samples(elsewhere)


@pytest.mark.data
def test_fashion_mnist_has_its_published_sizes(fashion_mnist: PreparedDataset) -> None:
    """60,000 training and 10,000 test images of 28 x 28; the first training image is an ankle boot (9)."""
    training, test = load_training_samples(fashion_mnist), load_test_samples(fashion_mnist, phase="confirm")
    assert training.inputs.shape == (60_000, 1, 28, 28)
    assert test.inputs.shape == (10_000, 1, 28, 28)
    assert training.targets[0] == 9
    assert test.targets.bincount().tolist() == [1000] * 10
