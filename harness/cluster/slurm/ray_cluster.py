"""A Ray cluster on a job's nodes: its head beside the launcher, its workers as one step of the job.

Every process of it runs below `harness.cluster.launch.ray_nodes` and ends when the pipe to that is closed.
Several sweeps, and other users, share nodes: ports differ from job to job, temporary folders are each node's
own, and whoever has no token is turned away.
"""

import os
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from harness.cluster.launch.processes import end_child
from harness.cluster.slurm.allocation import Allocation
from harness.cluster.slurm.nodes import node_address
from harness.cluster.slurm.steps import (
    WorkerStep,
    by_gpus,
    close_pipe,
    end_node,
    end_of,
    start_node,
    start_step,
)
from harness.cluster.submit_folder import SubmitFolder
from harness.errors import EnvironmentMismatchError

_NODES = (sys.executable, "-u", "-m", "harness.cluster.launch.ray_nodes")
_HEAD_PATIENCE_SECONDS = 120.0
_WORKERS_PATIENCE_SECONDS = 180.0
_END_PATIENCE_SECONDS = 15.0
_LOOK_EVERY_SECONDS = 0.2
_FIRST_PORT, _PORTS_PER_JOB, _N_PORT_RANGES = 20000, 6, 2000
"""Ports 20000 to 31999: below those that Linux gives away by itself."""


@dataclass(kw_only=True)
class RayCluster:
    """A cluster that is running."""

    address: str
    """`IP:PORT`, or `local` where the driver is to start a Ray of its own."""
    nodes: int = 1
    """How many have joined."""
    head: "subprocess.Popen[bytes] | None" = None
    steps: list[WorkerStep] = field(default_factory=list)
    """What runs the other nodes."""

    @property
    def is_up(self) -> bool:
        """Whether its head is running."""
        return self.head is None or self.head.poll() is None

    @property
    def ended_steps(self) -> list[WorkerStep]:
        """Those that have ended: none should before the cluster is told to end."""
        return [step for step in self.steps if step.process.poll() is not None]


@contextmanager
def ray_cluster(
    allocation: Allocation, folder: SubmitFolder, is_to_end: Callable[[], bool]
) -> Iterator[RayCluster]:
    """Run Ray on every node of a job.

    Args:
        allocation: The job's nodes, two or more.
        folder: Takes the token and what Ray says.
        is_to_end: Tells whether starting is in vain; what is yielded is then not yet a whole cluster.

    Raises:
        EnvironmentMismatchError: The head, or every worker, fails to start.
    """
    _set_environment(folder.token)
    for log in folder.root.glob("ray-*.log"):
        log.unlink(missing_ok=True)  # of an earlier job, whose words would be taken for this one's
    ip = _own_address(allocation.others[0])
    cluster = RayCluster(address=f"{ip}:{free_port(int(allocation.job))}")
    try:
        cluster.head = start_node(
            [*_node_command(allocation, folder, cluster.address, allocation.gpus), "--head"]
        )
        for number, (gpus, nodes) in enumerate(by_gpus(allocation).items()):
            count = None if gpus is None else gpus.count
            node = _node_command(allocation, folder, cluster.address, count)
            output = folder.root / f"ray-srun-{number}.log"
            cluster.steps.append(start_step(allocation, nodes, gpus, node, output))
        _wait_for_head(cluster, folder, is_to_end)
        cluster.nodes = _wait_for_workers(cluster, allocation, folder, is_to_end)
        yield cluster
    finally:
        for step in cluster.steps:
            close_pipe(step.process)  # all of them end at the same time
        for child in (*(step.process for step in cluster.steps), cluster.head):
            if child is not None:
                end_node(child)
        folder.token.unlink(missing_ok=True)


def free_port(job: int) -> int:
    """Return a port that is free, and so are the next two.

    Args:
        job: The job's id. Jobs that follow each other begin to look in places of their own, so they do not
            meet between this look and Ray's start.

    Raises:
        EnvironmentMismatchError: All that were tried are in use.
    """
    first = _FIRST_PORT + job % _N_PORT_RANGES * _PORTS_PER_JOB
    for port in range(first, first + _PORTS_PER_JOB, 3):
        if all(map(_is_free, range(port, port + 3))):
            return port
    raise EnvironmentMismatchError(
        f"ports {first} to {first + _PORTS_PER_JOB - 1} of {socket.gethostname()} are in use. "
        f"Remedy: python -m harness.submit resume RUN_DIR, which tries others"
    )


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("", port))
        except OSError:
            return False
    return True


