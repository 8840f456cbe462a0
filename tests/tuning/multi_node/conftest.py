"""Sweeps of a small study with its own tiny data set, in a real cluster and on this machine alone."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.tuning.multi_node.ray_cluster import RayCluster, ray_cluster
from tests.tuning.multi_node.small_sweep import Sweep, outcome


@pytest.fixture(scope="session")
def cluster() -> Iterator[RayCluster]:
    """Run a cluster whose head has one CPU; tests add nodes and take them away."""
    with ray_cluster() as running:
        yield running


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of IDX files: four classes of small noisy images."""
    folder = tmp_path_factory.mktemp("data")
    generator = np.random.default_rng(0)
    for part, count in (("train", 400), ("t10k", 100)):
        labels = np.arange(count, dtype=np.uint8) % 4
        images = generator.integers(0, 200, (count, 6, 6), dtype=np.uint8)
        images[np.arange(count), labels] += 55
        (folder / f"{part}-images-idx3-ubyte").write_bytes(_header(images) + images.tobytes())
        (folder / f"{part}-labels-idx1-ubyte").write_bytes(_header(labels) + labels.tobytes())
    return folder


def _header(array: np.ndarray[Any, Any]) -> bytes:
    return bytes([0, 0, 8, array.ndim]) + np.array(array.shape, dtype=">u4").tobytes()


@pytest.fixture(scope="session")
def start(cluster: RayCluster, data: Path) -> Iterator[Callable[..., Sweep]]:
    """Return what starts a sweep in the cluster; none outlives the tests."""
    started = []

    def start_sweep(folder: Path, *arguments: str, **environment: str) -> Sweep:
        joining = () if "--address" in arguments else ("--address", cluster.address)
        one = Sweep(folder, data, cluster.environment | environment, *joining, *arguments)
        started.append(one)
        return one

    yield start_sweep
    for one in started:
        if one.process.poll() is None:
            one.process.kill()
            one.process.wait()


@pytest.fixture(scope="session")
def undisturbed(start: Callable[..., Sweep], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Return what the study leads to on this machine alone."""
    sweep = start(tmp_path_factory.mktemp("undisturbed"), "--address", "local")
    assert sweep.end() == 0, sweep.output()
    return outcome(sweep)
