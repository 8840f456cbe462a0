"""Shared by all tests: Ray's switches, set before anything imports Ray, and small studies as text."""

from pathlib import Path

import pytest
from hypothesis import settings

from harness.tuning.local_ray import set_ray_environment

set_ray_environment(is_local=True)

settings.register_profile("harness", deadline=None)  # no test fails for being slow
settings.load_profile("harness")


@pytest.fixture(scope="session")
def repository() -> Path:
    """Return the checkout's top folder."""
    return Path(__file__).parents[1]


@pytest.fixture
def study_text() -> str:
    """Return a small, correct study file."""
    return """\
study: small
question: Does a small study work?
recipe:
  model: {name: fcn, hidden: [8]}
  batch_size: 500
  epochs: 9
arms:
  sgd:
    optimizer: sgd
    lr: {low: 1e-3, high: 1.0, log: true}
    momentum: {low: 0.0, high: 0.9}
  adam:
    optimizer: adam
    lr: {low: 1e-5, high: 1e-2, log: true}
    beta2: {choices: [0.9, 0.999]}
search: {trials: 4, early_stopping: {grace_epochs: 1, reduction_factor: 3}}
confirm: {seeds: 3}
claims:
  - {says: Adam is better., better: {arm: adam, than: sgd, metric: test_accuracy}}
"""
