import string
import subprocess
import sys
from pathlib import Path

import pytest
import torchvision

from harness.recipe.datasets import DATASETS as STUDY_DATASETS
from harness.training.data.registry import DATASETS, DatasetSpec

every_row = pytest.mark.parametrize("spec", DATASETS.values(), ids=DATASETS)


def test_importing_the_registry_does_not_import_torch() -> None:
    """Study files can be checked against the names of data sets without waiting for torch."""
    script = "import sys, harness.training.data.registry as _; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", script], check=True)


def test_rows_stand_under_their_own_name() -> None:
    """The name in a recipe is the name in the row."""
    assert list(DATASETS) == [spec.name for spec in DATASETS.values()]


@every_row
def test_checksums_are_four_different_sha256(spec: DatasetSpec) -> None:
    """No checksum was copied to a second file, and each is 64 lower case hexadecimal digits."""
    checksums = {str(part.file.sha256 or part.file.gz_sha256) for part in spec.parts}
    assert len(checksums) == 4
    assert all(len(digest) == 64 and set(digest) <= set(string.hexdigits.lower()) for digest in checksums)


def test_no_two_data_sets_share_a_checksum() -> None:
    """All have files of the same names and sizes, so only checksums tell them apart."""
    files = [part.file for spec in DATASETS.values() for part in spec.parts]
    assert len({file.sha256 or file.gz_sha256 for file in files}) == len(files)


def test_studies_know_the_same_data_sets() -> None:
    """Names and numbers of training images are those that study files are checked with."""
    assert {name: spec.n_train for name, spec in DATASETS.items()} == STUDY_DATASETS


@every_row
def test_every_training_image_has_a_class(spec: DatasetSpec) -> None:
    """The sizes of the classes add up to the training images."""
    assert len(spec.class_sizes) == spec.n_classes
    assert sum(spec.class_sizes) == spec.n_train


@every_row
def test_files_and_classes_agree_with_torchvision(spec: DatasetSpec) -> None:
    """The class that downloads the data set brings exactly the row's files and classes."""
    dataset_class = getattr(torchvision.datasets, str(spec.torchvision_class))
    assert [name for name, _ in dataset_class.resources] == [f"{part.file.name}.gz" for part in spec.parts]
    assert len(dataset_class.classes) == spec.n_classes


@every_row
def test_system_folders_are_absolute(spec: DatasetSpec) -> None:
    """A system's folder does not depend on where a command was started."""
    assert all(Path(folder).is_absolute() for folder in spec.system_folders)


def test_idx_header_announces_type_axes_and_lengths() -> None:
    """60,000 images of 28 x 28 unsigned bytes: 00 00, type 08, 3 axes, 0xea60, 0x1c, 0x1c."""
    train_images = DATASETS["fashion_mnist"].parts[0]
    assert train_images.idx_header.hex() == "000008030000ea600000001c0000001c"
    assert train_images.n_bytes == 16 + 47_040_000
