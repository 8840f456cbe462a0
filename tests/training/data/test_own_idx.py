"""A folder of a user's own IDX files, real ones of a few images."""

import gzip
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from harness.errors import DataError
from harness.recipe.data import DataFacts
from harness.training.data.arrays import load_training_samples
from harness.training.data.own import facts_of
from harness.training.data.own_idx import idx_data
from harness.training.data.prepare import prepare_dataset, prepare_declared

IMAGES, LABELS = "train-images-idx3-ubyte", "train-labels-idx1-ubyte"
TEST_LABELS = "t10k-labels-idx1-ubyte"


@pytest.fixture
def folder(write_tiny: Callable[..., Path], tmp_path: Path) -> Path:
    """Return a folder with the tiny data set's plain files."""
    return write_tiny(tmp_path / "my data", compressed=False)


def idx(values: list[int], *, shape: tuple[int, ...] | None = None) -> bytes:
    """Return an IDX file of unsigned bytes."""
    shape = shape or (len(values),)
    return bytes([0, 0, 8, len(shape)]) + np.array(shape, dtype=">u4").tobytes() + bytes(values)


@pytest.mark.parametrize("compressed", [True, False])
def test_any_folder_of_idx_files_becomes_a_data_set(
    write_tiny: Callable[..., Path], tmp_path: Path, *, compressed: bool
) -> None:
    """Its sizes come from the files; it is cached and mapped like a published one."""
    folder = write_tiny(tmp_path / "my data", compressed=compressed)
    prepared = prepare_dataset(f"idx:{folder}")
    spec = prepared.spec
    assert (spec.n_train, spec.n_test, spec.shape, spec.n_classes) == (40, 20, (1, 4, 3), 4)
    assert load_training_samples(prepared).targets.tolist() == [0, 1, 2, 3] * 10
    assert prepared.folder.name == spec.name
    assert spec.name.startswith("idx-my_data-")


def test_it_is_known_by_its_content(folder: Path, write_tiny: Callable[..., Path], tmp_path: Path) -> None:
    """Compressing changes nothing; one other pixel makes another data set with a cache of its own."""
    name = idx_data(folder).spec.name
    (folder / f"{IMAGES}.gz").write_bytes(gzip.compress((folder / IMAGES).read_bytes()))
    (folder / IMAGES).unlink()
    assert idx_data(folder).spec.name == name
    other = write_tiny(tmp_path / "b" / "my data", compressed=False)
    content = bytearray((other / IMAGES).read_bytes())
    content[-1] ^= 1
    (other / IMAGES).write_bytes(content)
    assert idx_data(other).spec.name != name
    assert prepare_dataset(f"idx:{other}").folder != prepare_dataset(f"idx:{folder}").folder


def test_its_training_images_are_known_from_labels_and_a_header(folder: Path) -> None:
    """For a preview no image is read; published data sets need no file."""
    (folder / IMAGES).write_bytes((folder / IMAGES).read_bytes()[:16])
    known = facts_of(f"idx:{folder}")
    assert known == DataFacts(n_train=40, shape=(1, 4, 3), class_sizes=(10, 10, 10, 10), n_outputs=4)
    assert facts_of("kmnist") == DataFacts(
        n_train=60_000, shape=(1, 28, 28), class_sizes=(6_000,) * 10, n_outputs=10
    )


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        (LABELS, b"", "starts with nothing where an IDX file of this kind has 00 00 08 01"),
        (LABELS, idx([0] * 40, shape=(40, 1, 1)), "starts with 00 00 08 03 where an IDX file"),
        (LABELS, idx([0] * 3, shape=(40,)), "announces 40 bytes of values, but holds only 3"),
        (LABELS, idx([0] * 41, shape=(40,)), "announces 40 bytes of values, but holds more"),
        (LABELS, idx([], shape=(0,)), r"shape \(0,\), which is empty"),
        (LABELS, idx([], shape=(2**32 - 1,))[:8], "announces 4294967295 bytes of values, but holds only 0"),
        (IMAGES, idx([], shape=(2**31, 2**10, 2**10)), "or above 8589934592 bytes"),
        (LABELS, idx([0, 1] * 15), "holds 40 train images, but 30 labels"),
        (LABELS, idx([0, 2] * 20), r"missing in training: \[1\]; only in the test part: \[1, 3\]"),
        (LABELS, idx([0] * 40), "training classes must be 0, 1"),
        (TEST_LABELS, idx([0, 1, 2, 4] * 5), r"only in the test part: \[4\]"),
        (
            "t10k-images-idx3-ubyte",
            idx([0] * 40, shape=(20, 2, 1)),
            r"\(4, 3\) pixels, but test images of \(2, 1\)",
        ),
    ],
)
def test_files_that_do_not_fit_are_refused(folder: Path, name: str, content: bytes, told: str) -> None:
    """The message names the file or folder and what is wrong with it; a preview finds what it can see."""
    (folder / name).write_bytes(content)
    with pytest.raises(DataError, match=told):
        prepare_dataset(f"idx:{folder}")
    with pytest.raises(DataError, match=told):
        facts_of(f"idx:{folder}")


def test_a_damaged_archive_is_refused(folder: Path) -> None:
    """A truncated `.gz` is told as such."""
    content = gzip.compress((folder / IMAGES).read_bytes())
    (folder / IMAGES).unlink()
    (folder / f"{IMAGES}.gz").write_bytes(content[: len(content) // 2])
    with pytest.raises(DataError, match=f"{IMAGES}.gz cannot be unpacked"):
        prepare_dataset(f"idx:{folder}")


def test_a_missing_file_is_named(folder: Path) -> None:
    """With the names of all four."""
    (folder / TEST_LABELS).unlink()
    with pytest.raises(DataError, match=f"lacks {TEST_LABELS} .* one of {IMAGES}, {LABELS}"):
        prepare_dataset(f"idx:{folder}")


def test_only_declared_data_are_trained_on(folder: Path) -> None:
    """Files that were replaced since the declaration are refused, by name; put back, they are taken again."""
    declared = prepare_dataset(f"idx:{folder}").sha256
    assert prepare_declared(f"idx:{folder}", declared).sha256 == declared
    original = (folder / IMAGES).read_bytes()
    (folder / IMAGES).write_bytes(original[:-1] + bytes([original[-1] ^ 1]))
    with pytest.raises(DataError) as refused:
        prepare_declared(f"idx:{folder}", declared)
    told = str(refused.value)
    assert told.startswith(f"idx:{folder} is not the data that this study declared before its first run: ")
    assert f"not {declared[IMAGES][:12]} (SHA-256)" in told
    assert LABELS not in told
    assert "Remedy: bring the declared files back" in told
    (folder / IMAGES).write_bytes(original)
    assert prepare_declared(f"idx:{folder}", declared).sha256 == declared
