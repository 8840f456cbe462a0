"""Small colour pictures of a square, a cross or a ring, each somewhere and in some colour."""

import numpy as np
from numpy.typing import NDArray

SIDE = 16


def load(part: str, n: int = 1200, noise: float = 40.0) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Return `(n, 3, 16, 16)` pictures and their classes, 0 to 2: others in the test part.

    Args:
        part: `train` or `test`.
        n: Pictures.
        noise: Standard deviation of every value, of 255.
    """
    generator = np.random.default_rng({"train": 1, "test": 2}[part])
    classes = np.arange(n) % 3
    across, down = np.arange(SIDE), np.arange(SIDE)[:, None]
    pictures = generator.normal(100, noise, (n, 3, SIDE, SIDE))
    for number, class_ in enumerate(classes):
        x, y = (
            np.abs(across - generator.integers(4, SIDE - 4)),
            np.abs(down - generator.integers(4, SIDE - 4)),
        )
        square, cross = np.maximum(x, y) <= 3, (np.minimum(x, y) <= 0) & (np.maximum(x, y) <= 4)
        ring = np.maximum(x, y) == 4
        pictures[number] += generator.uniform(40, 120, (3, 1, 1)) * (square, cross, ring)[class_]
    return pictures.clip(0, 255).astype(np.uint8), classes
