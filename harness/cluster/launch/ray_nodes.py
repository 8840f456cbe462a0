"""The processes of a job's Ray cluster: `python -m harness.cluster.launch.ray_nodes {run,count}`.

`run` is one node: `ray start`, in a temporary folder of this node, until its standard input is closed, which
its starter's death does too. Never `ray stop`, which ends every Ray of the user on the node.

`count` waits for the nodes; a process of its own, since Ray takes over its process's signals.
"""

import argparse
import logging
import os
import select
import socket
import sys
import time
from contextlib import suppress
from pathlib import Path

from harness.allocation import KEEPING_MEMORY
from harness.cluster.launch.processes import (
    Signals,
    adopt_orphans,
    end_descendants,
    node_folder,
    start_child,
)

_LOOK_EVERY_SECONDS = 0.5
_JOIN_PATIENCE_SECONDS = 180.0
_MOST_FAILURES = 3
"""Of a worker in a row, while the head answers."""
_PATIENCE_SECONDS = 5.0
_OBJECT_STORE_BYTES = 128 * 1024**2
"""Small, as in a private Ray: runs exchange short reports only."""


def main(arguments: list[str] | None = None) -> int:
    """Run one of the two commands; return its exit code."""
    options = _parser().parse_args(arguments)
    return int(options.act(options))


def _run(options: argparse.Namespace) -> int:
    """Run a node until it is told to end; return 0, or 1 if Ray ended by itself."""
    adopt_orphans()
    signals = Signals()
    until = time.monotonic() + _JOIN_PATIENCE_SECONDS
    n_failures = 0
    while True:
        if _run_ray(options, signals):
            return 0
        n_failures = n_failures + 1 if _answers(options.address) else 0
        if options.head or n_failures == _MOST_FAILURES or time.monotonic() > until:
            return 1
        time.sleep(_LOOK_EVERY_SECONDS)  # a worker that comes before the head is ready gives up by itself


def _answers(address: str) -> bool:
    """Tell whether the head takes connections: a worker that fails then does so for reasons of its own."""
    ip, _, port = address.rpartition(":")
    with suppress(OSError), socket.create_connection((ip, int(port)), timeout=1.0):
        return True
    return False


def _run_ray(options: argparse.Namespace, signals: Signals) -> bool:
    """Run Ray in a folder of its own; tell whether it was told to end, and did not end by itself."""
    with node_folder(options.job) as folder:
        try:
            environment = {**KEEPING_MEMORY, **os.environ, "TMPDIR": str(folder)}
            with (options.logs / f"ray-{socket.gethostname()}.log").open("wb") as log:
                ray = start_child(ray_command(options, folder), output=log, environment=environment)
            while ray.poll() is None:
                if signals.received or _is_stdin_closed():
                    return True
            return False
        finally:
            end_descendants(_PATIENCE_SECONDS)


def ray_command(options: argparse.Namespace, folder: Path) -> list[str]:
    """Return the command that starts Ray on this node.

    Args:
        options: The parsed arguments.
        folder: Its temporary folder.
    """
    ip, _, port = options.address.rpartition(":")
    # Two ports that nobody uses here are named too: their fixed defaults would meet another job's.
    place = [f"--dashboard-agent-listen-port={int(port) + 2}"]
    if options.head:
        place += ["--head", f"--node-ip-address={ip}", f"--port={port}", "--include-dashboard=false"]
        place += [f"--ray-client-server-port={int(port) + 1}"]
    else:
        place += [f"--address={options.address}"]
    gpus = [] if options.gpus is None else [f"--num-gpus={options.gpus}"]
    return [
        sys.executable, "-m", "ray.scripts.scripts", "start", "--block", "--disable-usage-stats", *place,
        f"--temp-dir={folder}", f"--num-cpus={options.cpus}", *gpus,
        f"--object-store-memory={_OBJECT_STORE_BYTES}",
    ]  # fmt: skip


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m harness.cluster.launch.ray_nodes")
    parser.add_argument("--address", required=True, metavar="IP:PORT", help="of the head")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    run = commands.add_parser("run", help="be a node")
    run.set_defaults(act=_run)
    run.add_argument("--head", action="store_true", help="this node is the cluster's first")
    run.add_argument("--job", required=True, help="names this node's temporary folder")
    run.add_argument("--cpus", required=True, type=int, help="CPUs of this node")
    run.add_argument("--gpus", type=int, help="GPUs of this node; those Ray finds if left out")
    run.add_argument("--logs", required=True, type=Path, metavar="DIR", help="takes what `ray start` says")
    count = commands.add_parser("count", help="print how many nodes are alive")
    count.set_defaults(act=_count)
    count.add_argument("--nodes", required=True, type=int, help="how many are enough")
    count.add_argument("--seconds", required=True, type=float, help="how long to wait for them")
    return parser


def _is_stdin_closed() -> bool:
    """Wait a moment for the end of standard input."""
    readable, _, _ = select.select([sys.stdin], [], [], _LOOK_EVERY_SECONDS)
    return bool(readable) and not os.read(sys.stdin.fileno(), 1)


def _count(options: argparse.Namespace) -> int:
    """Print how many nodes are alive, once there are enough or the time is over."""
    until = time.monotonic() + options.seconds
    _join(options.address, until)
    while (alive := _alive()) < options.nodes and time.monotonic() < until:
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
    sys.exit(main())
