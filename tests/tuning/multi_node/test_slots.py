"""How many runs train beside each other, counted and then tried on a real cluster."""

import json
from pathlib import Path
from typing import Any

import pytest

from harness.study.file import Resources
from harness.tuning.cluster_slots import runs_that_fit
from tests.tuning.multi_node.ray_cluster import RayCluster


@pytest.mark.parametrize(
    ("asked", "cpus", "gpus", "fitting"),
    [
        (Resources(cpu=1), 4, 0, 4),
        (Resources(cpu=3), 8, 0, 2),
        (Resources(cpu=3), 2, 0, 0),
        (Resources(cpu=1, gpu=1), 8, 2, 2),
        (Resources(cpu=1, gpu=2), 8, 5, 2),
        (Resources(cpu=1, gpu=0.5), 8, 2, 4),
        (Resources(cpu=1, gpu=0.4), 8, 2, 4),  # a run has its fraction of one GPU, never of two
        (Resources(cpu=1, gpu=0.1), 64, 1, 10),
        (Resources(cpu=2, gpu=0.25), 4, 2, 2),
    ],
)
def test_runs_that_fit_on_a_node(asked: Resources, cpus: float, gpus: float, fitting: int) -> None:
    """CPUs and GPUs limit it, whichever is scarcer."""
    assert runs_that_fit(asked, cpus, gpus) == fitting


def placed(cluster: RayCluster, *, cpu: str, gpu: str) -> dict[str, Any]:
    """Return how many runs Ray Tune ran at once, and where."""
    script = str(Path(__file__).with_name("place_runs.py"))
    told: dict[str, Any] = json.loads(cluster.python(script, cpu, gpu).splitlines()[-1])
    return told


@pytest.mark.full
@pytest.mark.slow
@pytest.mark.ray
def test_slots_are_what_ray_places_side_by_side(cluster: RayCluster) -> None:
    """On nodes of 1, 2 and 5 CPUs, two of which have 2 GPUs (in name): as many runs as counted, no more.

    Of runs of 2 CPUs, one and two fit. Runs of 0.4 GPUs fill the larger node's GPUs, two to a GPU, and are
    limited by the CPUs on the smaller one.
    """
    with cluster.node(num_cpus=2, num_gpus=2), cluster.node(num_cpus=5, num_gpus=2):
        by_cpu = placed(cluster, cpu="2", gpu="0")
        by_gpu = placed(cluster, cpu="1", gpu="0.4")
    assert by_cpu["slots"] == 3
    assert by_cpu["at_once"] == 3
    assert sorted(by_cpu["runs_by_node"].values()) == [1, 2]
    assert by_gpu["slots"] == 6
    assert by_gpu["at_once"] == 6
    assert sorted(by_gpu["runs_by_node"].values()) == [2, 4]
    assert max(by_gpu["runs_by_gpu"].values()) == 2
