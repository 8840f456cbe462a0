"""Ray Tune's own trials, and the doors through which it tells the conductor of them."""

import os
from collections.abc import Callable
from dataclasses import asdict
from typing import Any
from unittest import mock

import pytest
from ray.exceptions import ActorDiedError
from ray.tune.experiment import Trial

from harness.tuning.local_ray import set_ray_environment
from harness.tuning.ray_adapters import ConductorScheduler, ConductorSearcher, StartCallback
from tests.tuning.conftest import WORKER, record


@pytest.mark.parametrize("is_local", [True, False], ids=["private", "joined"])
def test_tune_starts_no_run_again_whose_node_was_preempted(*, is_local: bool) -> None:
    """The conductor does, as after any lost worker; a variable that the user has set changes nothing."""
    died = ActorDiedError(None)
    died._preempted = True  # as Ray tells it of a node that is drained for a preemption
    trial = Trial("run", stub=True)
    with mock.patch.dict(os.environ, {"RAY_TRAIN_COUNT_PREEMPTION_AS_FAILURE": "0"}):
        set_ray_environment(is_local=is_local)
        trial._handle_ray_actor_error(died)
    assert not trial.should_recover()


def test_a_trial_whose_run_is_not_in_flight_starts_nothing(drive: Callable[..., Any]) -> None:
    """Its worker was lost and the run waits to start again: nothing that the old trial tells is recorded."""
    driven = drive()
    searcher = ConductorSearcher(driven.conductor, lambda _: True, {})
    scheduler, callback = ConductorScheduler(driven.conductor), StartCallback(driven.conductor)
    trial = Trial("run", stub=True)
    trial.config = searcher.suggest(trial.trial_id)
    callback.on_trial_start(0, [], trial)
    driven.conductor.lost(trial.config["run_id"], "its worker was lost")
    before = list(driven.events)
    callback.on_trial_start(0, [], trial)
    assert scheduler.on_trial_result(None, trial, asdict(record(1, 1.0)) | asdict(WORKER)) == "STOP"
    assert driven.events == before
