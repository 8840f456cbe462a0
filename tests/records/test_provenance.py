"""What is recorded of the machine, and what may be used of it."""

import os

import pytest

from harness.records.provenance import usable_cores


@pytest.mark.parametrize(
    ("given", "usable"),
    [("1", 1), ("100000", None), ("0", None), ("", None), ("4(x2)", None)],
    ids=["fewer", "more than there are", "none", "empty", "not a number"],
)
def test_in_a_slurm_job_only_its_own_cores_are_used(
    given: str, usable: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Slurm's number lowers what the system shows; it never raises it, and nonsense changes nothing."""
    monkeypatch.delenv("SLURM_CPUS_ON_NODE", raising=False)
    visible = usable_cores()
    assert 1 <= visible <= (os.cpu_count() or 1)
    monkeypatch.setenv("SLURM_CPUS_ON_NODE", given)
    assert usable_cores() == (usable or visible)
