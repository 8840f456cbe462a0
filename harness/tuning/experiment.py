"""A study's runs as one Ray Tune experiment."""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ray import tune
from ray.exceptions import OutOfMemoryError
from ray.tune.logger import JsonLoggerCallback

from harness.study.study import Study
from harness.tuning.cluster_slots import ClusterSlots
from harness.tuning.conductor import Conductor
from harness.tuning.lean_ray import without_counting_trackers, without_snapshots
from harness.tuning.ray_adapters import (
    ConductorScheduler,
    ConductorSearcher,
    InterruptStopper,
    StartCallback,
)
from harness.tuning.worker import run_in_worker


def run_in_tune(
    conductor: Conductor,
    study: Study,
    pinned: Mapping[str, Any],
    slots: ClusterSlots,
    temporary: Path,
) -> bool:
    """Run everything the conductor hands out as one Tune experiment.

    Tune places each run by a placement group of its own, on the node that it fills best: nodes fill up one
    after the other, and GPUs likewise. Nothing of the experiment's folder is read on other nodes than this
    one, as no run writes checkpoints.

    Args:
        conductor: Hands out runs and keeps the record.
        study: The study.
        pinned: With which data (`sha256`, by file) and `versions` alone a worker trains, and which `program`
            trains in its place, if one does.
        slots: Decide when another run may be handed out.
        temporary: A folder of this driver, for what Tune writes and nobody reads.

    Returns: False if the experiment ended because memory ran out. Ray's monitor then kills a worker with an
        error that Tune does not count among those of workers, and gives up.
    """
    logging.getLogger("ray.tune").setLevel(logging.CRITICAL)  # failures are in the journal and on the screen
    resources = study.resources
    settings = {
        "threads": resources.cpu,
        "device": "cuda" if resources.gpu else "cpu",
        **pinned,
        "best_by": study.goal if study.search.winner == "best" else None,
        "metrics": {name: metric.reference for name, metric in study.metrics.items()},
        "stall_seconds": 60 * resources.stall_minutes if resources.stall_minutes else None,
    }
    tuner = tune.Tuner(
        tune.with_resources(run_in_worker, {"cpu": resources.cpu, "gpu": resources.gpu}),
        tune_config=tune.TuneConfig(
            search_alg=ConductorSearcher(conductor, slots.has_room, settings),
            scheduler=ConductorScheduler(conductor),
            num_samples=-1,
            max_concurrent_trials=slots.tune_limit,
            reuse_actors=not resources.own_process,
            trial_dirname_creator=lambda trial: str(trial.config["run_id"]),
        ),
        run_config=tune.RunConfig(
            name="tune",
            storage_path=str(temporary / "storage"),
            verbose=0,
            stop=InterruptStopper(conductor),
            # Without JsonLogger Tune cannot build its result grid; its files go with the temporary folder.
            callbacks=[StartCallback(conductor), JsonLoggerCallback()],  # type: ignore[no-untyped-call]
        ),
    )
    try:
        with without_snapshots(), without_counting_trackers():
            tuner.fit()
    except RuntimeError as error:
        if isinstance(error.__cause__, OutOfMemoryError):
            return False
        raise
    return True
