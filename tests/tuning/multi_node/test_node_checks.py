"""What is checked on the nodes before anything is started."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cluster.components import require
from tests.tuning.multi_node.ray_cluster import RayCluster
from tests.tuning.multi_node.small_sweep import Sweep

pytestmark = [pytest.mark.slow, pytest.mark.ray]


CHECK_WHAT_FITS = """
import sys
from pathlib import Path
import ray
from harness.errors import EnvironmentMismatchError
from harness.study.reading.parse import load_study
from harness.tuning.node_checks import check_cluster_fits
ray.init(log_to_driver=False)
study = load_study(Path(sys.argv[1]), ("resources.cpu=2",))
check_cluster_fits(study, print, may_grow=True)
try:
    check_cluster_fits(study, print, may_grow=False)
except EnvironmentMismatchError as error:
    print(error)
"""

SHORT = ("--set", "recipe.epochs=1", "--set", "search.trials=1", "--set", "confirm.seeds=1")


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """Return the folder of all results."""
    folder = tmp_path / "results"
    folder.mkdir()
    return folder


def test_results_that_a_node_cannot_see_are_refused(
    cluster: RayCluster, start: Callable[..., Sweep], results: Path
) -> None:
    """The node and the remedy are named, and nothing is left in the folder."""
    require_private_mounts(results)
    with cluster.node_blind_to(results):
        sweep = start(results.parent)
        assert sweep.end() == 2
    assert "cannot see this folder" in sweep.output()
    assert "Remedy: --results DIR or --run-dir DIR" in sweep.output()
    assert "Traceback" not in sweep.output()
    assert list(sweep.folder.root.iterdir()) == []


@pytest.mark.full
def test_runs_need_nothing_of_the_sweeps_temporary_folder(
    cluster: RayCluster, start: Callable[..., Sweep], tmp_path: Path
) -> None:
    """What Ray Tune keeps there stays with the sweep: runs train on a node that does not see it."""
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    require_private_mounts(scratch)
    with cluster.node_blind_to(scratch):
        sweep = start(tmp_path, *SHORT, "--set", "resources.cpu=2", TMPDIR=str(scratch))
        assert sweep.end() == 0, sweep.output()
    assert list(scratch.iterdir()) == []


def require_private_mounts(folder: Path) -> None:
    """Skip a test, or fail it in CI, where a node cannot have storage of its own."""
    probe = ["unshare", "--mount", "mount", "-t", "tmpfs", "none", str(folder)]
    can = subprocess.run(probe, capture_output=True, check=False).returncode == 0
    require("mount namespaces", can, "a node with storage of its own needs unshare and mount, as root")


@pytest.mark.full
def test_a_node_without_the_data_is_named_before_the_first_run(
    cluster: RayCluster, start: Callable[..., Sweep], results: Path
) -> None:
    """Its cache cannot be written: the sweep ends with the node's own message, and leaves nothing."""
    with cluster.node(num_cpus=1, env_vars={"XDG_CACHE_HOME": "/proc/none"}):
        sweep = start(results.parent)
        assert sweep.end() == 2
    assert "the data set is not ready on all nodes" in sweep.output()
    assert "cannot write the data set cache /proc/none" in sweep.output()
    assert "Traceback" not in sweep.output()
    assert list(sweep.folder.root.iterdir()) == []


@pytest.mark.full
def test_data_is_prepared_only_where_a_run_fits(
    cluster: RayCluster, start: Callable[..., Sweep], results: Path
) -> None:
    """A node without CPUs, as many a cluster's head is, needs no data set."""
    with cluster.node(num_cpus=0, env_vars={"XDG_CACHE_HOME": "/proc/none"}):
        sweep = start(results.parent, *SHORT)
        assert sweep.end() == 0, sweep.output()


@pytest.mark.full
def test_a_run_that_fits_on_no_node_is_refused(
    cluster: RayCluster, start: Callable[..., Sweep], results: Path
) -> None:
    """Two nodes with two CPUs in all hold no run of two: the largest node is named."""
    with cluster.node(num_cpus=1):
        sweep = start(results.parent, "--set", "resources.cpu=2")
        assert sweep.end() == 2
    assert "resources.cpu: a run asks for 2, but the largest of 2 nodes" in sweep.output()
    assert list(sweep.folder.root.iterdir()) == []


def test_what_fits_on_no_node_waits_only_where_nodes_may_come(cluster: RayCluster, drill_study: Path) -> None:
    """With an autoscaler the sweep would wait for a node; without one the largest node is named."""
    waiting, refused = cluster.python("-c", CHECK_WHAT_FITS, str(drill_study)).splitlines()
    assert waiting.startswith("waiting for the cluster to grow: no node has 2 CPU and 0 GPU")
    assert refused.startswith("resources.cpu: a run asks for 2, but ")
    assert "has 1" in refused
