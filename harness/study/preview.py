"""What a study would do, in words: arms, spaces, runs, steps and a time estimate. Starts nothing."""

import math
import time
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any

import numpy as np

from harness.study.domains import Choices, Domain, Grid, OneOf, Range
from harness.study.plan import ArmPlan, plan_study
from harness.study.study import Study

_MATRIX_SHARE = 0.75
"""Share of the probe's speed that training reaches, evaluation and bookkeeping included."""

_PIXELS = 28 * 28
_CLASSES = 10


def preview(study: Study, train_images: Mapping[str, int]) -> str:
    """Return the text of `--dry-run`.

    Args:
        study: The parsed study.
        train_images: Training images of each data set, validation part included.
    """
    plan = plan_study(study)
    lines = [f"study {study.name}: {study.question}", ""]
    total_epochs = 0.0
    for arm_plan in plan.arms:
        lines += [*_arm_lines(arm_plan, train_images)]
        total_epochs += _expected_epochs(arm_plan, study)
    lines += ["", *_phase_lines(study, len(plan.arms), plan.confirm_seeds)]
    lines += ["", *_estimate_lines(study, total_epochs, train_images)]
    return "\n".join(lines)


def _arm_lines(arm_plan: ArmPlan, train_images: Mapping[str, int]) -> Iterator[str]:
    arm = arm_plan.arm
    audits = f", up to {arm_plan.audit_runs} audit runs" if arm_plan.audit_runs else ""
    yield f"arm {arm.name}: {arm_plan.search_runs} search runs, {arm_plan.confirm_runs} confirm runs{audits}"
    yield "  fixed     " + ", ".join(f"{name} = {value}" for name, value in arm.fixed.items())
    for name, domain in arm.space.items():
        yield from (f"  searched  {line}" for line in _domain_lines(name, domain))
    if isinstance(arm.fixed.get("batch_size"), int) and arm.max_epochs:
        steps = _steps_per_epoch(arm.fixed, train_images)
        yield f"  a full run takes {arm.max_epochs} epochs of {steps} steps = {arm.max_epochs * steps} steps"


def _domain_lines(name: str, domain: Domain) -> Iterator[str]:
    match domain:
        case Range():
            scale = ", log scale" if domain.log else f", step {domain.step:g}" if domain.step else ""
            yield f"{name} from {domain.low:g} to {domain.high:g}{scale}"
        case Choices() | Grid():
            yield f"{name} one of {', '.join(str(value) for value in domain.values)}"
        case OneOf():
            for value, own in domain.branches.items():
                yield f"{name} = {value}" + (", with" if own else "")
                for field, inner in own.items():
                    is_domain = isinstance(inner, Domain)
                    yield from (
                        (f"  {line}" for line in _domain_lines(field, inner))
                        if is_domain
                        else [f"  {field} = {inner}"]
                    )


def _steps_per_epoch(fixed: Mapping[str, Any], train_images: Mapping[str, int]) -> int:
    return math.ceil(_train_samples(fixed, train_images) / int(fixed["batch_size"]))


def _train_samples(fixed: Mapping[str, Any], train_images: Mapping[str, int]) -> int:
    images = train_images[fixed.get("dataset", "fashion_mnist")]
    return images - round(images * float(fixed.get("val_fraction", 0.1)))


def _phase_lines(study: Study, n_arms: int, confirm_seeds: tuple[int, ...]) -> Iterator[str]:
    search, stopping = study.search, study.early_stopping
    early = (
        f"ASHA per arm after {stopping.grace_epochs} epochs, reduction factor {stopping.reduction_factor}"
        if stopping
        else "no early stopping"
    )
    selects = f"selects on {search.metric} ({search.mode}) of the {search.winner} epoch"
    yield f"search: {search.sampler}, {selects}, seed {search.seed}, {early}"
    yield (
        f"confirm: {len(confirm_seeds)} fresh seeds, the same in all {n_arms} arms; the test set is for these"
        if confirm_seeds
        else "confirm: none"
    )
    yield f"each run: {study.resources.cpu} CPU, {study.resources.gpu:g} GPU"


def _expected_epochs(arm_plan: ArmPlan, study: Study) -> float:
    """Return the epochs an arm trains if ASHA lets 1 in `reduction_factor` runs pass each rung."""
    longest = arm_plan.arm.max_epochs or 1
    stopping = study.early_stopping
    average = float(longest)
    if stopping and stopping.grace_epochs < longest:
        average, rung, share = 0.0, stopping.grace_epochs, 1.0
        reached = 0
        while rung < longest:
            average += share * (rung - reached)
            reached, rung, share = rung, rung * stopping.reduction_factor, share / stopping.reduction_factor
        average += share * (longest - reached)
    return arm_plan.search_runs * average + (arm_plan.confirm_runs + arm_plan.audit_runs) * longest


def _estimate_lines(study: Study, total_epochs: float, train_images: Mapping[str, int]) -> Iterator[str]:
    fixed = study.arms[0].fixed
    hidden = fixed.get("model", {}).get("hidden") if isinstance(fixed.get("model"), dict) else None
    if study.resources.gpu or hidden is None:
        yield f"about {total_epochs:.0f} epochs in all (time estimates are for fully connected nets on CPUs)"
        return
    speed = _probe_gflops() * _MATRIX_SHARE
    seconds = total_epochs * _train_samples(fixed, train_images) * _train_flops(hidden) / (speed * 1e9)
    yield (
        f"about {total_epochs:.0f} epochs in all, about {seconds / 60:.0f} core-minutes "
        f"(this core multiplies matrices at {speed / _MATRIX_SHARE:.0f} GFLOP/s now); "
        f"divide by the cores that train, and add half a minute for Ray"
    )


def _train_flops(hidden: list[int]) -> float:
    """Return floating-point operations to train a fully connected net on one sample.

    Forward and weight gradients take 2 operations a weight each, input gradients 2 more except in the first
    layer, whose input needs none.
    """
    sizes = [_PIXELS, *hidden, _CLASSES]
    weights = [fan_in * fan_out for fan_in, fan_out in pairwise(sizes)]
    return 6.0 * sum(weights) - 2.0 * weights[0]


def _probe_gflops() -> float:
    """Return the speed of a float32 matrix product of this network's size on this machine, in GFLOP/s."""
    left, right = np.ones((512, 784), np.float32), np.ones((784, 300), np.float32)
    _ = left @ right
    n_products = 40
    started = time.perf_counter()
    for _ in range(n_products):
        _ = left @ right
    return 2 * 512 * 784 * 300 * n_products / (time.perf_counter() - started) / 1e9
