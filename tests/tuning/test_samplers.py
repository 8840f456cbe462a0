from collections.abc import Callable
from typing import Any, get_args

import numpy as np
import pytest

from harness.study.file import Search
from harness.tuning.runs import RunSpec
from harness.tuning.samplers import SAMPLERS

TWO_RANGES = "arms.adam={optimizer: adam, lr: {low: 0.001, high: 1.0}, beta2: {low: 0.0, high: 0.999}}"


def bowl(run: RunSpec, epoch: int) -> float:
    """Return a loss with its minimum at a learning rate of 0.3 and a second moment decay of 0.6."""
    chosen = run.configuration
    return (chosen["lr"] - 0.3) ** 2 + ((chosen.get("beta2") or 0) - 0.6) ** 2 + 1 / epoch


def test_every_name_of_a_study_file_has_a_sampler() -> None:
    """The study's names and the registry are the same."""
    assert set(get_args(Search.model_fields["sampler"].annotation)) == set(SAMPLERS)


@pytest.mark.parametrize(
    "sampler", ["tpe", "random", "cmaes", "qmc", pytest.param("gp", marks=pytest.mark.slow)]
)
def test_a_sampler_is_seeded(drive: Callable[..., Any], sampler: str) -> None:
    """The study's seed fixes every proposal; another seed gives others."""

    def proposals(seed: int) -> list[dict[str, Any]]:
        driven = drive(f"search.sampler={sampler}", f"search.seed={seed}", TWO_RANGES, "confirm.seeds=1")
        return [run.configuration for run in driven.run(bowl)]

    assert proposals(0) == proposals(0)
    assert proposals(0) != proposals(1)


def test_qmc_fills_the_space_evenly(drive: Callable[..., Any]) -> None:
    """Each eighth of a range holds one of the first eight points, in every dimension: a Sobol' net."""
    driven = drive("search.sampler=qmc", "search.trials=8", TWO_RANGES, "confirm.seeds=0")
    runs = [run for run in driven.run(bowl) if run.arm == "adam"]
    for field, low in (("lr", 0.001), ("beta2", 0.0)):
        eighths = np.floor([8 * (run.configuration[field] - low) / 0.999 for run in runs])
        assert sorted(eighths) == list(range(8))


def test_cmaes_closes_in_on_the_optimum(drive: Callable[..., Any]) -> None:
    """Later proposals are better on average than earlier ones, which the model has not yet shaped."""
    driven = drive(
        "search.sampler=cmaes",
        "search.trials=80",
        "search.early_stopping=none",
        TWO_RANGES,
        "confirm.seeds=0",
    )
    losses = [bowl(run, 9) - 1 / 9 for run in driven.run(bowl) if run.arm == "adam"]
    assert np.mean(losses[-20:]) < 0.5 * np.mean(losses[:20])
