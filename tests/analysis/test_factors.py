"""Statistics over the levels of a factor, by hand and by simulation."""

import numpy as np
import pytest

from analysis.statistics import factors


@pytest.mark.parametrize(
    ("rows", "tau"),
    [
        ([[1, 2, 3]], 1.0),
        ([[3, 2, 1]], -1.0),
        ([[1, 3, 2]], 1 / 3),  # two pairs of three in order
        ([[1, 2, 3], [3, 2, 1]], 0.0),
        ([[2, 2, 2]], 0.0),
    ],
)
def test_rank_correlation(rows: list[list[float]], tau: float) -> None:
    """Kendall's tau, averaged over seeds."""
    assert factors.rank_correlation([1, 10, 100], np.array(rows, dtype=float)) == pytest.approx(tau)
