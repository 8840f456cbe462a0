import gzip
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from harness.errors import DataError
from harness.recipe.data import DatasetSpec
from harness.training.data.idx import find_folder, read_folder, read_part

IMAGES = "train-images-idx3-ubyte"
LABELS = "train-labels-idx1-ubyte"
TEST_IMAGES = "t10k-images-idx3-ubyte"


@pytest.mark.parametrize("compressed", [True, False])
def test_files_are_read_plain_and_compressed(
    tiny_spec: DatasetSpec, write_tiny: Callable[..., Path], tmp_path: Path, *, compressed: bool
) -> None:
    """The arrays have the published shapes and values, however the files are stored."""
    arrays = read_folder(tiny_spec, write_tiny(tmp_path / "files", compressed=compressed))
    assert {name: values.shape for name, values in arrays.items()} == {
        "train-images": (40, 4, 3),
        "train-labels": (40,),
        "test-images": (20, 4, 3),
        "test-labels": (20,),
    }
    assert arrays["train-labels"].tolist() == [0, 1, 2, 3] * 10
    assert np.array_equal(
        arrays["train-images"], np.random.default_rng(1).integers(0, 256, (40, 4, 3), dtype=np.uint8)
    )


def test_compression_does_not_matter(
    tiny_spec: DatasetSpec, tiny_files: dict[str, bytes], tmp_path: Path
) -> None:
    """A file that someone compressed again with other settings is still the published one."""
    file = tmp_path / f"{IMAGES}.gz"
    file.write_bytes(gzip.compress(tiny_files[IMAGES], compresslevel=1, mtime=7))
    assert read_part(tiny_spec, tiny_spec.parts[0], file).shape == (40, 4, 3)


@pytest.mark.parametrize(
    ("damage", "diagnosis"),
    [
        (lambda files: files[LABELS], f"holds the content of {LABELS} (swapped files)"),
        (lambda files: files[TEST_IMAGES], f"holds the content of {TEST_IMAGES} (swapped files)"),
        (lambda files: files[IMAGES][:-100], "truncated to 396 of 496 bytes"),
        (lambda files: files[IMAGES][:3], "starts with 00 00 08 where"),
        (lambda _: b"", "starts with nothing where"),
        (lambda files: files[IMAGES] + b"\0", "longer than 496 bytes"),
        (
            lambda files: b"\x89PNG" + files[IMAGES][4:],
            "starts with 89 50 4e 47 where an IDX file of this kind",
        ),
        (
            lambda files: files[IMAGES][:7] + b"\x29" + files[IMAGES][8:],
            "not announce an array of shape (40,",
        ),
        (
            lambda files: files[IMAGES][:-1] + bytes([files[IMAGES][-1] ^ 1]),
            "right length, but its values were altered",
        ),
    ],
    ids=[
        "labels",
        "test images",
        "truncated",
        "3 bytes",
        "empty",
        "longer",
        "not IDX",
        "other shape",
        "1 bit",
    ],
)
@pytest.mark.parametrize("compressed", [True, False])
def test_a_file_that_is_not_the_published_one_is_refused(
    tiny_spec: DatasetSpec,
    tiny_files: dict[str, bytes],
    tmp_path: Path,
    damage: Callable[[dict[str, bytes]], bytes],
    diagnosis: str,
    *,
    compressed: bool,
) -> None:
    """The error names the file, what is wrong with it, both checksums and the remedy."""
    file = tmp_path / (f"{IMAGES}.gz" if compressed else IMAGES)
    content = damage(tiny_files)
    file.write_bytes(gzip.compress(content) if compressed else content)
    with pytest.raises(DataError) as caught:
        read_part(tiny_spec, tiny_spec.parts[0], file)
    message = str(caught.value)
    assert message.startswith(f"{file} is not tiny's {IMAGES}: ")
    assert diagnosis in message
    assert f"expected {tiny_spec.files[0].sha256}" in message
    assert "Replace the file" in message


