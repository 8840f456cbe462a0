"""Let Ray Tune place more runs than fit, and tell how many it ran at once, on which nodes and GPUs.

Started as `python place_runs.py CPU GPU` with RAY_ADDRESS set. The runs ask for their resources as those of a
sweep do, and train nothing: each waits until as many have begun as there are slots, then a little longer.
"""

import json
import logging
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from harness.tuning.local_ray import set_ray_environment

set_ray_environment(is_local=False)

import ray  # noqa: E402 - reads its switches when it is imported
from ray import tune  # noqa: E402

from harness.study.file import Resources  # noqa: E402
from harness.tuning.cluster_slots import ClusterSlots  # noqa: E402

_PATIENCE_SECONDS = 120
_GRACE_SECONDS = 3


def main(asked: Resources) -> None:
    """Run and tell."""
    ray.init(log_to_driver=False, logging_level=logging.ERROR)
    slots = ClusterSlots(asked, print, is_joined=True).now
    with tempfile.TemporaryDirectory() as scratch:
        begun, seen = Path(scratch, "begun"), Path(scratch, "seen")
        begun.mkdir()
        seen.mkdir()

        def run(_: dict[str, Any]) -> None:
            context = ray.get_runtime_context()
            gpus = context.get_accelerator_ids()["GPU"]
            mine = begun / str(context.get_actor_id())
            mine.write_text(json.dumps([context.get_node_id(), *gpus]))
            deadline = time.monotonic() + _PATIENCE_SECONDS
            while len(list(begun.iterdir())) < slots and time.monotonic() < deadline:
                time.sleep(0.1)
            time.sleep(_GRACE_SECONDS)
            (seen / mine.name).write_text(str(len(list(begun.iterdir()))))

        tuner = tune.Tuner(
            tune.with_resources(run, {"cpu": asked.cpu, "gpu": asked.gpu}),
            tune_config=tune.TuneConfig(num_samples=slots + 1),
            run_config=tune.RunConfig(storage_path=scratch, verbose=0),
        )
        tuner.fit()
        at_once = min(int(path.read_text()) for path in seen.iterdir())
        places = [json.loads(path.read_text()) for path in sorted(begun.iterdir(), key=_age)[:slots]]
    by_node = Counter(node for node, *_ in places)
    by_gpu = Counter(f"{node} {gpu}" for node, *gpus in places for gpu in gpus)
    tell = {
        "slots": slots,
        "at_once": at_once,
        "runs_by_node": by_node,
        "runs_by_gpu": by_gpu,
    }
    print(json.dumps(tell))  # noqa: T201


def _age(path: Path) -> float:
    return path.stat().st_mtime


if __name__ == "__main__":
    main(Resources(cpu=int(sys.argv[1]), gpu=float(sys.argv[2])))
