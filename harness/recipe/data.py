"""What a data set is, as far as a study must know it before any file is read: shape, task, sizes, origin."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import prod
from typing import Literal

from harness.recipe.metrics import Task

Kind = Literal["image", "table", "tensor"]
"""Of a sample: `image` (C, H, W), `table` (features,), `tensor` any other shape."""

Format = Literal["idx", "vendored", "cifar", "svhn", "emnist", "npz", "image_folder", "import"]
"""How the files of a data set are laid out; `harness.training.data` reads them."""

NumberType = Literal["uint8", "int32", "float32"]

_IDX_CODES: dict[NumberType, int] = {"uint8": 0x08, "int32": 0x0C, "float32": 0x0D}

BYTE_GREATEST = 255.0
"""Greatest value of a pixel."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DataFacts:
    """What is known of a data set's training samples before they are read."""

    n_train: int
    """Samples, validation part included."""
    shape: tuple[int, ...]
    """Of one sample: (C, H, W) for images, (features,) for tables."""
    class_sizes: tuple[int, ...] = ()
    """How many there are of each class, from class 0 on; empty where numbers are predicted."""
    n_outputs: int
    """Classes, or numbers to predict."""
    kind: Kind = "image"
    n_val: int | None = None
    """Samples of the data set's own validation part, which `n_train` counts; None where one is drawn."""
    is_grouped: bool = False
    """Whether a split must keep groups of samples together."""
    is_bytes: bool = True
    """Whether inputs are whole numbers from 0 to 255."""

    @property
    def task(self) -> Task:
        """Whether classes or numbers are predicted."""
        return "classification" if self.class_sizes else "regression"


@dataclass(frozen=True, kw_only=True, slots=True)
class ArrayFile:
    """One array of a data set under the name by which a declaration holds its SHA-256."""

    name: str
    """Of the published IDX file, without `.gz`; else what the array is."""
    sha256: str | None = None
    """SHA-256 of the array as an IDX file, the same whoever compressed it. None where nobody published it;
    the cache then notes what verified files held."""
    gz_sha256: str | None = None
    """SHA-256 of the published `.gz`; needed only where that of the unpacked file is not known."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Archive:
    """One published file that holds arrays in a layout of its own."""

    url: str
    """Its last part is the file's name."""
    md5: str
    sha256: str | None = None
    """Where it is known, it is what counts."""

    @property
    def name(self) -> str:
        """The file's name."""
        return self.url.rsplit("/", maxsplit=1)[-1]


@dataclass(frozen=True, kw_only=True, slots=True)
class ArrayPart:
    """One cached array of a data set, and what is published of it."""

    array: str
    """Name in the cache, such as `train-inputs`."""
    file: ArrayFile
    shape: tuple[int, ...]
    """The first axis counts samples."""
    dtype: NumberType = "uint8"

    @property
    def idx_header(self) -> bytes:
        """The bytes that stand before the values: type of number, number of axes, their lengths.

        Source: Y. LeCun, C. Cortes and C. Burges, The MNIST database, "The IDX file format".
        """
        axes = b"".join(length.to_bytes(4, "big") for length in self.shape)
        return bytes([0, 0, _IDX_CODES[self.dtype], len(self.shape)]) + axes

    @property
    def n_bytes(self) -> int:
        """Size of the unpacked IDX file, in bytes."""
        return len(self.idx_header) + prod(self.shape) * (1 if self.dtype == "uint8" else 4)


ARRAY_FILES = tuple(
    ArrayFile(name=name) for name in ("train-inputs", "train-targets", "test-inputs", "test-targets")
)
"""The arrays of a data set of which no IDX files are published."""

GROUPS_FILE = ArrayFile(name="train-groups")


