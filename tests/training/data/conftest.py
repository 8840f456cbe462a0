"""A tiny data set of real IDX files, and a cache of its own for every test."""

import gzip
import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from harness.recipe.data import ArrayFile, DatasetSpec
from harness.training.data.prepare import PreparedDataset, prepare_dataset

TINY_ARRAYS = {
    "train-images-idx3-ubyte": np.random.default_rng(1).integers(0, 256, (40, 4, 3), dtype=np.uint8),
    "train-labels-idx1-ubyte": np.arange(40, dtype=np.uint8) % 4,
    "t10k-images-idx3-ubyte": np.random.default_rng(2).integers(0, 256, (20, 4, 3), dtype=np.uint8),
    "t10k-labels-idx1-ubyte": np.arange(20, dtype=np.uint8) % 4,
}


def idx_bytes(values: np.ndarray) -> bytes:
    """Encode unsigned bytes as an IDX file."""
    return bytes([0, 0, 8, values.ndim]) + np.array(values.shape, dtype=">u4").tobytes() + values.tobytes()


@pytest.fixture(autouse=True)
def own_cache(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep every test away from the user's cache and settings."""
    if "fashion_mnist" in request.fixturenames:  # set up in the user's environment, before this
        request.getfixturevalue("fashion_mnist")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("HARNESS_DATA", raising=False)


@pytest.fixture(scope="session")
def fashion_mnist() -> PreparedDataset:
    """The real data set, wherever this machine has it or gets it from."""
    return prepare_dataset("fashion_mnist")


@pytest.fixture
def tiny_files() -> dict[str, bytes]:
    """The unpacked IDX files of the tiny data set, by name."""
    return {name: idx_bytes(values) for name, values in TINY_ARRAYS.items()}


@pytest.fixture
def tiny_spec(tiny_files: dict[str, bytes], tmp_path: Path) -> DatasetSpec:
    """Four classes, 40 training and 20 test images of 4 x 3 pixels; its system folder does not exist yet."""
    files = [
        ArrayFile(name=name, sha256=hashlib.sha256(content).hexdigest())
        for name, content in tiny_files.items()
    ]
    return DatasetSpec(
        name="tiny",
        files=tuple(files),
        n_train=40,
        n_test=20,
        shape=(1, 4, 3),
        class_sizes=(10, 10, 10, 10),
        system_folders=(str(tmp_path / "system"),),
        source="generated",
        licence="none",
    )


@pytest.fixture
def write_tiny(tiny_files: dict[str, bytes]) -> Callable[..., Path]:
    """A function that writes the tiny data set's files, compressed or plain, into a new folder."""

    def write(folder: Path, *, compressed: bool = True) -> Path:
        folder.mkdir(parents=True)
        for name, content in tiny_files.items():
            if compressed:
                (folder / f"{name}.gz").write_bytes(gzip.compress(content))
            else:
                (folder / name).write_bytes(content)
        return folder

    return write
