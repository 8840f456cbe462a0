"""What a sweep does not import, as a user would wait for it: seen in processes of their own."""

import subprocess
import sys

import pytest

WORKER = "import harness.tuning.worker, harness.tuning.trainable, harness.tuning.program_trial"
TRACKERS = """
from ray.air._internal import usage
from harness.tuning.lean_ray import without_counting_trackers
from harness.tuning.ray_adapters import StartCallback
with without_counting_trackers():
    usage.tag_callbacks([StartCallback(None)])
"""


@pytest.mark.parametrize(
    ("code", "unwanted"),
    [(WORKER, {"optuna", "mlflow"}), (TRACKERS, {"mlflow", "wandb", "comet_ml", "torch"})],
    ids=["worker", "driver"],
)
def test_nobody_waits_for_what_is_not_used(code: str, unwanted: set[str]) -> None:
    """A worker needs no search; Tune counts callbacks by importing each tracker there is."""
    told = f"{code}\nimport sys\nprint({unwanted!r} & set(sys.modules) or 'none')"
    done = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "none"
