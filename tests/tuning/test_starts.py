"""Start points: what a search tries first."""

from collections.abc import Callable
from typing import Any


def test_a_search_tries_its_start_points_first(drive: Callable[..., Any]) -> None:
    """In their order, in place of its first trials; a field that a point leaves out the sampler chooses."""
    one_of = "{sgd: {lr: {low: 0.01, high: 1.0}}, adam: {lr: {low: 0.001, high: 0.1}}}"
    driven = drive(
        f"arms={{a: {{optimizer: {{one_of: {one_of}}}, batch_size: {{choices: [8, 16, 32]}}, "
        "start: [{optimizer: adam, lr: 0.05, batch_size: 32}, {optimizer: sgd}]}}",
        "claims=[]",
    )
    runs = [run for run in driven.run(lambda *_: 1.0) if run.phase == "search"]
    first, second, *_ = [
        {name: run.configuration[name] for name in ("optimizer", "lr", "batch_size")} for run in runs
    ]
    assert len(runs) == driven.study.search.trials
    assert first == {"optimizer": "adam", "lr": 0.05, "batch_size": 32}
    assert second["optimizer"] == "sgd"
    assert 0.01 <= second["lr"] <= 1.0
