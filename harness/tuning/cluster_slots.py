"""How many runs may train beside each other, on one machine or on a cluster whose nodes come and go."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from math import floor

from harness.study.file import Resources
from harness.tuning.conductor import Conductor

_LOOK_EVERY_SECONDS = 1.0
_UNLIMITED = 10_000
"""What Ray Tune is told where the number of runs beside each other follows the cluster."""


@dataclass(frozen=True, kw_only=True)
class Node:
    """A node of the cluster that is alive."""

    node_id: str
    host: str
    cpus: float
    gpus: float

    @property
    def name(self) -> str:
        """How messages name it: several nodes may live on one host."""
        return f"{self.host} (node {self.node_id[:8]})"


def alive_nodes() -> list[Node]:
    """Return the nodes of the Ray that was joined, without those that left it, which Ray lists as well."""
    import ray

    return [
        Node(
            node_id=entry["NodeID"],
            host=entry["NodeManagerHostname"],
            cpus=entry["Resources"].get("CPU", 0.0),
            gpus=entry["Resources"].get("GPU", 0.0),
        )
        for entry in ray.nodes()  # type: ignore[no-untyped-call]
        if entry["Alive"]
    ]


def runs_that_fit(asked: Resources, cpus: float, gpus: float) -> int:
    """Return how many runs fit on one node; a run never spreads over nodes, nor a fraction over GPUs."""
    by_cpu = int(cpus // asked.cpu)
    if not asked.gpu:
        return by_cpu
    by_gpu = int(gpus) * floor(1 / asked.gpu + 1e-9) if asked.gpu < 1 else int(gpus // asked.gpu)
    return min(by_cpu, by_gpu)


class ClusterSlots:
    """Tell whether another run may be handed out.

    In flight are as many runs as fit on the nodes that are alive, never more than `resources.concurrency`.
    Where an autoscaler may add nodes, one run more waits for room, since the autoscaler adds a node for what
    waits. It is one and not many, because a sampler proposes what waits without having seen the results of
    those before.
    """

    def __init__(self, asked: Resources, say: Callable[[str], None], *, is_joined: bool) -> None:
        """Look at the cluster.

        Args:
            asked: What a run occupies.
            say: Is told when the number of slots changes.
            is_joined: The cluster was there before, may change, and others may use it. Otherwise it is the
                private Ray of this sweep, which neither grows nor shrinks.
        """
        self._asked = asked
        self._say = say
        self._is_joined = is_joined
        self.may_grow = is_joined and autoscales()
        """Whether an autoscaler may add nodes."""
        self._seen_at = time.monotonic()
        self._now = self._most = self._count()

    @property
    def now(self) -> int:
        """Runs that may train at the same time, with the nodes there are now."""
        return self._now

    @property
    def most(self) -> int:
        """The largest number of slots until now."""
        return self._most

    @property
    def tune_limit(self) -> int:
        """What Ray Tune may start, a number that it cannot change later."""
        return (self._asked.concurrency or _UNLIMITED) if self._is_joined else self._now

    def has_room(self, conductor: Conductor) -> bool:
        """Return whether another run may be handed out now."""
        if not self._is_joined:
            return conductor.in_flight < self._now
        self._follow()
        limit = min(self._now + self.may_grow, self.tune_limit)
        if conductor.in_flight >= limit:
            return False
        return conductor.waiting == 0 or conductor.waiting < self._unoccupied()

    def _follow(self) -> None:
        """Look at the cluster again, if the last look was some time ago."""
        if time.monotonic() - self._seen_at < _LOOK_EVERY_SECONDS:
            return
        self._seen_at = time.monotonic()
        before, self._now = self._now, self._count()
        self.may_grow = autoscales()
        self._most = max(self._most, self._now)
        if self._now != before:
            self._say(f"the cluster has changed, runs at a time: {self._now} (before: {before})")

    def _count(self) -> int:
        fitting = sum(runs_that_fit(self._asked, node.cpus, node.gpus) for node in alive_nodes())
        return min(fitting, self._asked.concurrency or fitting)

    def _unoccupied(self) -> int:
        """Return how many runs find room at once, whoever occupies the rest; an estimate over all nodes."""
        import ray

        free = ray.available_resources()  # type: ignore[no-untyped-call]
        return runs_that_fit(self._asked, free.get("CPU", 0.0), free.get("GPU", 0.0))


def autoscales() -> bool:
    """Return whether the cluster has an autoscaler that may add nodes.

    `ray start` runs Ray's monitor on every cluster. Where it has nothing to scale, it calls the type of each
    node `node_` and the node's id; elsewhere types have the names that the cluster's configuration gives.
    The second version of the autoscaler reports no types; it is at work only where it was asked for.
    """
    import ray
    from ray.autoscaler.v2.utils import is_autoscaler_v2
    from ray.experimental.internal_kv import _internal_kv_get

    if is_autoscaler_v2():
        return True
    status = _internal_kv_get("__autoscaling_status")
    report = (json.loads(status).get("autoscaler_report") or {}) if status else {}
    unscaled = {f"node_{entry['NodeID']}" for entry in ray.nodes()}  # type: ignore[no-untyped-call]
    return not unscaled.issuperset(report.get("node_type_mapping", {}).values())
