"""Wait for the nodes of a Ray cluster; a process of its own, since Ray takes over its process's signals."""

import logging
import sys
import time

_LOOK_EVERY_SECONDS = 0.5


def main(address: str, wanted: int, patience_seconds: float) -> int:
    """Print how many nodes are alive, once there are enough or the time is over.

    Args:
        address: `IP:PORT` of the cluster.
        wanted: Enough nodes.
        patience_seconds: How long to wait for them.
    """
    until = time.monotonic() + patience_seconds
    _join(address, until)
    while (alive := _alive()) < wanted and time.monotonic() < until:
        time.sleep(_LOOK_EVERY_SECONDS)
    sys.stdout.write(f"{alive}\n")
    return 0


def _join(address: str, until: float) -> None:
    import ray

    while True:
        try:
            ray.init(address=address, log_to_driver=False, logging_level=logging.CRITICAL)
        except Exception:  # what Ray raises while its head starts has no class in common
            if time.monotonic() > until:
                raise
            time.sleep(_LOOK_EVERY_SECONDS)
        else:
            return


def _alive() -> int:
    import ray

    return sum(bool(node["Alive"]) for node in ray.nodes())  # type: ignore[no-untyped-call]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3])))
