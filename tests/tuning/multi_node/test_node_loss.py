"""A sweep in a cluster that loses a node in mid-sweep and gets another."""

import json
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path

import pytest

from tests.drill import outcome
from tests.processes import held
from tests.tuning.multi_node.ray_cluster import RayCluster
from tests.tuning.multi_node.small_sweep import Sweep, in_flight

pytestmark = [pytest.mark.full, pytest.mark.slow, pytest.mark.ray]


@pytest.fixture(scope="module")
def caches(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return a folder for each of two nodes: where it caches data sets."""
    return {name: tmp_path_factory.mktemp(name) for name in ("lost", "late")}


@pytest.fixture(scope="module")
def disturbed(
    cluster: RayCluster,
    start: Callable[..., Sweep],
    caches: dict[str, Path],
    tmp_path_factory: pytest.TempPathFactory,
) -> Sweep:
    """Run the study on two nodes, kill the second while runs train on both, and add a third."""
    lost = cluster.add(num_cpus=1, env_vars={"XDG_CACHE_HOME": str(caches["lost"])})
    sweep = start(tmp_path_factory.mktemp("disturbed"))
    sweep.wait_until(lambda: len(in_flight(sweep.events(), epochs=3)) == 2)
    with ExitStack() as late:
        with held(cluster.workers_on_head()):  # alone it would end all runs before a node has joined
            cluster.kill(lost)
            sweep.wait_until(lambda: "runs at a time: 1 (before: 2)" in sweep.output())
            late.enter_context(cluster.node(num_cpus=1, env_vars={"XDG_CACHE_HOME": str(caches["late"])}))
            sweep.wait_until(lambda: bool(images_in(caches["late"])))
        assert sweep.end() == 0, sweep.output()
    return sweep


def images_in(cache: Path) -> list[Path]:
    """Return the prepared training images of a node's cache."""
    return list(cache.glob("recipe-harness/idx-*/train-images.npy"))


def test_a_lost_node_changes_no_result(disturbed: Sweep, start: Callable[..., Sweep], tmp_path: Path) -> None:
    """The runs, the winner and the confirm phase's numbers are those of one machine, bit for bit."""
    alone = start(tmp_path, "--address", "local")
    assert alone.end() == 0, alone.output()
    assert outcome(disturbed.folder) == outcome(alone.folder)


def test_a_lost_node_costs_the_runs_on_it_alone(disturbed: Sweep) -> None:
    """One run was training there: it alone begins a second time."""
    begun = Counter(e["run_id"] for e in disturbed.events() if e["event"] == "run_started")
    assert sorted(begun.values()) == [1, 1, 1, 1, 1, 2]


def test_a_node_that_joins_late_is_used(disturbed: Sweep, caches: dict[str, Path]) -> None:
    """The sweep counts it, and a run prepares the data set there."""
    assert "runs at a time: 2 (before: 1)" in disturbed.output()
    assert images_in(caches["late"])


def test_data_is_prepared_on_a_node_before_the_first_run(disturbed: Sweep, caches: dict[str, Path]) -> None:
    """The node that was there from the start had the data set when the first run began."""
    (prepared,) = caches["lost"].glob("recipe-harness/idx-*/prepared.json")
    begun = next(e["time"] for e in disturbed.events() if e["event"] == "run_started")
    assert prepared.stat().st_mtime < datetime.fromisoformat(begun).timestamp()


def test_the_manifest_tells_how_many_runs_trained_beside_each_other(disturbed: Sweep) -> None:
    """Two, the most there were."""
    assert json.loads(disturbed.folder.manifest.read_text())["slots"] == 2


def test_the_host_of_every_run_is_recorded(disturbed: Sweep) -> None:
    """Each run that ended tells where."""
    assert all(e["host"] for e in disturbed.events() if e["event"] == "run_ended")
