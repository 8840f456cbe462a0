"""What a study would do, in words: arms, spaces, runs, steps and a time estimate. Starts nothing."""

import time
from collections.abc import Iterable, Iterator
from statistics import fmean

import numpy as np
from numpy.typing import NDArray

from harness.recipe.costs import product_flops
from harness.recipe.datasets import Images
from harness.recipe.lengths import split_sizes, steps_per_epoch
from harness.study.domains import Choices, Domain, Grid, OneOf, Range
from harness.study.feasible import check_feasible, oddities
from harness.study.plan import ArmPlan, Plan, plan_study
from harness.study.study import Arm, Study


def preview(study: Study, images: Images) -> str:
    """Return the text of `--dry-run`.

    Args:
        study: The parsed study.
        images: Its data set's training images.

    Raises:
        StudyError: Some run could not train on them.
    """
    check_feasible(study, images)
    plan, n_images = plan_study(study), images.n_images
    lines = [f"study {study.name}: {study.question}", ""]
    for arm_plan in plan.arms:
        lines += [*_arm_lines(arm_plan, plan, n_images, study.val_fraction)]
    lines += ["", *_phase_lines(study, plan)]
    lines += ["", *_estimate_lines(study, plan, n_images)]
    lines += [f"note: {oddity}" for oddity in oddities(study, plan, images)]
    return "\n".join(lines)


def _arm_lines(arm_plan: ArmPlan, plan: Plan, n_images: int, val_fraction: float) -> Iterator[str]:
    arm = arm_plan.arm
    audits = f", up to {arm_plan.audit_runs} audit runs" if arm_plan.audit_runs else ""
    each = (
        f"{arm_plan.search_runs} search runs, {_numbers(_confirm_runs(arm_plan, plan))} confirm runs{audits}"
    )
    if plan.unit == "repeat":
        repeats = (plan.looks[0], plan.max_repeats)
        runs = [n * (arm_plan.search_runs + arm_plan.confirm_runs + arm_plan.audit_runs) for n in repeats]
        in_all = f"{'up to ' if audits else ''}{_numbers(runs)} runs in all"
        yield f"arm {arm.name}: {_numbers(repeats)} repeats of {each}: {in_all}"
    else:
        yield f"arm {arm.name}: {each}"
    yield "  fixed     " + ", ".join(f"{name} = {value}" for name, value in arm.fixed.items())
    for name, domain in arm.space.items():
        yield from (f"  searched  {line}" for line in _domain_lines(name, domain))
    batch_size, asked = arm.only("batch_size"), arm.only("steps")
    if batch_size and arm.max_epochs:
        steps = steps_per_epoch(n_images, val_fraction, batch_size)
        whole = arm.max_epochs * steps
        if asked in {None, whole}:
            yield f"  a full run takes {arm.max_epochs} epochs of {steps} steps = {whole} steps"
        else:
            length = f"{arm.max_epochs} epochs of {steps}, the last one cut short"
            yield f"  a full run takes {asked} steps: {length}"


def _domain_lines(name: str, domain: Domain) -> Iterator[str]:
    match domain:
        case Range():
            scale = ", log scale" if domain.log else f", step {domain.step:g}" if domain.step else ""
            yield f"{name} from {domain.low:g} to {domain.high:g}{scale}"
        case Choices() | Grid():
            yield f"{name} one of {', '.join(str(value) for value in domain.listed)}"
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


def _confirm_runs(arm_plan: ArmPlan, plan: Plan) -> tuple[int, int]:
    """Return an arm's confirm runs of one repeat, at the first look and at most."""
    most = arm_plan.confirm_runs
    return (min(most, plan.looks[0]) if plan.unit == "seed" else most), most


def _numbers(bounds: Iterable[float]) -> str:
    """Return the least and the most of something, or the one number that both are."""
    least, most = bounds
    return f"{most:.0f}" if least == most else f"{least:.0f} to {most:.0f}"


