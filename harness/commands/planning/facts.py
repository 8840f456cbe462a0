"""What `--dry-run --json` answers: the plan as facts."""

from collections import Counter

from harness import json_output
from harness.commands.planning.marks import foretold_marks
from harness.study.estimate import Bounds, confirm_runs, repeats
from harness.study.plan import ArmPlan, Plan, plan_study
from harness.study.study import Study
from harness.tuning.taking_over import Takeover


def dry_run_facts(
    study: Study,
    takeover: Takeover | None = None,
    *,
    declaration_sha256: str | None,
    trust_sha256: str | None,
    is_trusted: bool,
    costs: json_output.Costs | None,
) -> json_output.DryRun:
    """Return what is known of a study before it starts.

    Args:
        study: The study.
        takeover: What is taken over from its parent.
        declaration_sha256: What a start would seal, where that is known.
        trust_sha256: Of the code that it names; None where it names none.
        is_trusted: Whether nothing that it names was left unchecked.
        costs: What it costs, where that is known.
    """
    plan = plan_study(study)
    marks = foretold_marks(takeover) if takeover else [None] * len(study.claims)
    times = repeats(plan)
    of_each = [(arm.search_runs, confirm_runs(arm, plan)) for arm in plan.arms]
    runs = [sum(search + confirm[end] for search, confirm in of_each) * times[end] for end in (0, 1)]
    return json_output.DryRun(
        study=study.name,
        question=study.question,
        declaration_sha256=declaration_sha256,
        trust_sha256=trust_sha256,
        is_trusted=is_trusted,
        parent=_parent(takeover) if takeover else None,
        arms=[_arm(arm, plan) for arm in plan.arms],
        claims=[
            json_output.PlannedClaim(
                number=number, kind=claim.kind, metric=claim.metric, says=claim.says, made=made
            )
            for number, (claim, made) in enumerate(zip(study.claims, marks, strict=True), start=1)
        ],
        unit=plan.unit,
        looks=list(plan.looks),
        repeats=_at_looks(times),
        runs=_at_looks(Bounds(*map(int, runs))),
        costs=costs,
    )


def _parent(takeover: Takeover) -> json_output.PlannedParent:
    declared, taken = takeover.parent.declared, Counter[str]()
    for (arm, _), count in takeover.counted().items():
        taken[arm] += count
    return json_output.PlannedParent(study=declared.study, sha256=declared.sha256, taken_over=dict(taken))


def _arm(planned: ArmPlan, plan: Plan) -> json_output.PlannedArm:
    arm = planned.arm
    return json_output.PlannedArm(
        arm=arm.name,
        dataset=arm.dataset,
        fixed=dict(arm.fixed),
        space={name: domain.as_written for name, domain in arm.space.items()},
        start=[dict(point) for point in arm.start],
        search_runs=planned.search_runs,
        confirm_runs=_at_looks(confirm_runs(planned, plan)),
        most_audit_runs=planned.audit_runs,
        most_epochs=arm.longest_epochs,
    )


def _at_looks(bounds: Bounds) -> json_output.AtLooks:
    return json_output.AtLooks(first_look=int(bounds.least), most=int(bounds.most))
