"""Classes of images as short text for a journal: two to a byte where 4 bits hold each, in base64."""

import base64
import binascii

import numpy as np
from numpy.typing import NDArray

_MOST_OF_FOUR_BITS = 16
MOST_CLASSES = 256
"""A class is a byte at most."""


def encode_classes(classes: NDArray[np.uint8], n_classes: int) -> str:
    """Return classes as base64: two to a byte where there are up to 16, one to a byte where there are more.

    Of two the first has the high bits; an odd number ends with four zero bits.

    Args:
        classes: `(n_images,)`, 0 to `n_classes` - 1.
        n_classes: 1 to 256.

    Raises:
        ValueError: A class is not one of them.
    """
    _check_classes(classes, n_classes)
    codes = classes
    if n_classes <= _MOST_OF_FOUR_BITS:
        pairs = np.pad(classes, (0, len(classes) % 2)).reshape(-1, 2)
        codes = np.bitwise_or(np.left_shift(pairs[:, 0], 4), pairs[:, 1])
    return base64.b64encode(codes.tobytes()).decode("ascii")


def decode_classes(text: str, n_classes: int, n_images: int) -> NDArray[np.uint8]:
    """Return what `encode_classes` was given, `(n_images,)`.

    Raises:
        ValueError: The text is no base64, or holds another number of images, or a class that is none.
    """
    try:
        codes = np.frombuffer(base64.b64decode(text, validate=True), dtype=np.uint8)
    except binascii.Error as error:
        raise ValueError(f"not base64 ({error})") from error
    is_paired = n_classes <= _MOST_OF_FOUR_BITS
    expected = (n_images + 1) // 2 if is_paired else n_images
    if len(codes) != expected:
        raise ValueError(f"{len(codes)} bytes, but {n_images} images of {n_classes} classes take {expected}")
    classes = np.stack([codes >> 4, codes & 0b1111], axis=1).reshape(-1) if is_paired else codes
    if classes[n_images:].any():
        raise ValueError("the last four bits are no image's, and not zero")
    _check_classes(classes[:n_images], n_classes)
    return classes[:n_images]


def _check_classes(classes: NDArray[np.uint8], n_classes: int) -> None:
    if not 1 <= n_classes <= MOST_CLASSES:
        raise ValueError(f"{n_classes} classes: a class is a byte, so there are 1 to {MOST_CLASSES}")
    if classes.size and classes.max() >= n_classes:
        raise ValueError(f"class {classes.max()}: of {n_classes} classes the last is {n_classes - 1}")
