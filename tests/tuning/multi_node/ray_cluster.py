"""A real Ray cluster of several nodes on this machine, on the loopback address alone."""

import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from tests.processes import command_line, environment

_NODES = str(Path(__file__).with_name("ray_nodes.py"))


@dataclass(frozen=True, kw_only=True)
class RayCluster:
    """A cluster; its head has one CPU, further nodes come and go with the tests that need them."""

    address: str
    environment: dict[str, str]
    """What a user of the cluster has set: every program needs the token."""
    process: "subprocess.Popen[str]"
    log: Path
    """What the cluster's process has to say."""

    def add(self, **options: Any) -> str:
        """Add a node; return what `kill` calls it.

        Args:
            options: As `ray.cluster_utils.Cluster.add_node` takes them.
        """
        name = secrets.token_hex(4)
        self._command(add=name, options=options)
        return name

    def kill(self, name: str) -> None:
        """Let a node die without notice, and wait until the cluster knows."""
        self._command(kill=name)

    @contextmanager
    def node(self, **options: Any) -> Iterator[None]:
        """Have a node more for as long as the context lasts."""
        name = self.add(**options)
        try:
            yield
        finally:
            self.kill(name)

    @contextmanager
    def node_blind_to(self, folder: Path) -> Iterator[None]:
        """Have a node of two CPUs more, which sees an empty folder instead of this one."""
        hide = 'mount -t tmpfs none "$0" && exec "$@"'
        node = [sys.executable, _NODES, "node", self.address]
        started = subprocess.Popen(
            ["unshare", "--mount", "sh", "-c", hide, str(folder), *node],
            env=self.environment,
            stdin=subprocess.PIPE,
        )
        try:
            self.wait_for(nodes=2)
            yield
        finally:
            end_family(started)
            self.wait_for(nodes=1)

    def wait_for(self, nodes: int) -> None:
        """Wait until so many nodes are alive."""
        self._command(wait=nodes)

    def workers_on_head(self) -> list[psutil.Process]:
        """Return the processes in which runs train on the head."""
        family = psutil.Process(self.process.pid).children(recursive=True)
        trainers = [process for process in family if command_line(process).startswith("ray::ImplicitFunc")]
        cache = self.environment["XDG_CACHE_HOME"]
        return [trainer for trainer in trainers if environment(trainer).get("XDG_CACHE_HOME") == cache]

    def python(self, *arguments: str) -> str:
        """Run a Python program to which `ray.init()` means this cluster; return what it prints."""
        done = subprocess.run(
            [sys.executable, *arguments],
            env=self.environment | {"RAY_ADDRESS": self.address},
            capture_output=True,
            text=True,
            timeout=400,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def _command(self, **command: Any) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        assert self.process.poll() is None, self.log.read_text()
        self.process.stdin.write(json.dumps(command) + "\n")
        self.process.stdin.flush()
        became = self.process.stdout.readline().strip()
        assert became == "done", became or self.log.read_text()


@contextmanager
def ray_cluster() -> Iterator[RayCluster]:
    """Run a cluster of one node that asks for a token; no other program here finds it by itself."""
    folder = Path(tempfile.mkdtemp(prefix="mn-", dir="/tmp"))  # Ray's sockets need a short path
    environment = user_environment(folder)
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, _NODES, "cluster", str(folder / "t")],
            env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True,
        )  # fmt: skip
        try:
            address = process.stdout.readline().strip() if process.stdout else ""
            assert address, (folder / "log").read_text()
            yield RayCluster(address=address, environment=environment, process=process, log=folder / "log")
        finally:
            end_family(process)
            shutil.rmtree(folder, ignore_errors=True)


def user_environment(folder: Path) -> dict[str, str]:
    """Make a token in a folder; return the environment that the cluster and its users share."""
    token = folder / "token"
    token.touch(mode=0o600)
    token.write_text(secrets.token_hex(32), encoding="ascii")
    own = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    return own | {
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN_PATH": str(token),
        "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # listens on the loopback address alone
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_raylet_start_wait_time_s": "300",  # the machine may be busy with other tests
        "RAY_agent_register_timeout_ms": "300000",
        "XDG_CACHE_HOME": str(folder / "cache"),
    }


def end_family(process: "subprocess.Popen[Any]") -> None:
    """End a process and all its children."""
    family = psutil.Process(process.pid).children(recursive=True) if process.poll() is None else []
    if process.stdin is not None:
        process.stdin.close()  # there are no more commands
    else:
        process.terminate()
    try:
        process.wait(timeout=60)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdout is not None:
        process.stdout.close()
    _, lingering = psutil.wait_procs(family, timeout=10)
    for each in lingering:
        each.kill()
    psutil.wait_procs(lingering, timeout=10)
