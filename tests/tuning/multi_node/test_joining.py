"""Joining a cluster and leaving it."""

import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.tuning.multi_node.ray_cluster import RayCluster
from tests.tuning.multi_node.small_sweep import Sweep, in_flight

pytestmark = [pytest.mark.slow, pytest.mark.ray]

TELL_WHAT_IS_FREE = """
import time
import ray
ray.init(log_to_driver=False)
for _ in range(600):
    if ray.available_resources().get("CPU") == 1:
        break
    time.sleep(0.2)
print(ray.available_resources().get("CPU"), len([n for n in ray.nodes() if n["Alive"]]))
"""


@pytest.mark.parametrize(
    ("address", "environment", "message"),
    [
        (None, {"RAY_AUTH_MODE": "disabled"}, "does not let the sweep in"),
        pytest.param(
            None, {"RAY_AUTH_TOKEN_PATH": "/nowhere"}, "does not let the sweep in", marks=pytest.mark.full
        ),
        pytest.param("127.0.0.1:1", {}, "no Ray cluster can be reached there", marks=pytest.mark.full),
    ],
)
def test_a_cluster_that_cannot_be_joined_is_an_error_of_one_line(
    cluster: RayCluster,
    start: Callable[..., Sweep],
    tmp_path: Path,
    address: str | None,
    environment: dict[str, str],
    message: str,
) -> None:
    """No token, no file with the token, nobody there: exit code 2, and nothing is left."""
    sweep = start(tmp_path, "--address", address or cluster.address, **environment)
    assert sweep.end() == 2
    errors = [line for line in sweep.output().splitlines() if line.startswith("error: ")]
    assert len(errors) == 1
    assert message in errors[0]
    assert "Remedy: " in errors[0]
    assert "Traceback" not in sweep.output()
    assert list(sweep.folder.root.iterdir()) == []


def test_an_interrupted_sweep_leaves_the_cluster_running(
    cluster: RayCluster, start: Callable[..., Sweep], tmp_path: Path
) -> None:
    """SIGUSR1, as clusters send it: exit code 75, the CPU is free again, and nothing temporary is left."""
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    sweep = start(tmp_path, "--set", "recipe.epochs=100000", TMPDIR=str(scratch))
    sweep.wait_until(lambda: bool(in_flight(sweep.events(), epochs=3)))
    sweep.process.send_signal(signal.SIGUSR1)
    assert sweep.end() == 75, sweep.output()
    assert "Traceback" not in sweep.output()
    assert cluster.python("-c", TELL_WHAT_IS_FREE).split() == ["1.0", "1"]
    assert list(scratch.iterdir()) == []
