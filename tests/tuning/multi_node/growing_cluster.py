"""A real Ray cluster with Ray's own autoscaler: a head without CPUs, and nodes of one CPU on this machine."""

import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.tuning.multi_node.ray_cluster import end_family, user_environment

_COMMANDS = (
    "initialization_commands", "setup_commands", "head_setup_commands", "worker_setup_commands",
    "head_start_ray_commands", "worker_start_ray_commands",
)  # fmt: skip


@contextmanager
def growing_cluster(most_nodes: int) -> Iterator[tuple[str, dict[str, str]]]:
    """Run a cluster that grows on demand; yields its address and what its users have set.

    Args:
        most_nodes: How many nodes of one CPU the autoscaler may add.
    """
    folder = Path(tempfile.mkdtemp(prefix="mn-", dir="/tmp"))  # Ray's sockets need a short path
    environment = user_environment(folder)
    address = f"127.0.0.1:{_free_port()}"
    config = folder / "autoscaling.json"
    config.write_text(json.dumps(_config(address, most_nodes)))
    command = [
        str(Path(sys.executable).with_name("ray")), "start", "--head", "--block", "--num-cpus=0",
        "--node-ip-address=127.0.0.1", f"--port={address.rpartition(':')[2]}", f"--temp-dir={folder / 't'}",
        "--include-dashboard=false", f"--autoscaling-config={config}", "--object-store-memory=100000000",
    ]  # fmt: skip
    fake = {"RAY_FAKE_CLUSTER": "1", "AUTOSCALER_UPDATE_INTERVAL_S": "1"}
    with (folder / "log").open("w") as log:
        started = subprocess.Popen(command, env=os.environ | environment | fake, stdout=log, stderr=log)
        try:
            _wait_for_autoscaler(address, environment)
            yield address, environment
        finally:
            end_family(started)
            shutil.rmtree(folder, ignore_errors=True)


def _wait_for_autoscaler(address: str, environment: dict[str, str]) -> None:
    """Wait until the autoscaler has reported, which it does some seconds after the start."""
    status = [str(Path(sys.executable).with_name("ray")), "status", f"--address={address}"]
    for _ in range(60):
        told = subprocess.run(
            status, env=environment, capture_output=True, text=True, timeout=120, check=False
        ).stdout
        if "Total Demands" in told or "Demands:" in told:
            return
        time.sleep(1)
    raise TimeoutError(told)


def _config(address: str, most_nodes: int) -> dict[str, Any]:
    """Return an autoscaler configuration; its provider starts a node as a process of this machine."""
    types = {
        "ray.head.default": {"resources": {"CPU": 0}, "node_config": {}, "max_workers": 0},
        "small": {"resources": {"CPU": 1}, "node_config": {}, "min_workers": 0, "max_workers": most_nodes},
    }
    return {
        "cluster_name": secrets.token_hex(4),
        "max_workers": most_nodes,
        "provider": {
            "type": "fake_multinode",
            "gcs_address": address,
            "use_node_id_as_ip": True,
            "disable_node_updaters": True,
            "disable_launch_config_check": True,
        },
        "available_node_types": types,
        "head_node_type": "ray.head.default",
        "upscaling_speed": 1.0,
        "idle_timeout_minutes": 10,
        "auth": {},
        "docker": {},
        "file_mounts": {},
        "cluster_synced_files": [],
        "file_mounts_sync_continuously": False,
        "rsync_exclude": [],
        "rsync_filter": [],
        **{name: [] for name in _COMMANDS},
    }


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
