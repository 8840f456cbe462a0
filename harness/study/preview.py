"""What a study would do, in words: arms, spaces, runs and steps. Starts nothing."""

from collections.abc import Iterator

from harness.recipe.data import DataFacts
from harness.recipe.lengths import steps_per_epoch
from harness.study.domains import Choices, Domain, Grid, OneOf, Range
from harness.study.estimate import confirm_runs, repeats
from harness.study.feasible import check_feasible, oddities
from harness.study.plan import ArmPlan, Plan, plan_study
from harness.study.study import Study
from harness.study.written import as_written


def preview(study: Study, *facts: DataFacts) -> str:
    """Return what `--dry-run` tells of the runs.

    Args:
        study: The parsed study.
        facts: Of its data sets, in its order; none of a program.

    Raises:
        StudyError: Some run could not train on them.
    """
    parts = list(zip(study.by_dataset.values(), facts, strict=True))
    for part, own in parts:
        check_feasible(part, own)
    plan = plan_study(study)
    lines = [f"study {study.name}: {study.question}", ""]
    if study.trial is not None:
        lines += [f"program: {' '.join(study.trial.command)}", ""]
        for arm_plan in plan.arms:
            lines += [*_arm_lines(arm_plan, plan, None, 0)]
    for part, own in parts:
        for arm_plan in plan_study(part).arms:
            lines += [*_arm_lines(arm_plan, plan, own, study.val_fraction)]
    lines += ["", *_phase_lines(study, plan)]
    if study.trial is not None:
        lines += [f"note: {oddity}" for oddity in oddities(study, plan, None)]
    for part, own in parts:
        lines += [f"note: {oddity}" for oddity in oddities(part, plan_study(part), own)]
    return "\n".join(lines)


def _arm_lines(arm_plan: ArmPlan, plan: Plan, facts: DataFacts | None, val_fraction: float) -> Iterator[str]:
    arm = arm_plan.arm
    audits = f", up to {arm_plan.audit_runs} audit runs" if arm_plan.audit_runs else ""
    each = (
        f"{arm_plan.search_runs} search runs, {confirm_runs(arm_plan, plan).in_words()} confirm runs{audits}"
    )
    if plan.unit == "repeat":
        runs = repeats(plan) * (arm_plan.search_runs + arm_plan.confirm_runs + arm_plan.audit_runs)
        in_all = f"{'up to ' if audits else ''}{runs.in_words()} runs in all"
        yield f"arm {arm.name}: {repeats(plan).in_words()} repeats of {each}: {in_all}"
    else:
        yield f"arm {arm.name}: {each}"
    yield "  fixed     " + ", ".join(f"{name} = {as_written(value)}" for name, value in arm.fixed.items())
    for name, domain in arm.space.items():
        yield from (f"  searched  {line}" for line in _domain_lines(name, domain))
    if arm.start:
        yield f"  starts at {'; '.join(map(as_written, arm.start))}"
    if facts is None:
        yield f"  a full run reports at most {arm.longest_epochs} epochs"
        return
    batch_size, asked = arm.only("batch_size"), arm.only("steps")
    if batch_size and arm.max_epochs:
        steps = steps_per_epoch(facts, val_fraction, batch_size)
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
            yield f"{name} one of {', '.join(map(as_written, domain.listed))}"
        case OneOf():
            for value, own in domain.branches.items():
                yield f"{name} = {as_written(value)}" + (", with" if own else "")
                for field, inner in own.items():
                    is_domain = isinstance(inner, Domain)
                    yield from (
                        (f"  {line}" for line in _domain_lines(field, inner))
                        if is_domain
                        else [f"  {field} = {as_written(inner)}"]
                    )


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
        yield f"repeats: {repeats(plan).in_words()} searches an arm, each with seeds of its own"
    if not plan.confirm.max_seeds:
        yield "confirm: none"
    else:
        whose = "the same in all" if plan.seeds_are_common else "others in each repeat of the"
        seeds = f"{confirm_runs(plan.arms[0], plan).in_words()} fresh seeds, {whose} {len(plan.arms)} arms"
        kept = {"none": "", "best": "; the best one's weights are kept", "all": "; their weights are kept"}
        yield f"confirm: {seeds}; the test set is for these{kept[plan.confirm.keep]}"
    if len(plan.looks) > 1:
        yield f"looks: after {', '.join(map(str, plan.looks))} {plan.unit}s; what is then open goes on"
    yield f"each run: {study.resources.cpu} CPU, {study.resources.gpu:g} GPU"
