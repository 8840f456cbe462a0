"""A real Ray head with a dashboard and a token for the tests, on the loopback address alone."""

import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

MOST_SHIPPED_BYTES = 30_000_000
"""The head takes no larger package: far less than Ray's default, so that a test can go beyond it."""

_OPTIONS = (
    "port", "dashboard-port", "dashboard-agent-listen-port", "dashboard-agent-grpc-port",
    "metrics-export-port", "runtime-env-agent-port", "ray-client-server-port",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class RayHead:
    """A head that answers."""

    address: str
    """Of its dashboard."""
    token_path: Path
    process: psutil.Process
    """`ray start`, whose children are the cluster."""

    @property
    def environment(self) -> dict[str, str]:
        """What a user of this cluster has set."""
        return {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(self.token_path)}


@contextmanager
def ray_head(cpus: int) -> Iterator[RayHead]:
    """Run a head until the context ends.

    Args:
        cpus: CPU slots to offer.
    """
    folder = Path(tempfile.mkdtemp(prefix="rj-", dir="/tmp"))  # Ray's sockets need a short path
    token = folder / "token"
    token.touch(mode=0o600)
    token.write_text(secrets.token_hex(32), encoding="ascii")
    ports = dict(zip(_OPTIONS, _free_ports(len(_OPTIONS)), strict=True))
    with (folder / "log").open("w") as log:
        started = subprocess.Popen(
            _command(folder, ports, cpus), env=_environment(token), stdout=log, stderr=log, cwd=folder
        )
        head = RayHead(
            address=f"http://127.0.0.1:{ports['dashboard-port']}",
            token_path=token,
            process=psutil.Process(started.pid),
        )
        try:
            _wait_for(started, [ports["dashboard-port"], ports["dashboard-agent-listen-port"]], folder)
            yield head
        finally:
            _end(started)
            shutil.rmtree(folder, ignore_errors=True)


def _command(folder: Path, ports: dict[str, int], cpus: int) -> list[str]:
    options = {
        "node-ip-address": "127.0.0.1", "dashboard-host": "127.0.0.1", "include-dashboard": "true",
        "num-cpus": cpus, "num-gpus": 0, "object-store-memory": 128 * 1024**2,
        "temp-dir": folder / "t", **ports,
    }  # fmt: skip
    ray = Path(sys.executable).with_name("ray")
    return [str(ray), "start", "--head", "--block", *(f"--{name}={value}" for name, value in options.items())]


def _environment(token: Path) -> dict[str, str]:
    """Return the environment of a cluster whose `python` is the tests' own."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    return own | {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN_PATH": str(token),
        "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # listens on the loopback address alone
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_max_grpc_message_size": str(MOST_SHIPPED_BYTES),
    }


def _free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [int(probe.getsockname()[1]) for probe in probes]


def _wait_for(started: "subprocess.Popen[bytes]", ports: list[int], folder: Path) -> None:
    """Wait until all ports answer; give up after two minutes, or when the head has ended."""
    for _ in range(600):
        if all(map(_answers, ports)):
            return
        if started.poll() is not None:
            break
        time.sleep(0.2)
    raise RuntimeError(f"no Ray head: {(folder / 'log').read_text()}")


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _end(started: "subprocess.Popen[bytes]") -> None:
    """End a head, and whatever of it lingers."""
    family = psutil.Process(started.pid).children(recursive=True) if started.poll() is None else []
    started.terminate()
    try:
        started.wait(timeout=20)
    except subprocess.TimeoutExpired:
        started.kill()
        started.wait()
    _, lingering = psutil.wait_procs(family, timeout=5)
    for process in lingering:
        process.kill()
    psutil.wait_procs(lingering, timeout=5)