def _phase_lines(study: Study, plan: Plan) -> Iterator[str]:
    search, stopping = study.search, study.early_stopping
    early = (
        f"ASHA per arm after {stopping.grace_epochs} epochs, reduction factor {stopping.reduction_factor}"
        if stopping
        else "no early stopping"
    )
    selects = f"selects on {search.metric} ({search.mode}) of the {search.winner} epoch"
    yield f"search: {search.sampler}, {selects}, seed {search.seed}, {early}"
    if plan.unit == "repeat":
        repeats = _numbers((plan.looks[0], plan.max_repeats))
        yield f"repeats: {repeats} searches an arm, each with seeds of its own"
    if not plan.confirm.max_seeds:
        yield "confirm: none"
    else:
        whose = "the same in all" if plan.seeds_are_common else "others in each repeat of the"
        seeds = f"{_numbers(_confirm_runs(plan.arms[0], plan))} fresh seeds, {whose} {len(plan.arms)} arms"
        yield f"confirm: {seeds}; the test set is for these"
    if len(plan.looks) > 1:
        yield f"looks: after {', '.join(map(str, plan.looks))} {plan.unit}s; what is then open goes on"
    yield f"each run: {study.resources.cpu} CPU, {study.resources.gpu:g} GPU"


def _expected_epochs(arm_plan: ArmPlan, study: Study, plan: Plan) -> NDArray[np.float64]:
    """Return the epochs an arm trains if ASHA lets 1 in `reduction_factor` runs pass each rung.

    Returns: Up to the first look, and at most.
    """
    longest = arm_plan.arm.longest_epochs
    stopping = study.early_stopping
    average = float(longest)
    if stopping and stopping.grace_epochs < longest:
        average, rung, share = 0.0, stopping.grace_epochs, 1.0
        reached = 0
        while rung < longest:
            average += share * (rung - reached)
            reached, rung, share = rung, rung * stopping.reduction_factor, share / stopping.reduction_factor
        average += share * (longest - reached)
    repeats = np.array([plan.looks[0] if plan.unit == "repeat" else 1, plan.max_repeats])
    full_runs = np.array(_confirm_runs(arm_plan, plan)) + arm_plan.audit_runs
    return repeats * (arm_plan.search_runs * average + full_runs * longest)


def _estimate_lines(study: Study, plan: Plan, n_images: int) -> Iterator[str]:
    epochs = {arm_plan.arm.name: _expected_epochs(arm_plan, study, plan) for arm_plan in plan.arms}
    in_all = _numbers(np.sum([*epochs.values()], axis=0))
    if study.resources.gpu:
        yield f"about {in_all} epochs in all (time estimates are for CPUs)"
        return
    speed = _probe_gflops()
    n_train, _ = split_sizes(n_images, study.val_fraction)
    operations = np.sum([epochs[arm.name] * _epoch_operations(arm, n_train) for arm in study.arms], axis=0)
    yield (
        f"about {in_all} epochs in all, about {_numbers(operations / speed / 6e10)} core-minutes "
        f"(this core multiplies matrices at {speed:.0f} GFLOP/s now); "
        f"divide by the cores that train, and add half a minute for Ray"
    )


def _epoch_operations(arm: Arm, samples: int) -> float:
    """Return the operations of an epoch with an arm's most expensive model, the mean over its batch sizes."""
    steps = fmean(samples / batch_size for batch_size in arm.values_of("batch_size"))
    return max(product_flops(model, samples, steps) for model in arm.values_of("model"))


def _probe_gflops() -> float:
    """Return the speed of float32 matrix products on one core of this machine, in GFLOP/s.

    The matrices are so small that no BLAS spreads a product over cores, and the time is the processor's, so
    that other work on the machine hardly counts.
    """
    side, n_products, rounds = 64, 400, 20
    left, right = np.ones((n_products, side, side), np.float32), np.ones((side, side), np.float32)
    _ = left @ right
    started = time.process_time()
    for _ in range(rounds):
        _ = left @ right
    return 2 * side**3 * n_products * rounds / (time.process_time() - started) / 1e9
