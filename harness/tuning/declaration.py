"""What a study declares before its first run, and what is known of where it runs."""

import sys
from collections.abc import Mapping

from harness import PROTOCOL_VERSION
from harness.code.sources import sources_of
from harness.declaration import Declaration, DeclaredArm, DeclaredData, DeclaredParent, DeclaredPlan
from harness.manifest import Manifest
from harness.recipe.data import DatasetSpec
from harness.recipe.lengths import split_sizes
from harness.records.provenance import as_text, git_state, machine, utc_now, versions
from harness.study.plan import ArmPlan, Plan
from harness.study.study import Study

COMMAND = ["python", "-m", "harness.sweep"]


def declare(
    study: Study,
    plan: Plan,
    *specs: DatasetSpec,
    sources: Mapping[str, str] | None = None,
    parent: DeclaredParent | None = None,
) -> Declaration:
    """Return what a study declares.

    Args:
        study: The parsed study.
        plan: Its runs and seeds.
        specs: Its data sets in its order, with the SHA-256 of their files; none of a program.
        sources: Those of the code that it names, where they have been hashed before.
        parent: The study whose runs it takes over, if there is one.
    """
    data = [_declared_data(spec, study.val_fraction) for spec in specs]
    names = [name for name in study.by_dataset if name is not None]
    return Declaration(
        protocol_version=PROTOCOL_VERSION,
        study=study.name,
        question=study.question,
        parent=parent,
        arms={arm_plan.arm.name: _declared_arm(arm_plan, plan) for arm_plan in plan.arms},
        search=study.search,
        confirm=study.confirm,
        plan=_declared_plan(plan),
        search_seeds=list(plan.search_seeds(study.arms[0].name, 0)),
        confirm_seeds=list(plan.confirm_seeds(study.arms[0].name, 0)) if plan.seeds_are_common else [],
        baseline=study.baseline,
        metrics=study.metrics,
        claims=list(study.claims),
        published=study.published,
        sources=dict(sources) if sources is not None else sources_of(study),
        dataset=None if names or not data else data[0],
        trial=study.trial,
        datasets=dict(zip(names, data, strict=True)) if names else {},
    )


def _declared_data(spec: DatasetSpec, val_fraction: float) -> DeclaredData:
    train_samples, val_samples = split_sizes(spec.facts, val_fraction)
    return DeclaredData(
        name=spec.name,
        sha256=spec.sha256,
        train_samples=train_samples,
        val_samples=val_samples,
        test_samples=spec.n_test,
        val_fraction=val_fraction if spec.n_val is None else spec.n_val / spec.n_train,
        split=_split_in_words(spec, val_fraction),
        task=spec.task,
        kind=spec.kind,
        is_grouped=spec.is_grouped,
    )


def _split_in_words(spec: DatasetSpec, val_fraction: float) -> str:
    """Return how a run's validation part is made."""
    if spec.n_val is not None:
        return f"the data set's own validation part, {spec.n_val} samples, the same in every run"
    drawn = "drawn anew from each run's seed"
    if spec.is_grouped:
        return f"whole groups, about {val_fraction:g} of the training samples for validation, {drawn}"
    if spec.class_sizes:
        return f"stratified by class, {val_fraction:g} of the training images for validation, {drawn}"
    return f"at random, {val_fraction:g} of the training samples for validation, {drawn}"


def describe(study: Study, declaration_sha256: str, slots: int) -> Manifest:
    """Return the manifest of a study about to run here.

    Args:
        study: The parsed study.
        declaration_sha256: Of its declaration as written.
        slots: Runs that may train at the same time.
    """
    return Manifest(
        declaration_sha256=declaration_sha256,
        resources=study.resources,
        git=git_state(),
        versions=versions(),
        machine=machine(),
        slots=slots,
        command=[*COMMAND, *as_text(sys.argv[1:])],
        created_at=utc_now(),
    )


def _declared_plan(plan: Plan) -> DeclaredPlan:
    """Return the plan with the looks spending the error in equal parts."""
    n_looks = len(plan.looks)
    return DeclaredPlan(
        unit=plan.unit,
        looks=plan.looks,
        weights=(1 / n_looks,) * n_looks,
        seeds_are_common=plan.seeds_are_common,
    )


def _declared_arm(arm_plan: ArmPlan, plan: Plan) -> DeclaredArm:
    arm = arm_plan.arm
    return DeclaredArm(
        dataset=arm.dataset,
        plain_name=arm.alone,
        template=arm.template,
        fixed=arm.fixed,
        space=arm.space,
        start=list(arm.start),
        search_runs=arm_plan.search_runs * plan.max_repeats,
        confirm_runs=arm_plan.confirm_runs * plan.max_repeats,
        max_epochs=arm.max_epochs,
    )
