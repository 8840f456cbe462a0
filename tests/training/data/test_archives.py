"""Published archives in their real formats, with a few samples: downloaded, verified, read and cached."""

import gzip
import hashlib
import io
import socket
import tarfile
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.io import savemat

from harness.errors import DataError
from harness.recipe.data import Archive, DatasetSpec
from harness.recipe.datasets import DATASETS
from harness.training.data import download
from harness.training.data.arrays import Samples, load_test_samples, load_training_samples
from harness.training.data.prepare import known_spec, prepare_dataset, prepare_spec
from tests.training.data.servers import served

Arrays = tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.uint8], NDArray[np.uint8]]


def few(shape: tuple[int, ...], n_classes: int = 10) -> Arrays:
    """Return two training samples of every class, and one test sample."""
    generator = np.random.default_rng(3)
    labels = np.arange(2 * n_classes, dtype=np.uint8) % n_classes
    inputs = generator.integers(0, 256, (3 * n_classes, *shape), dtype=np.uint8)
    return inputs[: 2 * n_classes], labels, inputs[2 * n_classes :], labels[:n_classes]


def write_cifar(folder: Path, arrays: Arrays, *, is_fine: bool) -> list[Path]:
    """Write the binary version: records of labels and pixels, in a tar."""
    inputs, labels, test_inputs, test_labels = arrays

    def records(inputs: NDArray[np.uint8], labels: NDArray[np.uint8]) -> bytes:
        columns = [labels[:, None] // 5, labels[:, None]] if is_fine else [labels[:, None]]
        return np.concatenate([*columns, inputs.reshape(len(inputs), -1)], axis=1).tobytes()

    if is_fine:
        files = {"cifar-100-binary/train.bin": records(inputs, labels)}
        files["cifar-100-binary/test.bin"] = records(test_inputs, test_labels)
    else:
        parts = [slice(4 * n, 4 * n + 4) for n in range(5)]
        files = {
            f"cifar-10-batches-bin/data_batch_{n}.bin": records(inputs[part], labels[part])
            for n, part in enumerate(parts, start=1)
        }
        files["cifar-10-batches-bin/test_batch.bin"] = records(test_inputs, test_labels)
    path = folder / ("cifar-100-binary.tar.gz" if is_fine else "cifar-10-binary.tar.gz")
    with tarfile.open(path, "w:gz") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return [path]


def write_svhn(folder: Path, arrays: Arrays) -> list[Path]:
    """Write MATLAB files: samples along the last axis, and 10 for the digit 0."""
    files = []
    for name, inputs, labels in (("train", *arrays[:2]), ("test", *arrays[2:])):
        files.append(folder / f"{name}_32x32.mat")
        digits = np.where(labels == 0, 10, labels).reshape(-1, 1)
        savemat(files[-1], {"X": inputs.transpose(2, 3, 1, 0), "y": digits}, do_compression=True)
    return files


def write_emnist(folder: Path, arrays: Arrays) -> list[Path]:
    """Write a zip of compressed IDX files: images on their side, letters from 1."""
    path = folder / "gzip.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name, inputs, labels in (("train", *arrays[:2]), ("test", *arrays[2:])):
            for kind, values in (
                ("images-idx3", inputs[:, 0].transpose(0, 2, 1)),
                ("labels-idx1", labels + 1),
            ):
                header = bytes([0, 0, 8, values.ndim]) + np.array(values.shape, dtype=">u4").tobytes()
                content = gzip.compress(header + values.tobytes())
                archive.writestr(f"gzip/emnist-letters-{name}-{kind}-ubyte.gz", content)
    return [path]


WRITERS: dict[str, tuple[Arrays, Callable[[Path, Arrays], list[Path]]]] = {
    "cifar10": (few((3, 32, 32)), lambda *given: write_cifar(*given, is_fine=False)),
    "cifar100": (few((3, 32, 32), 100), lambda *given: write_cifar(*given, is_fine=True)),
    "svhn": (few((3, 32, 32)), write_svhn),
    "emnist_letters": (few((1, 28, 28), 26), write_emnist),
}


def small(name: str, folder: Path, address: str = "http://nowhere/") -> DatasetSpec:
    """Return a row that describes a few samples, with their archives in a new folder."""
    folder.mkdir()
    arrays, write = WRITERS[name]
    archives = tuple(
        Archive(url=f"{address}{path.name}", md5=hashlib.md5(path.read_bytes()).hexdigest())  # noqa: S324
        for path in write(folder, arrays)
    )
    row = DATASETS[name]
    sizes = {"n_train": len(arrays[0]), "n_test": len(arrays[2]), "class_sizes": (2,) * row.n_classes}
    return replace(row, archives=archives, **sizes)


def same(samples: Samples, inputs: NDArray[np.uint8], labels: NDArray[np.uint8]) -> bool:
    """Whether samples are these."""
    return np.array_equal(samples.inputs, inputs) and samples.targets.tolist() == labels.tolist()


@pytest.mark.parametrize("name", WRITERS)
def test_an_archive_is_downloaded_verified_and_cached(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its samples come out as (C, H, W), classes from 0; nothing else is left, and the cache is enough."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    said: list[str] = []
    with served(tmp_path / "mirror") as address:
        spec = small(name, tmp_path / "mirror", address)
        prepared = prepare_spec(spec, progress=said.append)
    arrays, _ = WRITERS[name]
    assert same(load_training_samples(prepared), *arrays[:2])
    assert same(load_test_samples(prepared, phase="confirm"), *arrays[2:])
    assert prepared.folder.name == name
    assert {path.name for path in prepared.folder.parent.iterdir()} == {name, f"{name}.lock"}
    assert any(line.startswith(f"downloading {spec.archives[0].url}, ") for line in said)
    assert len(prepared.sha256) == 4
    assert prepare_spec(spec) == prepared


@pytest.mark.parametrize("below", [".", "cifar10"])
def test_an_archive_is_found_where_the_user_has_it(
    below: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the folder that HARNESS_DATA names, or below it in one with the data set's name."""
    folder = tmp_path / "place" / below
    folder.parent.mkdir(exist_ok=True)
    spec = small("cifar10", folder)
    monkeypatch.setenv("HARNESS_DATA", str(tmp_path / "place"))
    assert same(load_training_samples(prepare_spec(spec)), *WRITERS["cifar10"][0][:2])


def test_another_file_is_refused(tmp_path: Path) -> None:
    """By its digest, before anything of it is read; a missing one is named."""
    spec = small("cifar10", tmp_path / "place")
    file = tmp_path / "place" / "cifar-10-binary.tar.gz"
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    with pytest.raises(DataError, match=r"is not the published cifar-10-binary.tar.gz \(md5: .* expected "):
        prepare_spec(spec, tmp_path / "place")
    file.unlink()
    with pytest.raises(DataError, match=r"lacks cifar-10-binary.tar.gz"):
        prepare_spec(spec, tmp_path / "place")


@pytest.mark.parametrize("name", WRITERS)
def test_an_archive_of_something_else_is_refused(name: str, tmp_path: Path) -> None:
    """A file with the right digest that is no archive, and one that holds other samples than the row says."""
    spec = small(name, tmp_path / "place")
    with pytest.raises(DataError, match=r"has shape|have sizes"):
        prepare_spec(replace(spec, class_sizes=(1,) * spec.n_classes), tmp_path / "place")
    with pytest.raises(DataError, match="has shape"):
        prepare_spec(replace(spec, n_train=spec.n_train + 1), tmp_path / "place")
    other = b"no archive at all, but long enough for a header " * 9
    for archive in spec.archives:
        (tmp_path / "place" / archive.name).write_bytes(other)
    digest = hashlib.md5(other).hexdigest()  # noqa: S324
    archives = tuple(replace(archive, md5=digest) for archive in spec.archives)
    with pytest.raises(DataError, match=rf"cannot be read as {name} \(.*Remedy: fetch it again"):
        prepare_spec(replace(spec, archives=archives), tmp_path / "place")


def test_a_download_that_is_cut_short_or_silent_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error tells each address and what to do instead; no archive has its name before it is verified."""
    monkeypatch.setattr(download, "SILENCE_SECONDS", 0.2)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        spec = small("svhn", tmp_path / "mirror", f"http://127.0.0.1:{silent.getsockname()[1]}/")
        with pytest.raises(DataError) as caught:
            prepare_spec(spec)
    assert "train_32x32.mat could not be downloaded: timed out" in str(caught.value)
    assert str(caught.value).endswith(
        "Copy train_32x32.mat, test_32x32.mat into a folder and set HARNESS_DATA to it."
    )
    with served(tmp_path / "mirror") as address:
        moved = tuple(replace(archive, url=f"{address}{archive.name}") for archive in spec.archives)
        file = tmp_path / "mirror" / "train_32x32.mat"
        file.write_bytes(file.read_bytes()[:-5])
        with pytest.raises(DataError, match=r"train_32x32.mat.part is not the published train_32x32.mat"):
            prepare_spec(replace(spec, archives=moved))
    assert [path.name for path in (tmp_path / "cache" / "recipe-harness").iterdir()] == ["svhn.lock"]


def test_digits_come_with_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever HARNESS_DATA points: 8 x 8 pixels of 0 to 16, of each class every fifth image for the test."""
    monkeypatch.setenv("HARNESS_DATA", "/nowhere")
    prepared = prepare_dataset("digits")
    assert prepared.spec == DATASETS["digits"] == known_spec("digits")
    training, test = load_training_samples(prepared), load_test_samples(prepared, phase="confirm")
    assert (training.shape, training.greatest, training.inputs.max()) == ((1, 8, 8), 16.0, 16)
    assert training.targets.bincount().tolist() == list(DATASETS["digits"].class_sizes)
    assert test.targets.bincount().tolist() == [35, 36, 35, 36, 36, 36, 36, 35, 34, 36]
