"""Joining a Ray cluster that is already running; for a private Ray see `local_ray`."""

import logging
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from harness.errors import EnvironmentMismatchError
from harness.tuning.local_ray import private_folder

_PATIENCE_SECONDS = 10.0
"""What a cluster's head gets to accept a connection."""


@contextmanager
def joined_ray(address: str) -> Iterator[Path]:
    """Join a running cluster; yields a temporary folder of this driver. The cluster is left running.

    Args:
        address: `auto` or `HOST:PORT`.

    Raises:
        EnvironmentMismatchError: The cluster cannot be reached, or does not let this program in.
    """
    with private_folder(short=False) as folder:
        import ray

        try:
            _join(address)
            yield folder
        finally:
            ray.shutdown()


def _join(address: str) -> None:
    """Connect to the cluster.

    Ray waits for minutes for an address at which nobody listens; that is found out beforehand.
    """
    import ray

    if address != "auto":
        _knock(address, "--address")
    elif "RAY_ADDRESS" in os.environ:
        _knock(os.environ["RAY_ADDRESS"], "RAY_ADDRESS")
    try:
        ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
    except Exception as error:
        raise EnvironmentMismatchError(
            f"--address {address}: this Ray cluster does not let the sweep in ({error}). "
            f"Remedy: give the address that `ray start` printed; on a cluster with token authentication set "
            f"RAY_AUTH_MODE=token, and RAY_AUTH_TOKEN_PATH to a file with the cluster's token; start the "
            f"sweep on a machine of the cluster, with the cluster's versions of Python and Ray."
        ) from error


def _knock(address: str, given_by: str) -> None:
    """Refuse an address at which nobody listens.

    Args:
        address: `HOST:PORT`.
        given_by: What the user has given it with.

    Raises:
        EnvironmentMismatchError: Nobody does, or it is no address.
    """
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal() or "/" in host:
        raise EnvironmentMismatchError(
            f"{given_by}: {address!r} is no address of a Ray cluster. Remedy: HOST:PORT as `ray start` "
            f"printed it (usually port 6379), `auto` on a machine of the cluster, or `local`.",
            place=given_by,
        )
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=_PATIENCE_SECONDS).close()
    except (OSError, OverflowError, UnicodeError) as error:
        raise EnvironmentMismatchError(
            f"{given_by} {address}: no Ray cluster can be reached there ({error}). Remedy: check host, port, "
            f"and that the cluster is running (`ray status`), or leave --address out to run on this machine."
        ) from error
