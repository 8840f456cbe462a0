"""Sweeps of a small study with its own tiny data set, in a real cluster and on this machine alone."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.tuning.multi_node.ray_cluster import RayCluster, ray_cluster
from tests.tuning.multi_node.small_sweep import Sweep


@pytest.fixture(scope="session")
def cluster() -> Iterator[RayCluster]:
    """Run a cluster whose head has one CPU; tests add nodes and take them away."""
    with ray_cluster() as running:
        yield running


@pytest.fixture(scope="session")
def start(cluster: RayCluster, images: Path) -> Iterator[Callable[..., Sweep]]:
    """Return what starts a sweep in the cluster; none outlives the tests."""
    started = []

    def start_sweep(folder: Path, *arguments: str, **environment: str) -> Sweep:
        joining = () if "--address" in arguments else ("--address", cluster.address)
        one = Sweep(folder, images, cluster.environment | environment, *joining, *arguments)
        started.append(one)
        return one

    yield start_sweep
    for one in started:
        if one.process.poll() is None:
            one.process.kill()
            one.process.wait()
