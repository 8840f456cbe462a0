"""Colours of arms stay apart for readers with colour-vision deficiencies."""

from itertools import combinations

import numpy as np
import pytest
from matplotlib.colors import to_rgb

from analysis.render.figure import PETROFF10

FLOOR = 15.0
"""Smallest difference in CIE L*a*b*; about 2.3 is just noticeable, 10 is seen at a glance."""

SIGHT = {
    "full": np.eye(3),
    "no red": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "no green": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "no blue": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}
"""Linear RGB as seen at full severity. Source: Machado, Oliveira and Fernandes (2009), table 1."""

XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
WHITE = np.array([0.9505, 1.0, 1.089])


def lab(color: str, sight: str) -> np.ndarray:
    """Return a colour as seen, in CIE L*a*b* (D65); shape `(3,)`."""
    coded = np.array(to_rgb(color))
    linear = np.where(coded <= 0.04045, coded / 12.92, ((coded + 0.055) / 1.055) ** 2.4)
    seen = XYZ @ np.clip(np.array(SIGHT[sight]) @ linear, 0, 1) / WHITE
    f = np.where(seen > 216 / 24389, np.cbrt(seen), (24389 / 27 * seen + 16) / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def closest(colors: list[str], sight: str) -> float:
    """Return the smallest difference between two of some colours."""
    seen = [lab(color, sight) for color in colors]
    return min(float(np.linalg.norm(first - second)) for first, second in combinations(seen, 2))


def test_white_is_white() -> None:
    """White has lightness 100 and no hue, with every kind of sight."""
    for sight in SIGHT:
        np.testing.assert_allclose(lab("#ffffff", sight), [100, 0, 0], atol=0.5)


def test_a_bad_pair_is_found() -> None:
    """This red and this green are far apart with full sight and close without green cones."""
    assert closest(["#c44e52", "#7f7f3f"], "full") > FLOOR
    assert closest(["#b15928", "#6a8a1a"], "no green") < FLOOR


@pytest.mark.parametrize("sight", SIGHT)
def test_arms_keep_their_distance(sight: str) -> None:
    """No two of the ten colours come close."""
    assert closest(list(PETROFF10), sight) > FLOOR