@dataclass(frozen=True, kw_only=True, slots=True)
class DatasetSpec:
    """What a data set must contain, and where it is found."""

    name: str
    """The name that recipes use."""
    kind: Kind = "image"
    shape: tuple[int, ...]
    """Of one sample: (C, H, W) for images, (features,) for tables."""
    dtype: NumberType = "uint8"
    """Of the inputs."""
    greatest: float | None = BYTE_GREATEST
    """What `input_norm: unit` divides by; None for the greatest magnitude in the training split."""
    n_train: int
    """Validation part included."""
    n_val: int | None = None
    """The last of the training samples, where the data set has a validation part of its own."""
    n_test: int
    class_sizes: tuple[int, ...] = ()
    """Training samples of each class, from class 0 on; empty where numbers are predicted."""
    class_names: tuple[str, ...] = ()
    """Of data sets that name their classes; elsewhere they are known by their number."""
    target_shape: tuple[int, ...] = ()
    """Of the numbers that are predicted for one sample: () or (k,)."""
    format: Format = "idx"
    files: tuple[ArrayFile, ...] = ARRAY_FILES
    """Inputs and targets of the training samples, then of the test samples; then groups, if there are."""
    archives: tuple[Archive, ...] = ()
    """What is downloaded, where torchvision does not do it."""
    torchvision_class: str | None = None
    """Class in `torchvision.datasets` that downloads its IDX files."""
    system_folders: tuple[str, ...] = ()
    """Absolute folders into which operating system packages unpack it."""
    debian_package: str | None = None
    """Debian package that unpacks it into one of `system_folders`."""
    source: str
    """Who published it."""
    licence: str
    """Of the data, as its source states it."""
    note: str = ""
    """What a reader of results on it should know."""

    @property
    def task(self) -> Task:
        """Whether classes or numbers are predicted."""
        return self.facts.task

    @property
    def n_classes(self) -> int:
        """Classes are 0 to n_classes - 1; 0 where numbers are predicted."""
        return len(self.class_sizes)

    @property
    def is_grouped(self) -> bool:
        """Whether a split must keep groups of samples together."""
        return GROUPS_FILE.name in {file.name for file in self.files}

    @property
    def facts(self) -> DataFacts:
        """What a study's checks need to know of its training samples."""
        return DataFacts(
            n_train=self.n_train,
            shape=self.shape,
            class_sizes=self.class_sizes,
            n_outputs=self.n_classes or prod(self.target_shape),
            kind=self.kind,
            n_val=self.n_val,
            is_grouped=self.is_grouped,
            is_bytes=self.dtype == "uint8",
        )

    @property
    def parts(self) -> tuple[ArrayPart, ...]:
        """The cached arrays, in the order of `files`. Images of one channel are kept as (n, H, W)."""
        is_gray = self.kind == "image" and self.shape[0] == 1
        sample = self.shape[1:] if is_gray else self.shape
        target_dtype: NumberType = "uint8" if self.class_sizes else "float32"
        target = () if self.class_sizes else self.target_shape
        names = (
            ("train-images", "train-labels", "test-images", "test-labels")
            if self.format == "idx"
            else [file.name for file in ARRAY_FILES]
        )
        kinds: list[tuple[str, tuple[int, ...], NumberType]] = [
            (names[0], (self.n_train, *sample), self.dtype),
            (names[1], (self.n_train, *target), target_dtype),
            (names[2], (self.n_test, *sample), self.dtype),
            (names[3], (self.n_test, *target), target_dtype),
            (GROUPS_FILE.name, (self.n_train,), "int32"),
        ]
        return tuple(
            ArrayPart(array=array, file=file, shape=shape, dtype=dtype)
            for file, (array, shape, dtype) in zip(self.files, kinds, strict=False)
        )

    @property
    def sha256(self) -> dict[str, str]:
        """SHA-256 of every array that is known, by its file's name."""
        return {file.name: file.sha256 for file in self.files if file.sha256 is not None}

    def with_sha256(self, sha256: Mapping[str, str]) -> "DatasetSpec":
        """Return the same data set with the SHA-256 of every array, by its file's name."""
        return replace(self, files=tuple(replace(file, sha256=sha256[file.name]) for file in self.files))
