"""Nodes of a Ray cluster on this machine, as a process of its own.

`python ray_nodes.py cluster FOLDER` writes the cluster's address, then obeys commands, one line of JSON each:
`{"add": NAME, "options": {...}}`, `{"kill": NAME}`, `{"wait": NUMBER}`. It answers `done` or an error.
`python ray_nodes.py node ADDRESS` is a node of two CPUs that joins. Both end with their input.
"""

import json
import sys
import time
from typing import Any

import ray._private.utils
from ray._private.node import Node
from ray._private.parameter import RayParams
from ray.cluster_utils import Cluster

_PATIENCE_SECONDS = 180


def run_cluster(folder: str) -> None:
    """Run a cluster until there are no more commands."""
    # Ray would note the address where every other Ray of this machine looks for `auto`.
    ray._private.utils.write_ray_address = lambda *_: None
    head = {"num_cpus": 1, "include_dashboard": False, "temp_dir": folder, "node_ip_address": "127.0.0.1"}
    cluster = Cluster(initialize_head=True, head_node_args=head)
    nodes: dict[str, Any] = {}
    try:
        tell(cluster.address)
        for line in sys.stdin:
            command = json.loads(line)
            if "add" in command:
                nodes[command["add"]] = cluster.add_node(**command["options"])
            if "kill" in command:
                cluster.remove_node(nodes.pop(command["kill"]), allow_graceful=False)
            tell(wait_for(cluster, command.get("wait", len(nodes) + 1)))
    finally:
        cluster.shutdown()  # type: ignore[no-untyped-call]


def wait_for(cluster: Cluster, count: int) -> str:
    """Wait until so many nodes are alive; return what became of it."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < deadline:
        alive = len(cluster.global_state._live_node_ids())  # type: ignore[no-untyped-call]
        if alive == count:
            return "done"
        time.sleep(0.2)
    return f"{alive} nodes are alive and not {count}"


def run_node(address: str) -> None:
    """Join a cluster, as `ray start` does, which refuses one that listens on the loopback address alone."""
    parameters = RayParams(
        gcs_address=address,
        redis_address=address,
        node_ip_address="127.0.0.1",
        num_cpus=2,
        num_gpus=0,
        object_store_memory=100_000_000,
        min_worker_port=0,
        max_worker_port=0,
        node_manager_port=0,
        dashboard_agent_listen_port=0,
    )
    node = Node(parameters, head=False, shutdown_at_exit=True, spawn_reaper=True)
    sys.stdin.read()
    node.kill_all_processes(check_alive=False, allow_graceful=False)


def tell(text: str) -> None:
    """Write a line."""
    print(text, flush=True)  # noqa: T201


if __name__ == "__main__":
    {"cluster": run_cluster, "node": run_node}[sys.argv[1]](sys.argv[2])
