import gzip
import hashlib
import os
import pickle
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from harness.errors import DataError
from harness.recipe.data import DatasetSpec
from harness.recipe.datasets import DATASETS
from harness.training.data.cache import array_file
from harness.training.data.prepare import PreparedDataset, prepare_dataset, prepare_spec

LABELS = "train-labels-idx1-ubyte"


def labels_of(prepared: PreparedDataset) -> list[int]:
    """Read the cached training labels."""
    labels: list[int] = np.load(array_file(prepared.folder, "train-labels")).tolist()
    return labels


def system_folder(spec: DatasetSpec) -> Path:
    """The first folder in which the spec's system keeps the files."""
    return Path(spec.system_folders[0])


def damage(folder: Path) -> None:
    """Flip one bit of the training labels."""
    file = folder / f"{LABELS}.gz"
    content = bytearray(gzip.decompress(file.read_bytes()))
    content[-1] ^= 1
    file.write_bytes(gzip.compress(content))


def test_a_prepared_data_set_is_cached_as_arrays(
    tiny_spec: DatasetSpec, write_tiny: Callable[..., Path], tmp_path: Path
) -> None:
    """The cache holds four uncompressed arrays of unsigned bytes and a record, and no leftovers."""
    prepared = prepare_spec(tiny_spec, write_tiny(tmp_path / "files"))
    assert prepared.folder == tmp_path / "cache" / "recipe-harness" / "tiny"
    assert {path.name for path in prepared.folder.iterdir()} == {
        "prepared.json",
        "train-images.npy",
        "train-labels.npy",
        "test-images.npy",
        "test-labels.npy",
    }
    assert {path.name for path in prepared.folder.parent.iterdir()} == {"tiny", "tiny.lock"}
    images = np.load(array_file(prepared.folder, "train-images"))
    assert (images.dtype, images.shape) == (np.uint8, (40, 4, 3))
    assert labels_of(prepared) == [0, 1, 2, 3] * 10


def test_a_prepared_data_set_can_be_sent_to_another_process(
    tiny_spec: DatasetSpec, write_tiny: Callable[..., Path], tmp_path: Path
) -> None:
    """The handle survives pickling, and is equal afterwards (so that caches keyed on it hit)."""
    prepared = prepare_spec(tiny_spec, write_tiny(tmp_path / "files"))
    received = pickle.loads(pickle.dumps(prepared))  # noqa: S301 - our own pickle
    assert received == prepared
    assert hash(received) == hash(prepared)


def test_the_handle_tells_name_and_checksums(tiny_spec: DatasetSpec, tmp_path: Path) -> None:
    """What the manifest records: the name, and the SHA-256 of each unpacked file."""
    prepared = PreparedDataset(spec=tiny_spec, folder=tmp_path)
    assert prepared.name == "tiny"
    assert prepared.sha256["t10k-labels-idx1-ubyte"] == tiny_spec.files[3].sha256
    assert len(prepared.sha256) == 4


def test_a_ready_cache_needs_nothing_else(
    tiny_spec: DatasetSpec, write_tiny: Callable[..., Path], tmp_path: Path
) -> None:
    """Once prepared, the files may go, nothing is written again and nothing is looked for."""
    first = prepare_spec(tiny_spec, write_tiny(tmp_path / "files"))
    shutil.rmtree(tmp_path / "files")
    inodes = {path.name: path.stat().st_ino for path in first.folder.iterdir()}
    said: list[str] = []
    assert prepare_spec(tiny_spec, progress=said.append) == first
    assert {path.name: path.stat().st_ino for path in first.folder.iterdir()} == inodes
    assert said == []


def test_a_damaged_cache_is_prepared_again(tiny_spec: DatasetSpec, write_tiny: Callable[..., Path]) -> None:
    """A truncated array is replaced from the next source."""
    write_tiny(system_folder(tiny_spec))
    prepared = prepare_spec(tiny_spec)
    os.truncate(array_file(prepared.folder, "train-labels"), 140)
    prepare_spec(tiny_spec)
    assert labels_of(prepared) == [0, 1, 2, 3] * 10
    assert {path.name for path in prepared.folder.parent.iterdir()} == {"tiny", "tiny.lock"}