@pytest.mark.parametrize("n_lost", [1, 8, 200])
def test_a_truncated_gz_is_refused(
    tiny_spec: DatasetSpec, tiny_files: dict[str, bytes], tmp_path: Path, n_lost: int
) -> None:
    """Even if only the trailer is lost, the error names the file and says that it ends too early."""
    file = tmp_path / f"{IMAGES}.gz"
    file.write_bytes(gzip.compress(tiny_files[IMAGES])[:-n_lost])
    with pytest.raises(DataError, match=rf"{file} cannot be unpacked: it is truncated.*Replace the file"):
        read_part(tiny_spec, tiny_spec.parts[0], file)


@pytest.mark.parametrize("content", [b"<html>404</html>", b"\x1f\x8b\x08\0\0\0\0\0\0\xff" + b"\xff" * 50])
def test_a_gz_that_is_none_is_refused(tiny_spec: DatasetSpec, tmp_path: Path, content: bytes) -> None:
    """A web page saved as .gz and a damaged stream are named as damaged."""
    file = tmp_path / f"{IMAGES}.gz"
    file.write_bytes(content)
    with pytest.raises(DataError, match=rf"{file} cannot be unpacked: it is damaged .*Replace the file"):
        read_part(tiny_spec, tiny_spec.parts[0], file)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_an_unreadable_file_is_an_error(
    tiny_spec: DatasetSpec, write_tiny: Callable[..., Path], tmp_path: Path
) -> None:
    """A file that the user may not read is named, with the remedy."""
    folder = write_tiny(tmp_path / "files", compressed=False)
    (folder / IMAGES).chmod(0)
    with pytest.raises(
        DataError, match=rf"{IMAGES} cannot be read: Permission denied. Check its permissions"
    ):
        read_folder(tiny_spec, folder)


@pytest.mark.parametrize("below", ["", "raw", "tiny"])
def test_files_are_found_in_and_below_a_place(
    tiny_spec: DatasetSpec, write_tiny: Callable[..., Path], tmp_path: Path, below: str
) -> None:
    """A place may hold the files, torchvision's raw folder, or a folder with the data set's name."""
    folder = write_tiny(tmp_path / "place" / below)
    assert find_folder(tiny_spec, tmp_path / "place") == folder


def test_plain_and_compressed_files_may_be_mixed(
    tiny_spec: DatasetSpec, write_tiny: Callable[..., Path], tiny_files: dict[str, bytes], tmp_path: Path
) -> None:
    """A folder is complete when each file is there in one form or the other."""
    folder = write_tiny(tmp_path / "files")
    (folder / f"{IMAGES}.gz").unlink()
    (folder / IMAGES).write_bytes(tiny_files[IMAGES])
    assert read_folder(tiny_spec, find_folder(tiny_spec, folder)).keys() == {
        "train-images",
        "train-labels",
        "test-images",
        "test-labels",
    }


def test_an_incomplete_folder_is_an_error_that_names_the_missing_files(
    tiny_spec: DatasetSpec, write_tiny: Callable[..., Path], tmp_path: Path
) -> None:
    """The folder that comes nearest is named with what it lacks."""
    folder = write_tiny(tmp_path / "place" / "raw")
    (folder / f"{LABELS}.gz").unlink()
    (folder / f"{TEST_IMAGES}.gz").unlink()
    with pytest.raises(DataError, match=rf"{folder} lacks {LABELS}, {TEST_IMAGES} \(plain or with .gz\)"):
        find_folder(tiny_spec, tmp_path / "place")


def test_an_empty_folder_is_an_error_that_says_what_was_looked_for(
    tiny_spec: DatasetSpec, tmp_path: Path
) -> None:
    """All file names and all folders that were searched are named."""
    with pytest.raises(DataError) as caught:
        find_folder(tiny_spec, tmp_path)
    for part in tiny_spec.parts:
        assert part.file.name in str(caught.value)
    assert f"in {tmp_path}, {tmp_path}/raw, {tmp_path}/tiny" in str(caught.value)


def test_a_place_that_is_not_a_folder_is_an_error(tiny_spec: DatasetSpec, tmp_path: Path) -> None:
    """A misspelt path and the path of a file are called what they are."""
    with pytest.raises(DataError, match=f"in {tmp_path}/nowhere, which is not a folder"):
        find_folder(tiny_spec, tmp_path / "nowhere")
