"""Addresses at which no Ray cluster can be: told before Ray waits for them."""

import pytest

from harness.errors import EnvironmentMismatchError
from harness.tuning.joined_ray import joined_ray


@pytest.mark.parametrize(
    ("address", "named_by_environment", "message"),
    [
        ("127.0.0.1:1", None, "--address 127.0.0.1:1: no Ray cluster can be reached there"),
        ("auto", "no-such-host.invalid:6379", "RAY_ADDRESS no-such-host.invalid:6379: no Ray cluster can be"),
        ("ray://127.0.0.1:10001", None, "--address: 'ray://127.0.0.1:10001' is no address of a Ray cluster"),
        (f"{'a' * 70}:6379", None, "--address aaa"),
        ("127.0.0.1", None, "--address: '127.0.0.1' is no address of a Ray cluster"),
    ],
)
def test_where_no_cluster_can_be_none_is_joined(
    monkeypatch: pytest.MonkeyPatch, address: str, named_by_environment: str | None, message: str
) -> None:
    """Nobody listens, nobody knows the host, or it is no address; the message says what named it."""
    if named_by_environment:
        monkeypatch.setenv("RAY_ADDRESS", named_by_environment)
    with pytest.raises(EnvironmentMismatchError) as refused, joined_ray(address):
        pass
    assert str(refused.value).startswith(message)
    assert "Remedy: " in str(refused.value)
