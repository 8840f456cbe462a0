"""A sweep in a cluster that has Ray's autoscaler, and no node for a run when the sweep begins."""

import json
import signal
from pathlib import Path

import pytest

from tests.tuning.multi_node.growing_cluster import growing_cluster
from tests.tuning.multi_node.small_sweep import Sweep, in_flight


@pytest.mark.full
@pytest.mark.slow
@pytest.mark.ray
def test_a_cluster_that_grows_is_used_as_it_grows(images: Path, tmp_path: Path) -> None:
    """The sweep waits for the first node and says so; a run that waits brings the second; both train.

    It is then interrupted, as how long runs must last for nodes to come in time depends on the machine.
    """
    with growing_cluster(most_nodes=2) as (address, environment):
        sweep = Sweep(tmp_path, images, environment, "--address", address, "--set", "recipe.epochs=100000")
        sweep.wait_until(lambda: len(in_flight(sweep.events(), epochs=1)) == 2)
        sweep.process.send_signal(signal.SIGTERM)
        assert sweep.end() == 75, sweep.output()
    told = ["waiting for the cluster to grow: no node has 1 CPU and 0 GPU", "1 (before: 0)", "2 (before: 1)"]
    assert all(text in sweep.output() for text in told), sweep.output()
    assert json.loads(sweep.folder.manifest.read_text())["slots"] == 2
