"""Schedules against torch's schedulers and closed forms."""

from typing import Any, get_args

import pytest
import torch
from torch.optim import lr_scheduler

from harness.recipe.field_types import ScheduleName
from harness.recipe.schedules import SCHEDULES, Position, lr_factor

N_STEPS, STEPS_PER_EPOCH = 40, 8
PUBLISHED = [1e-8, 0.0034, 0.0113, 0.0230, 0.0371, 0.0524, 0.0675, 0.0808, 0.0912, 0.0978]
"""Study B's rate in each of its ten epochs."""


def factors(schedule: str, **settings: float) -> list[float]:
    """Return the factor of every step of a run of five epochs."""
    spec = SCHEDULES[schedule]
    return [
        lr_factor(
            schedule,
            {**spec.hyperparameters, **settings},
            Position(step=step, n_steps=N_STEPS, steps_per_epoch=STEPS_PER_EPOCH),
        )
        for step in range(N_STEPS)
    ]


def torch_factors(kind: type[lr_scheduler.LRScheduler], **settings: Any) -> list[float]:
    """Return the rates of torch's scheduler, stepped after every optimizer step, for a rate of 1."""
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    scheduler = kind(optimizer, **settings)
    rates = []
    for _ in range(N_STEPS):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return rates


@pytest.mark.parametrize(
    ("schedule", "settings", "kind", "torch_settings"),
    [
        ("constant", {}, lr_scheduler.ConstantLR, {"factor": 1.0}),
        (
            "linear",
            {"lr_min_factor": 0.1},
            lr_scheduler.LinearLR,
            {"start_factor": 1.0, "end_factor": 0.1, "total_iters": N_STEPS},
        ),
        (
            "cosine",
            {"lr_min_factor": 0.1},
            lr_scheduler.CosineAnnealingLR,
            {"T_max": N_STEPS, "eta_min": 0.1},
        ),
        (
            "step",
            {"lr_gamma": 0.3, "lr_step_epochs": 2},
            lr_scheduler.StepLR,
            {"gamma": 0.3, "step_size": 2 * STEPS_PER_EPOCH},
        ),
        (
            "exponential",
            {"lr_gamma": 0.5},
            lr_scheduler.ExponentialLR,
            {"gamma": 0.5 ** (1 / STEPS_PER_EPOCH)},
        ),
        (
            "one_cycle",
            {},
            lr_scheduler.OneCycleLR,
            {"max_lr": 1.0, "total_steps": N_STEPS, "cycle_momentum": False},
        ),
        (
            "one_cycle",
            {"lr_pct_start": 0.2, "lr_div_factor": 5.0, "lr_final_div_factor": 100.0},
            lr_scheduler.OneCycleLR,
            {
                "max_lr": 1.0,
                "total_steps": N_STEPS,
                "cycle_momentum": False,
                "pct_start": 0.2,
                "div_factor": 5.0,
                "final_div_factor": 100.0,
            },
        ),
    ],
)
@pytest.mark.filterwarnings("ignore:.*lr_scheduler.step.. before")  # torch's, on making the scheduler
def test_a_schedule_is_torchs(
    schedule: str,
    settings: dict[str, float],
    kind: type[lr_scheduler.LRScheduler],
    torch_settings: dict[str, Any],
) -> None:
    """The rate of every step agrees with torch's scheduler."""
    assert factors(schedule, **settings) == pytest.approx(torch_factors(kind, **torch_settings), rel=1e-9)


def test_a_warm_up_rises_evenly_before_the_schedule_begins() -> None:
    """A warm-up of half an epoch takes steps of 1/4, 2/4, 3/4 and 4/4; the cosine has the other 36 steps."""
    warmed = factors("cosine", warmup_epochs=0.5)
    assert warmed[:5] == pytest.approx([0.25, 0.5, 0.75, 1.0, 1.0])
    alone = [
        lr_factor(
            "cosine", {"lr_min_factor": 0.0}, Position(step=step, n_steps=36, steps_per_epoch=STEPS_PER_EPOCH)
        )
        for step in range(36)
    ]
    assert warmed[4:] == pytest.approx(alone)


def test_the_published_schedule_is_met() -> None:
    """One rate an epoch, from 1e-8 up; study B's own rates lie within 0.003 of it, its last within 0.0003."""
    positions = [Position(step=938 * e + 500, n_steps=9380, steps_per_epoch=938) for e in range(10)]
    rates = [0.1 * lr_factor("cosine_rise", {"lr_min_factor": 1e-7}, position) for position in positions]
    assert rates[0] == pytest.approx(1e-8)
    assert rates == pytest.approx(PUBLISHED, abs=0.003)
    assert rates[-1] == pytest.approx(PUBLISHED[-1], abs=0.0003)
    assert rates[5] == pytest.approx(0.05)


def test_the_published_schedule_keeps_its_rate_through_an_epoch() -> None:
    """Eight equal rates five times, each above the last."""
    rates = factors("cosine_rise")
    assert [len(set(rates[i : i + 8])) for i in range(0, 40, 8)] == [1] * 5
    assert rates[::8] == sorted(set(rates))


@pytest.mark.parametrize("n_steps", [1, 2, 3, 4])
def test_one_cycle_is_defined_for_the_shortest_runs(n_steps: int) -> None:
    """No step divides by nothing, and none exceeds the greatest rate."""
    settings = dict(SCHEDULES["one_cycle"].hyperparameters)
    for step in range(n_steps):
        position = Position(step=step, n_steps=n_steps, steps_per_epoch=1)
        assert 0 < lr_factor("one_cycle", settings, position) <= 1


def test_the_names_of_recipes_are_the_registry() -> None:
    """A row is all it takes."""
    assert set(get_args(ScheduleName)) == set(SCHEDULES)
