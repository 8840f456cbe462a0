"""The data sets that recipes can name, as far as a study must know them before any file is read."""

from dataclasses import dataclass
from pathlib import PurePath

from harness.errors import nearest

DATASETS: dict[str, int] = {"fashion_mnist": 60_000, "mnist": 60_000, "kmnist": 60_000}
"""From a name to its number of training images, validation part included. A contract test compares both with
`harness.training.data.registry`."""


CLASS_NAMES: dict[str, tuple[str, ...]] = {
    "fashion_mnist": (
        "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat",
        "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
    ),
    "kmnist": ("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"),
}  # fmt: skip
"""The classes of data sets that name them, from class 0 on; elsewhere they are known by their number.

Source: the README of Fashion-MNIST; Clanuwat et al. 2018 (KMNIST, the syllables of its Hiragana).
"""


@dataclass(frozen=True, kw_only=True)
class Images:
    """What is known of a data set's training images before they are read."""

    n_images: int
    """Validation part included."""
    sides: tuple[int, int]
    """`(height, width)` in pixels."""
    class_sizes: tuple[int, ...]
    """How many there are of each class, from class 0 on."""


IDX_PREFIX = "idx:"
"""What stands before the folder of a user's own IDX files."""


def checked_dataset(name: str) -> str:
    """Return a recipe's data set if it is a known name, or `idx:` and an absolute folder.

    Raises:
        ValueError: It is neither.
    """
    if name in DATASETS:
        return name
    if not name.startswith(IDX_PREFIX):
        raise ValueError(
            f"{name!r} is not known. {nearest(name, DATASETS)}, or idx:FOLDER with your own IDX files"
        )
    if not PurePath(name.removeprefix(IDX_PREFIX)).is_absolute():
        raise ValueError(
            f"{name!r}: the folder must be absolute, since runs start elsewhere. Remedy: idx:/path"
        )
    return name