def _set_environment(token: Path) -> None:
    """Set what every process of the cluster, and the driver, inherits."""
    from harness.tuning.local_ray import set_ray_environment

    set_ray_environment(is_local=False)
    token.unlink(missing_ok=True)
    with os.fdopen(
        os.open(token, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii"
    ) as file:
        file.write(secrets.token_hex(32))
    os.environ.update({"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(token)})
    # The last one would confine the head to the loopback address, where no worker could reach it.
    for name in ("RAY_AUTH_TOKEN", "RAY_ADDRESS", "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"):
        os.environ.pop(name, None)


def _own_address(other: str) -> str:
    """Return the address of this node on the network that leads to another node of the job.

    Raises:
        EnvironmentMismatchError: The other node's name leads nowhere.
    """
    name = node_address(other)
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.connect((name, 9))  # asks for the route only: nothing is sent
            return str(probe.getsockname()[0])
    except OSError as error:
        raise EnvironmentMismatchError(
            f"node {other}: {socket.gethostname()} finds no way to its address {name!r} ({error}). "
            f"Remedy: ask the site; --nodes 1 needs no network"
        ) from error


def _node_command(allocation: Allocation, folder: SubmitFolder, address: str, gpus: int | None) -> list[str]:
    """Return the command that is a node of Ray, with so many GPUs; with those Ray finds if None."""
    named = [] if gpus is None else [f"--gpus={gpus}"]
    node = [*_NODES, "--address", address, "run", f"--job={allocation.job}"]
    return [*node, f"--cpus={allocation.cpus}", *named, f"--logs={folder.root}"]


def _wait_for_head(cluster: RayCluster, folder: SubmitFolder, is_to_end: Callable[[], bool]) -> None:
    """Return once the head takes connections.

    Raises:
        EnvironmentMismatchError: It never does.
    """
    ip, _, port = cluster.address.rpartition(":")
    until = time.monotonic() + _HEAD_PATIENCE_SECONDS
    while cluster.is_up and not is_to_end() and time.monotonic() < until:
        _refuse_without_workers(cluster, folder)
        with suppress(OSError), socket.create_connection((ip, int(port)), timeout=1.0):
            return
        time.sleep(_LOOK_EVERY_SECONDS)
    if not is_to_end():
        raise _head_failed(folder)


def _wait_for_workers(
    cluster: RayCluster, allocation: Allocation, folder: SubmitFolder, is_to_end: Callable[[], bool]
) -> int:
    """Wait until the nodes have joined; return how many did, at least one beside the head.

    Raises:
        EnvironmentMismatchError: None did, or the head failed meanwhile.
    """
    count = [*_NODES, "--address", cluster.address, "count", f"--nodes={len(allocation.others) + 1}"]
    count += [f"--seconds={_WORKERS_PATIENCE_SECONDS}"]
    child = subprocess.Popen(count, stdout=subprocess.PIPE)  # noqa: S603 - a list of arguments, no shell
    until = time.monotonic() + _WORKERS_PATIENCE_SECONDS + _HEAD_PATIENCE_SECONDS
    try:
        while child.poll() is None and cluster.is_up and not is_to_end() and time.monotonic() < until:
            _refuse_without_workers(cluster, folder)
            time.sleep(_LOOK_EVERY_SECONDS)
    finally:
        end_child(child, _END_PATIENCE_SECONDS)
    output = child.communicate()[0].split()
    if is_to_end():
        return cluster.nodes
    if not cluster.is_up:
        raise _head_failed(folder)
    if child.returncode != 0 or not output:
        raise EnvironmentMismatchError(
            f"the process that waits for Ray's nodes ended with exit code {child.returncode}; it said why "
            f"above. Remedy: python -m harness.submit resume RUN_DIR, once the cause is gone"
        )
    if (alive := int(output[-1])) < 2:
        raise EnvironmentMismatchError(
            f"no other node of {', '.join(allocation.others)} joined Ray at {cluster.address} in "
            f"{_WORKERS_PATIENCE_SECONDS:.0f} s; Ray said:\n{_last_words(folder)}\n"
            f"Remedy: nodes must reach each other's ports; --nodes 1 needs no network"
        )
    return alive


def _refuse_without_workers(cluster: RayCluster, folder: SubmitFolder) -> None:
    """Tell of a dead srun at once: nobody will join.

    Raises:
        EnvironmentMismatchError: Nothing is left that runs a node beside the head.
    """
    if len(cluster.ended_steps) == len(cluster.steps):
        raise EnvironmentMismatchError(
            f"{'; '.join(step.described() for step in cluster.steps)}; it said:\n{_last_words(folder)}\n"
            f"Remedy: python -m harness.submit resume RUN_DIR, once what it names is mended"
        )


def _head_failed(folder: SubmitFolder) -> EnvironmentMismatchError:
    return EnvironmentMismatchError(
        f"Ray's head did not start on {socket.gethostname()}; it said:\n{_last_words(folder)}\n"
        f"Remedy: python -m harness.submit resume RUN_DIR, once the cause is gone"
    )


def _last_words(folder: SubmitFolder) -> str:
    """Return the ends of what `ray start` and `srun` said on the nodes."""
    ends = ((path, end_of(path)) for path in sorted(folder.root.glob("ray-*.log")))
    return "\n".join(f"{path}: {end}" for path, end in ends if end) or "nothing"
