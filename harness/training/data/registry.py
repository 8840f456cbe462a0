"""The data sets a recipe can name, one row each. Importable without torch."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import prod

from harness.recipe.datasets import Images


@dataclass(frozen=True, kw_only=True, slots=True)
class IdxFile:
    """One published IDX file."""

    name: str
    """File name without `.gz`."""
    sha256: str | None
    """SHA-256 of the unpacked file: the same whoever compressed it. None where nobody published it; the cache
    then notes what a verified `.gz` unpacked to."""
    gz_sha256: str | None = None
    """SHA-256 of the published `.gz`; needed only where that of the unpacked file is not known."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ArrayPart:
    """One of the four arrays of a data set, and the IDX file it comes from."""

    array: str
    """Name of the array in the cache: `train-images`, `train-labels`, `test-images` or `test-labels`."""
    file: IdxFile
    shape: tuple[int, ...]
    """`(n, height, width)` for images, `(n,)` for labels; every value is one unsigned byte."""

    @property
    def idx_header(self) -> bytes:
        """The bytes that stand before the values: type (0x08, unsigned byte), number of axes, their lengths.

        Source: Y. LeCun, C. Cortes and C. Burges, The MNIST database, "The IDX file format".
        """
        axes = b"".join(length.to_bytes(4, "big") for length in self.shape)
        return bytes([0, 0, 0x08, len(self.shape)]) + axes

    @property
    def n_bytes(self) -> int:
        """Size of the unpacked IDX file, in bytes."""
        return len(self.idx_header) + prod(self.shape)


@dataclass(frozen=True, kw_only=True, slots=True)
class DatasetSpec:
    """Where a data set is found and what exactly it must contain."""

    name: str
    """The name that recipes use."""
    torchvision_class: str | None
    """Class in `torchvision.datasets` that downloads it; None when torchvision has none."""
    train_images: IdxFile
    train_labels: IdxFile
    test_images: IdxFile
    test_labels: IdxFile
    n_train: int
    n_test: int
    image_shape: tuple[int, int]
    """`(height, width)` in pixels."""
    n_classes: int
    """Labels are 0 to n_classes - 1."""
    class_sizes: tuple[int, ...]
    """Training images of each class."""
    system_folders: tuple[str, ...]
    """Absolute folders into which operating system packages unpack it."""
    debian_package: str | None
    """Debian package that unpacks it into one of `system_folders`; None when there is none."""
    source: str
    """Who published it."""

    def with_sha256(self, sha256: Mapping[str, str]) -> "DatasetSpec":
        """Return the same data set with the SHA-256 of every unpacked file, by array name."""
        files = {
            part.array.replace("-", "_"): replace(part.file, sha256=sha256[part.array]) for part in self.parts
        }
        return replace(self, **files)  # type: ignore[arg-type]

    @property
    def sha256(self) -> dict[str, str]:
        """SHA-256 of every unpacked file that is known, by file name."""
        known = {part.file.name: part.file.sha256 for part in self.parts}
        return {name: sha256 for name, sha256 in known.items() if sha256 is not None}

    @property
    def images(self) -> Images:
        """What a study's checks need to know of its training images."""
        return Images(n_images=self.n_train, sides=self.image_shape, class_sizes=self.class_sizes)

    @property
    def parts(self) -> tuple[ArrayPart, ...]:
        """The four arrays: training images and labels, test images and labels."""
        return (
            ArrayPart(array="train-images", file=self.train_images, shape=(self.n_train, *self.image_shape)),
            ArrayPart(array="train-labels", file=self.train_labels, shape=(self.n_train,)),
            ArrayPart(array="test-images", file=self.test_images, shape=(self.n_test, *self.image_shape)),
            ArrayPart(array="test-labels", file=self.test_labels, shape=(self.n_test,)),
        )


DATASETS: dict[str, DatasetSpec] = {
    "fashion_mnist": DatasetSpec(
        name="fashion_mnist",
        torchvision_class="FashionMNIST",
        train_images=IdxFile(
            name="train-images-idx3-ubyte",
            sha256="c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
        ),
        train_labels=IdxFile(
            name="train-labels-idx1-ubyte",
            sha256="bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
        ),
        test_images=IdxFile(
            name="t10k-images-idx3-ubyte",
            sha256="5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
        ),
        test_labels=IdxFile(
            name="t10k-labels-idx1-ubyte",
            sha256="0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
        ),
        n_train=60_000,
        n_test=10_000,
        image_shape=(28, 28),
        n_classes=10,
        class_sizes=(6_000,) * 10,
        system_folders=("/usr/share/datasets/fashion-mnist",),
        debian_package="dataset-fashion-mnist",
        source="H. Xiao, K. Rasul and R. Vollgraf, Fashion-MNIST (2017), arXiv:1708.07747",
    ),
    "mnist": DatasetSpec(
        name="mnist",
        torchvision_class="MNIST",
        train_images=IdxFile(
            name="train-images-idx3-ubyte",
            sha256="ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        ),
        train_labels=IdxFile(
            name="train-labels-idx1-ubyte",
            sha256="65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        ),
        test_images=IdxFile(
            name="t10k-images-idx3-ubyte",
            sha256="0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        ),
        test_labels=IdxFile(
            name="t10k-labels-idx1-ubyte",
            sha256="ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
        ),
        n_train=60_000,
        n_test=10_000,
        image_shape=(28, 28),
        n_classes=10,
        class_sizes=(5_923, 6_742, 5_958, 6_131, 5_842, 5_421, 5_918, 6_265, 5_851, 5_949),
        system_folders=(),
        debian_package=None,
        source="LeCun et al. 1998, Gradient-Based Learning Applied to Document Recognition",
    ),
    "kmnist": DatasetSpec(
        name="kmnist",
        torchvision_class="KMNIST",
        train_images=IdxFile(
            name="train-images-idx3-ubyte",
            sha256=None,
            gz_sha256="51467d22d8cc72929e2a028a0428f2086b092bb31cfb79c69cc0a90ce135fde4",
        ),
        train_labels=IdxFile(
            name="train-labels-idx1-ubyte",
            sha256=None,
            gz_sha256="e38f9ebcd0f3ebcdec7fc8eabdcdaef93bb0df8ea12bee65224341c8183d8e17",
        ),
        test_images=IdxFile(
            name="t10k-images-idx3-ubyte",
            sha256=None,
            gz_sha256="edd7a857845ad6bb1d0ba43fe7e794d164fe2dce499a1694695a792adfac43c5",
        ),
        test_labels=IdxFile(
            name="t10k-labels-idx1-ubyte",
            sha256=None,
            gz_sha256="20bb9a0ef54c7db3efc55a92eef5582c109615df22683c380526788f98e42a1c",
        ),
        n_train=60_000,
        n_test=10_000,
        image_shape=(28, 28),
        n_classes=10,
        class_sizes=(6_000,) * 10,
        system_folders=(),
        debian_package=None,
        source="Clanuwat et al. 2018, Deep Learning for Classical Japanese Literature, arXiv:1812.01718",
    ),
}
