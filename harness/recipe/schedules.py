"""Learning-rate schedules: which exist, which settings each reads, and the rate at every step.

One row a schedule. A schedule is a pure function of the step, so that the rate of any step can be named
without training up to it; the loop sets it before each optimizer step.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import cos, pi


@dataclass(frozen=True, kw_only=True, slots=True)
class Position:
    """Where a schedule stands."""

    step: int
    """From 0."""
    n_steps: int
    """Of the whole schedule."""
    steps_per_epoch: int


@dataclass(frozen=True, kw_only=True, slots=True)
class ScheduleSpec:
    """Describe one schedule."""

    factor: Callable[..., float]
    """`(position, **settings) -> ` the share of `lr` that the position's step is taken with."""
    hyperparameters: Mapping[str, float | None]
    """Every recipe field the schedule reads, with its default; None where it must be given."""
    source: str


def constant(_: Position) -> float:
    """Return 1."""
    return 1.0


def linear(position: Position, *, lr_min_factor: float) -> float:
    """Fall on a straight line that reaches `lr_min_factor` one step after the last."""
    return 1 - (1 - lr_min_factor) * position.step / position.n_steps


def cosine(position: Position, *, lr_min_factor: float) -> float:
    """Fall on a half-cycle of the cosine that reaches `lr_min_factor` one step after the last."""
    return _half_cosine(1.0, lr_min_factor, position.step / position.n_steps)


def cosine_rise(position: Position, *, lr_min_factor: float) -> float:
    """Rise from `lr_min_factor` on a half-cycle of the cosine, with one rate an epoch."""
    n_epochs = -(-position.n_steps // position.steps_per_epoch)
    return _half_cosine(lr_min_factor, 1.0, (position.step // position.steps_per_epoch) / n_epochs)


def step(position: Position, *, lr_gamma: float, lr_step_epochs: int) -> float:
    """Multiply by `lr_gamma` after every `lr_step_epochs` epochs."""
    return float(lr_gamma ** (position.step // (position.steps_per_epoch * lr_step_epochs)))


def exponential(position: Position, *, lr_gamma: float) -> float:
    """Fall evenly on a logarithmic scale, by `lr_gamma` an epoch."""
    return float(lr_gamma ** (position.step / position.steps_per_epoch))


def one_cycle(
    position: Position, *, lr_pct_start: float, lr_div_factor: float, lr_final_div_factor: float
) -> float:
    """Rise from `1 / lr_div_factor`, then fall to `lr_final_div_factor` times less, on half-cosines."""
    start = 1 / lr_div_factor
    peak, last = lr_pct_start * position.n_steps - 1, position.n_steps - 1
    if position.step <= peak and peak > 0:
        return _half_cosine(start, 1.0, position.step / peak)
    return _half_cosine(1.0, start / lr_final_div_factor, (position.step - peak) / (last - peak))


def _half_cosine(first: float, last: float, share: float) -> float:
    """Go from `first` to `last` as `share` goes from 0 to 1."""
    return (first * (1 + cos(pi * share)) + last * (1 - cos(pi * share))) / 2


_WARMUP = {"warmup_epochs": 0.0}

SCHEDULES: dict[str, ScheduleSpec] = {
    "constant": ScheduleSpec(
        factor=constant,
        hyperparameters=_WARMUP,
        source="Robbins & Monro 1951, A Stochastic Approximation Method",
    ),
    "linear": ScheduleSpec(
        factor=linear,
        hyperparameters={"lr_min_factor": 0.0, **_WARMUP},
        source="Li, Yumer & Ramanan 2020, Budgeted Training, table 1; torch.optim.lr_scheduler.LinearLR",
    ),
    "cosine": ScheduleSpec(
        factor=cosine,
        hyperparameters={"lr_min_factor": 0.0, **_WARMUP},
        source="Loshchilov & Hutter 2017, SGDR, equation 5, one cycle without restarts; CosineAnnealingLR",
    ),
    "cosine_rise": ScheduleSpec(
        factor=cosine_rise,
        hyperparameters={"lr_min_factor": 1e-7},
        source="study B's schedule: equation 5 of SGDR, an epoch a time, its two ends swapped",
    ),
    "step": ScheduleSpec(
        factor=step,
        hyperparameters={"lr_gamma": 0.1, "lr_step_epochs": None, **_WARMUP},
        source="Krizhevsky, Sutskever & Hinton 2012, ImageNet Classification, section 5; StepLR",
    ),
    "exponential": ScheduleSpec(
        factor=exponential,
        hyperparameters={"lr_gamma": None, **_WARMUP},
        source="torch.optim.lr_scheduler.ExponentialLR, with steps in place of epochs",
    ),
    "one_cycle": ScheduleSpec(
        factor=one_cycle,
        hyperparameters={"lr_pct_start": 0.3, "lr_div_factor": 25.0, "lr_final_div_factor": 1e4},
        source="Smith & Topin 2018, Super-Convergence; torch's OneCycleLR, which here leaves momentum alone",
    ),
}


def lr_factor(schedule: str, settings: Mapping[str, float], position: Position) -> float:
    """Return the share of `lr` that a run's step is taken with, warm-up included.

    A warm-up of n steps takes its k-th step, from 1, with k/n of the rate; then the schedule begins.

    Args:
        schedule: A key of `SCHEDULES`.
        settings: A value for each of the schedule's hyperparameters.
        position: In the run, warm-up included.

    Source: Goyal et al. 2017, Accurate, Large Minibatch SGD, section 2.2 (gradual warmup).
    """
    own = dict(settings)
    n_warmup = round(own.pop("warmup_epochs", 0.0) * position.steps_per_epoch)
    if position.step < n_warmup:
        return (position.step + 1) / n_warmup
    after = Position(
        step=position.step - n_warmup,
        n_steps=position.n_steps - n_warmup,
        steps_per_epoch=position.steps_per_epoch,
    )
    return SCHEDULES[schedule].factor(after, **own)
