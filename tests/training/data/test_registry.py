import string
import subprocess
import sys
from math import prod
from pathlib import Path

import pytest
import torchvision

from harness.recipe.data import DatasetSpec
from harness.recipe.datasets import DATASETS

every_row = pytest.mark.parametrize("spec", DATASETS.values(), ids=DATASETS)


def test_importing_the_registry_does_not_import_torch() -> None:
    """Study files can be checked against the names of data sets without waiting for torch."""
    script = "import sys, harness.recipe.datasets as _; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", script], check=True)


def test_rows_stand_under_their_own_name() -> None:
    """The name in a recipe is the name in the row."""
    assert list(DATASETS) == [spec.name for spec in DATASETS.values()]


@every_row
def test_what_a_row_holds_can_be_verified(spec: DatasetSpec) -> None:
    """By the SHA-256 of four different files, plain or compressed, or by the digest of its archives."""
    digests = {file.sha256 or file.gz_sha256 for file in spec.files} - {None}
    digests |= {archive.sha256 or archive.md5 for archive in spec.archives}
    assert len(digests) == (len(spec.archives) or 4)
    lengths = {32, 64} if spec.archives else {64}
    assert all(len(digest) in lengths and set(digest) <= set(string.hexdigits.lower()) for digest in digests)


def test_no_two_data_sets_share_a_checksum() -> None:
    """Some have files of the same names and sizes, so only checksums tell them apart."""
    known = [file.sha256 or file.gz_sha256 for spec in DATASETS.values() for file in spec.files]
    digests = [digest for digest in known if digest]
    assert len(set(digests)) == len(digests)


@every_row
def test_every_training_sample_has_a_class(spec: DatasetSpec) -> None:
    """The sizes of the classes add up to the training samples, and names are there for all or none."""
    assert spec.task == "classification"
    assert sum(spec.class_sizes) == spec.n_train
    assert len(spec.class_names) in {0, spec.n_classes}
    assert len(set(spec.class_names)) == len(spec.class_names)


@every_row
def test_a_row_says_where_its_data_come_from_and_on_which_terms(spec: DatasetSpec) -> None:
    """Source and licence, and a place that delivers it: torchvision, its publisher, or this package."""
    assert spec.source
    assert spec.licence
    assert spec.torchvision_class or spec.archives or spec.format == "vendored"


@every_row
def test_its_parts_are_of_the_rows_shape_and_sizes(spec: DatasetSpec) -> None:
    """Inputs and targets of training and test samples, whose IDX headers announce them."""
    inputs, targets, test_inputs, test_targets = spec.parts
    assert prod(inputs.shape) == spec.n_train * prod(spec.shape)
    assert prod(test_inputs.shape) == spec.n_test * prod(spec.shape)
    assert (targets.shape, test_targets.shape) == ((spec.n_train,), (spec.n_test,))
    for part in spec.parts:
        assert len(part.idx_header) == 4 + 4 * len(part.shape)
        assert part.n_bytes == len(part.idx_header) + prod(part.shape)


@every_row
def test_files_and_classes_agree_with_torchvision(spec: DatasetSpec) -> None:
    """The class that downloads IDX files brings exactly the row's files and classes."""
    if spec.torchvision_class is None:
        assert spec.format != "idx"
        return
    dataset_class = getattr(torchvision.datasets, spec.torchvision_class)
    assert [name for name, _ in dataset_class.resources] == [f"{part.file.name}.gz" for part in spec.parts]
    assert len(dataset_class.classes) == spec.n_classes


def test_archives_agree_with_torchvision() -> None:
    """Of those that it fetches too, which are SVHN's and EMNIST's, addresses and md5 are the same."""
    svhn, emnist = torchvision.datasets.SVHN.split_list, torchvision.datasets.EMNIST
    ours = [(archive.url, archive.md5) for archive in DATASETS["svhn"].archives]
    assert ours == [(svhn[part][0], svhn[part][2]) for part in ("train", "test")]
    for name in ("emnist_letters", "emnist_balanced"):
        assert [(archive.url, archive.md5) for archive in DATASETS[name].archives] == [
            (emnist.url, emnist.md5)
        ]


@every_row
def test_system_folders_are_absolute(spec: DatasetSpec) -> None:
    """A system's folder does not depend on where a command was started."""
    assert all(Path(folder).is_absolute() for folder in spec.system_folders)


def test_idx_header_announces_type_axes_and_lengths() -> None:
    """60,000 images of 28 x 28 unsigned bytes: 00 00, type 08, 3 axes, 0xea60, 0x1c, 0x1c."""
    train_images = DATASETS["fashion_mnist"].parts[0]
    assert train_images.idx_header.hex() == "000008030000ea600000001c0000001c"
    assert train_images.n_bytes == 16 + 47_040_000
