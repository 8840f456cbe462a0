"""Range tests of a study's arms: where in its space each is tested, and one test a seed."""

import sys
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any

import torch
from pydantic import ValidationError
from rich.console import Console
from rich.progress import Progress

from harness.errors import StudyError
from harness.records.provenance import git_state, machine, versions
from harness.records.range_test import Settings, TestedArm
from harness.screen import is_terminal
from harness.study.feasible import check_feasible
from harness.study.seeds import distinct_seeds
from harness.study.study import Arm, Study
from harness.training.data.arrays import Samples, load_training_samples
from harness.training.data.prepare import PreparedDataset
from harness.training.range_test import (
    DIVERGENCE_FACTOR,
    SMOOTHING,
    RangePoint,
    Rise,
    midpoint,
    range_test,
)


@dataclass(frozen=True, kw_only=True)
class Asked:
    """How a user wants every arm tested."""

    seeds: int
    """Tests an arm, each with its own seed."""
    low: float
    """First learning rate."""
    high: float
    """Last one, above it."""
    steps: int
    """Mini-batches from the first to the last."""


def settings_of(study: Study, asked: Asked, prepared: PreparedDataset) -> Settings:
    """Return what is to be tested, and where its numbers come from.

    Raises:
        StudyError: An arm cannot be tested in the middle of its space.
    """
    return Settings(
        study=study.name,
        overrides=list(study.overrides),
        arms={arm.name: _tested_arm(arm) for arm in study.arms},
        seeds=distinct_seeds(study.search.seed, "range_test", asked.seeds),
        low=asked.low,
        high=asked.high,
        steps=asked.steps,
        smoothing=SMOOTHING,
        divergence_factor=DIVERGENCE_FACTOR,
        dataset={"name": prepared.name, "sha256": prepared.sha256},
        git=git_state(),
        versions=versions(),
        machine=machine(),
    )


def _tested_arm(arm: Arm) -> TestedArm:
    """Return an arm and the middle of its space.

    Raises:
        StudyError: The middle breaks a rule across fields, which a study file's check of extremes can miss.
    """
    point = midpoint(arm.space)
    try:
        arm.configuration(point)
    except ValidationError as error:
        reason = error.errors(include_url=False)[0]["msg"]
        raise StudyError(
            f"arm {arm.name} cannot be tested in the middle of its space, {point}: {reason}. "
            f"Remedy: --set arms.{arm.entry}.FIELD=VALUE fixes a field for the test."
        ) from error
    space = {name: domain.as_written for name, domain in arm.space.items()}
    return TestedArm(fixed=arm.fixed, space=space, point=point)


def check_points(study: Study, settings: Settings, prepared: PreparedDataset) -> None:
    """Refuse tests that could not take their steps on the data set.

    Raises:
        StudyError: Some could not.
    """
    points = {name: tested.point for name, tested in settings.arms.items()}
    arms = (replace(arm, fixed={**arm.fixed, **points[arm.name]}, space={}) for arm in study.arms)
    check_feasible(replace(study, arms=tuple(arms)), prepared.spec.facts)


def make_tests(study: Study, settings: Settings, prepared: PreparedDataset) -> list[dict[str, Any]]:
    """Make every arm's test with every seed, one after another; return one row a step."""
    torch.set_num_threads(study.resources.cpu)
    data = _on_device(prepared, "cuda" if study.resources.gpu else "cpu")
    rise = Rise(low=settings.low, high=settings.high, steps=settings.steps)
    on_terminal = is_terminal(sys.stderr)
    console = Console(stderr=True, force_terminal=on_terminal, highlight=False, markup=False, soft_wrap=True)
    rows: list[dict[str, Any]] = []
    with Progress(console=console, transient=True, disable=not on_terminal) as progress:
        for arm in study.arms:
            at = settings.arms[arm.name].point
            console.print(f"{arm.name}: {_where(at)}")
            for number, seed in enumerate(settings.seeds, start=1):
                label = f"{arm.name}, seed {number} of {len(settings.seeds)}"
                task = progress.add_task(label, total=rise.steps)
                points = range_test(
                    arm.configuration(at),
                    seed,
                    data,
                    rise,
                    partial(progress.advance, task),
                )
                progress.remove_task(task)
                console.print(f"{label}: {_end(points[-1])}")
                rows += [{"arm": arm.name, "seed": seed, **asdict(point)} for point in points]
    return rows


def _where(point: dict[str, Any]) -> str:
    """Return where in an arm's space its test stands."""
    others = ", ".join(f"{name} = {value}" for name, value in point.items() if name != "lr")
    return f"tested at {others}" if others else "nothing else is searched"


def _end(last: RangePoint) -> str:
    if last.diverged:
        return f"diverged at {last.lr:.3g}, after {last.step} steps"
    return f"reached {last.lr:g} without diverging"


def _on_device(prepared: PreparedDataset, device: str) -> Samples:
    """Return the training samples; on the CPU they stay mapped."""
    return load_training_samples(prepared).to(device)