def test_the_path_comes_before_the_variable(
    tiny_spec: DatasetSpec,
    write_tiny: Callable[..., Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With a path given, HARNESS_DATA is not looked at."""
    monkeypatch.setenv("HARNESS_DATA", str(tmp_path / "nowhere"))
    assert labels_of(prepare_spec(tiny_spec, write_tiny(tmp_path / "files"))) == [0, 1, 2, 3] * 10


def test_the_variable_comes_before_the_system(
    tiny_spec: DatasetSpec,
    write_tiny: Callable[..., Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With HARNESS_DATA set, a damaged system folder is not looked at."""
    damage(write_tiny(system_folder(tiny_spec)))
    monkeypatch.setenv("HARNESS_DATA", str(write_tiny(tmp_path / "files")))
    said: list[str] = []
    prepare_spec(tiny_spec, progress=said.append)
    assert said == [f"caching tiny in {tmp_path}/cache/recipe-harness/tiny"]


def test_the_system_comes_before_a_download(tiny_spec: DatasetSpec, write_tiny: Callable[..., Path]) -> None:
    """What the system has is not downloaded."""
    write_tiny(system_folder(tiny_spec))
    said: list[str] = []
    prepare_spec(tiny_spec, progress=said.append)
    assert [message.split(" in ")[0] for message in said] == [
        f"looking for tiny: the system's folder {system_folder(tiny_spec)}",
        "caching tiny",
    ]


def test_an_empty_variable_counts_as_not_set(
    tiny_spec: DatasetSpec, write_tiny: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """HARNESS_DATA= in a shell is no place."""
    monkeypatch.setenv("HARNESS_DATA", "")
    write_tiny(system_folder(tiny_spec))
    assert prepare_spec(tiny_spec).folder.is_dir()


@pytest.mark.parametrize("is_cached", [True, False])
def test_a_given_path_without_the_data_set_is_an_error(
    tiny_spec: DatasetSpec, write_tiny: Callable[..., Path], tmp_path: Path, *, is_cached: bool
) -> None:
    """The harness does not go on to other places, not even to a ready cache."""
    write_tiny(system_folder(tiny_spec))
    if is_cached:
        prepare_spec(tiny_spec)
    with pytest.raises(DataError) as caught:
        prepare_spec(tiny_spec, tmp_path / "nowhere")
    message = str(caught.value)
    assert message.startswith(f"the given data path ({tmp_path}/nowhere): found no tiny: looked for train-im")
    assert "leave the given data path out" in message


@pytest.mark.parametrize("is_cached", [True, False])
def test_a_damaged_file_in_the_given_folder_is_an_error(
    tiny_spec: DatasetSpec,
    write_tiny: Callable[..., Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    is_cached: bool,
) -> None:
    """HARNESS_DATA is verified every time; the error names the variable, the file and the remedy."""
    write_tiny(system_folder(tiny_spec))
    if is_cached:
        prepare_spec(tiny_spec)
    folder = write_tiny(tmp_path / "files")
    damage(folder)
    monkeypatch.setenv("HARNESS_DATA", str(folder))
    with pytest.raises(DataError) as caught:
        prepare_spec(tiny_spec)
    message = str(caught.value)
    assert message.startswith(f"$HARNESS_DATA ({folder}): {folder}/{LABELS}.gz is not tiny's {LABELS}: ")
    assert "Replace the file with the published one. Or leave $HARNESS_DATA out" in message


def test_when_nothing_delivers_the_error_lists_every_place(
    tiny_spec: DatasetSpec, write_tiny: Callable[..., Path]
) -> None:
    """A damaged system folder is passed over aloud; the error lists what happened where, and the remedy."""
    damage(write_tiny(system_folder(tiny_spec)))
    said: list[str] = []
    with pytest.raises(DataError) as caught:
        prepare_spec(tiny_spec, progress=said.append)
    lines = str(caught.value).splitlines()
    assert lines[0] == "tiny was not found and could not be fetched:"
    assert lines[1].endswith("/cache/recipe-harness/tiny: not prepared yet")
    assert lines[2].startswith(
        f"  - the system's folder {system_folder(tiny_spec)}: {system_folder(tiny_spec)}/"
    )
    assert "its values were altered" in lines[2]
    assert lines[3] == "  - download through torchvision: torchvision does not have it"
    assert lines[4] == "  - the Debian package: no Debian package has it"
    assert lines[5].startswith("Copy train-images-idx3-ubyte, ")
    assert lines[5].endswith("into a folder and set HARNESS_DATA to it.")
    assert any("its values were altered" in message for message in said)


def test_an_unknown_name_is_an_error_that_suggests_one() -> None:
    """The nearest name comes first, then all of them."""
    with pytest.raises(DataError, match=r"no data set 'fasion-mnist': did you mean 'fashion_mnist'\?"):
        prepare_dataset("fasion-mnist")


PREPARE = """
import pickle, sys, time
from pathlib import Path
from harness.training.data.prepare import prepare_spec
spec, go = pickle.loads(Path(sys.argv[1]).read_bytes()), Path(sys.argv[2])
print("ready", flush=True)
while not go.exists():
    time.sleep(0.001)
prepare_spec(spec, progress=print)
"""


def test_several_processes_may_prepare_at_once(
    tiny_spec: DatasetSpec, write_tiny: Callable[..., Path], tmp_path: Path
) -> None:
    """Of six processes that start together one writes the cache, and all find it complete."""
    write_tiny(system_folder(tiny_spec))
    (tmp_path / "spec").write_bytes(pickle.dumps(tiny_spec))
    command = [sys.executable, "-c", PREPARE, str(tmp_path / "spec"), str(tmp_path / "go")]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(6)]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    (tmp_path / "go").touch()
    outputs = [process.communicate(timeout=60)[0] for process in processes]
    assert [process.returncode for process in processes] == [0] * 6
    assert sum(output.count("caching tiny") for output in outputs) == 1
    said: list[str] = []
    prepared = prepare_spec(tiny_spec, progress=said.append)
    assert said == []
    assert {path.name for path in prepared.folder.parent.iterdir()} == {"tiny", "tiny.lock"}


FULL_DISK = """
import pickle, resource, sys
from pathlib import Path
from harness.errors import DataError
from harness.training.data.prepare import prepare_spec
spec = pickle.loads(Path(sys.argv[1]).read_bytes())
resource.setrlimit(resource.RLIMIT_FSIZE, (300, 300))
try:
    prepare_spec(spec)
except DataError as error:
    print(error)
"""


def test_a_full_disk_is_an_error_and_leaves_nothing(
    tiny_spec: DatasetSpec, write_tiny: Callable[..., Path], tmp_path: Path
) -> None:
    """When an array cannot be written whole, no cache appears and the error says what to do."""
    write_tiny(system_folder(tiny_spec))
    (tmp_path / "spec").write_bytes(pickle.dumps(tiny_spec))
    command = [sys.executable, "-c", FULL_DISK, str(tmp_path / "spec")]
    output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    folder = tmp_path / "cache" / "recipe-harness" / "tiny"
    assert output.startswith(f"cannot write the data set cache {folder}: ")
    assert "Free disk space" in output
    assert {path.name for path in folder.parent.iterdir()} == {"tiny.lock"}


@pytest.mark.data
def test_fashion_mnist_is_prepared(fashion_mnist: PreparedDataset) -> None:
    """The real data set is found or fetched, and its labels are ten classes of 6000."""
    assert fashion_mnist.spec == DATASETS["fashion_mnist"]
    assert np.bincount(labels_of(fashion_mnist)).tolist() == [6000] * 10


@pytest.mark.data
def test_torchvisions_own_folder_is_a_place(fashion_mnist: PreparedDataset, tmp_path: Path) -> None:
    """Files that torchvision unpacked below its root (FashionMNIST/raw) are found and verified."""
    raw = tmp_path / "root" / "FashionMNIST" / "raw"
    raw.mkdir(parents=True)
    for part in fashion_mnist.spec.parts:
        values = np.load(array_file(fashion_mnist.folder, part.array))
        (raw / part.file.name).write_bytes(part.idx_header + values.tobytes())
    prepared = prepare_dataset("fashion_mnist", tmp_path / "root")
    assert prepared.folder == tmp_path / "cache" / "recipe-harness" / "fashion_mnist"


def unpublished(spec: DatasetSpec, folder: Path) -> DatasetSpec:
    """Return the data set as if only the checksums of the folder's compressed files were published."""
    files = []
    for file in spec.files:
        digest = hashlib.sha256((folder / f"{file.name}.gz").read_bytes()).hexdigest()
        files.append(replace(file, sha256=None, gz_sha256=digest))
    return replace(spec, files=tuple(files))


def test_compressed_files_with_a_published_checksum_are_enough(
    tiny_spec: DatasetSpec, write_tiny: Callable[..., Path], tmp_path: Path
) -> None:
    """What they unpack to is measured once, noted in the cache and part of the prepared data set."""
    folder = write_tiny(tmp_path / "files")
    spec = unpublished(tiny_spec, folder)
    prepared = prepare_spec(spec, folder)
    assert prepared.sha256 == {part.file.name: part.file.sha256 for part in tiny_spec.parts}
    shutil.rmtree(folder)
    assert prepare_spec(spec) == prepared


def test_where_only_compressed_files_are_published_others_are_refused(
    tiny_spec: DatasetSpec, write_tiny: Callable[..., Path], tmp_path: Path
) -> None:
    """An unpacked file cannot be verified; one altered or compressed again is not the published one."""
    folder, plain = write_tiny(tmp_path / "files"), write_tiny(tmp_path / "plain", compressed=False)
    spec = unpublished(tiny_spec, folder)
    with pytest.raises(DataError, match=r"only the compressed file's SHA-256 is known. Put tiny's published"):
        prepare_spec(spec, plain)
    damage(folder)
    with pytest.raises(DataError, match=rf"{LABELS}.gz is not tiny's {LABELS}.gz \(SHA-256: "):
        prepare_spec(spec, folder)


def test_a_compressed_file_is_preferred_where_only_it_can_be_verified(
    tiny_spec: DatasetSpec, write_tiny: Callable[..., Path], tmp_path: Path
) -> None:
    """As torchvision leaves them: both in one folder."""
    folder = write_tiny(tmp_path / "files")
    (folder / LABELS).write_bytes(b"left over")
    assert labels_of(prepare_spec(unpublished(tiny_spec, folder), folder)) == [0, 1, 2, 3] * 10
