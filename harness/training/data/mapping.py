"""Arrays of a prepared data set, mapped into this process without a copy and without torch.

Those of the test set are sealed: only the confirm phase opens them.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.errors import DataError
from harness.training.data.cache import array_file
from harness.training.data.prepare import PreparedDataset


class TestSetSealedError(RuntimeError):
    """Report that something outside the confirm phase reached for the test set: a bug of ours."""

    __test__ = False  # pytest: not a test, whatever its name says


def mapped_array(prepared: PreparedDataset, array: str) -> NDArray[Any]:
    """Map one cached array; pages are shared until written to, and writing never reaches the file.

    Args:
        prepared: The data set.
        array: Name of a part of its description.

    Raises:
        DataError: It is not there or is damaged.
    """
    file = array_file(prepared.folder, array)
    try:
        values: NDArray[Any] = np.load(file, mmap_mode="c", allow_pickle=False)
    except (OSError, EOFError, ValueError) as error:
        raise DataError(
            f"{file} cannot be mapped ({error}): prepare {prepared.name} on this machine first"
        ) from error
    return values


def check_phase_may_test(phase: str) -> None:
    """Refuse the test set to every phase but `confirm`.

    Raises:
        TestSetSealedError: The phase is another one.
    """
    if phase != "confirm":
        raise TestSetSealedError(f"a run of the {phase!r} phase reached for the test set: only 'confirm' may")


def load_test_labels(prepared: PreparedDataset, *, phase: str) -> NDArray[np.uint8]:
    """Return the classes of the test samples, `(n,)` in the published order, for the confirm phase.

    Raises:
        TestSetSealedError: `phase` is not `confirm`.
        DataError: The cache was removed since, or is another machine's.
    """
    check_phase_may_test(phase)
    return mapped_array(prepared, prepared.spec.parts[3].array)
