"""What the cluster tests need beyond Python: without it they are skipped, and fail where it must be there."""

import os

import pytest

REQUIRE_VARIABLE = "HARNESS_REQUIRE_CLUSTER"
"""Set to 1 where every component is installed, as in CI: a missing one is then a failure, not a skip."""


def require(name: str, is_there: bool, reason: str) -> None:  # noqa: FBT001 - reads as a sentence where it is called
    """Skip the test that asks, or fail it where every component must be there.

    Args:
        name: The component, such as `Slurm`.
        is_there: Whether it can be used.
        reason: What is missing, and how to get it.
    """
    if is_there:
        return
    message = f"{name}: {reason}"
    if os.environ.get(REQUIRE_VARIABLE) == "1":
        pytest.fail(f"{message} ({REQUIRE_VARIABLE}=1 asks for it)")
    pytest.skip(message)
