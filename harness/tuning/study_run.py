"""Run a whole study: check, declare, train, record."""

import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

from harness import PROTOCOL_VERSION
from harness.errors import ResultsError
from harness.records.folder import ResultsFolder
from harness.records.journal import JournalWriter
from harness.records.manifest import DeclaredArm, Manifest
from harness.records.provenance import git_state, gpu_names, machine, usable_cores, versions
from harness.study.plan import Plan, plan_study
from harness.study.study import Study
from harness.training.data.prepare import PreparedDataset, prepare_dataset
from harness.tuning.conductor import Conductor
from harness.tuning.interruption import on_interrupt
from harness.tuning.local_ray import joined_ray, local_ray
from harness.tuning.preflight import check_run_fits, dataset_of
from harness.tuning.progress import Progress


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How a study ended."""

    failed_runs: int
    is_interrupted: bool


def run_study(study: Study, folder: ResultsFolder, address: str, say: Callable[[str], None]) -> Outcome:
    """Run a study that passed `preflight`.

    Args:
        study: The parsed study.
        folder: Where its results go.
        address: `local`, `auto` or `HOST:PORT` of a Ray cluster.
        say: Takes short messages for the user.

    Raises:
        ResultsError: The results folder cannot be written.
        EnvironmentMismatchError: The cluster cannot run what the study asks for.
        DataError: The data set cannot be found or is damaged.
    """
    prepared = prepare_dataset(dataset_of(study), progress=say)
    plan = plan_study(study)
    say("starting Ray" if address == "local" else f"joining Ray at {address}")
    with _ray(study, address) as temporary:
        slots = _slots(study)
        _declare(study, plan, folder, prepared, slots)
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        storage = JournalStorage(JournalFileBackend(str(folder.optuna_journal)))
        with JournalWriter(folder.journal) as journal, Progress(study, plan, slots) as progress:

            def write(event: Any) -> None:
                journal.append(event)
                progress.take(event)

            conductor = Conductor(study, plan, storage, write)
            with on_interrupt(conductor.interrupt):
                _run_in_tune(conductor, study, slots, temporary)
    if conductor.fault is not None:
        raise conductor.fault
    return Outcome(failed_runs=progress.count("failed"), is_interrupted=not conductor.is_over)


def _ray(study: Study, address: str) -> AbstractContextManager[Path]:
    if address != "local":
        return joined_ray(address)
    return local_ray(usable_cores(), len(gpu_names()) if study.resources.gpu else 0)


def _slots(study: Study) -> int:
    """Return how many runs fit beside each other.

    Raises:
        EnvironmentMismatchError: Not even one does.
    """
    import ray

    there: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]
    cpus, gpus = there.get("CPU", 0), there.get("GPU", 0)
    check_run_fits(study, cpus, gpus, "the cluster")
    slots = int(cpus // study.resources.cpu)
    return min(slots, int(gpus / study.resources.gpu)) if study.resources.gpu else slots


def _declare(study: Study, plan: Plan, folder: ResultsFolder, prepared: PreparedDataset, slots: int) -> None:
    """Write down what the study is before its first run."""
    spec = prepared.spec
    val_fraction = next(iter({arm.fixed.get("val_fraction", 0.1) for arm in study.arms}))
    val_samples = round(spec.n_train * val_fraction)
    arms = {
        arm_plan.arm.name: DeclaredArm(
            fixed=arm_plan.arm.fixed,
            space={
                name: domain.model_dump(mode="json", exclude_unset=True)
                for name, domain in arm_plan.arm.space.items()
            },
            search_runs=arm_plan.search_runs,
            confirm_runs=arm_plan.confirm_runs,
            max_epochs=arm_plan.arm.max_epochs,
        )
        for arm_plan in plan.arms
    }
    manifest = Manifest(
        protocol_version=PROTOCOL_VERSION,
        study=study.name,
        question=study.question,
        arms=arms,
        search=study.search.model_dump(mode="json"),
        confirm=study.confirm.model_dump(mode="json"),
        search_seeds=list(plan.search_seeds),
        confirm_seeds=list(plan.confirm_seeds),
        resources=study.resources.model_dump(mode="json"),
        claims=[claim.model_dump(mode="json", exclude_none=True) for claim in study.claims],
        dataset={
            "name": spec.name,
            "sha256": prepared.sha256,
            "train_samples": spec.n_train - val_samples,
            "val_samples": val_samples,
            "test_samples": spec.n_test,
            "split": f"stratified by class, {val_fraction:g} of the training images for validation, "
            f"drawn anew from each run's seed",
        },
        git=git_state(),
        versions=versions(),
        machine=machine(),
        slots=slots,
        command=["python", "-m", "harness.sweep", *sys.argv[1:]],
        created_at=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    try:
        folder.study_file.write_text(study.text, encoding="utf-8")
        manifest.write(folder.manifest)
    except OSError as error:
        raise ResultsError(f"{folder.root}: cannot be written ({error.strerror})") from error


def _run_in_tune(conductor: Conductor, study: Study, slots: int, temporary: Path) -> None:
    """Run everything the conductor hands out as one Tune experiment."""
    import logging

    from ray import tune
    from ray.tune.logger import JsonLoggerCallback

    from harness.tuning.ray_adapters import (
        ConductorScheduler,
        ConductorSearcher,
        InterruptStopper,
        StartCallback,
        run_in_worker,
    )

    logging.getLogger("ray.tune").setLevel(logging.CRITICAL)  # failures are in the journal and on the screen
    resources = study.resources
    settings = {"threads": resources.cpu, "device": "cuda" if resources.gpu else "cpu"}
    tuner = tune.Tuner(
        tune.with_resources(run_in_worker, {"cpu": resources.cpu, "gpu": resources.gpu}),
        tune_config=tune.TuneConfig(
            search_alg=ConductorSearcher(conductor, settings),
            scheduler=ConductorScheduler(conductor),
            num_samples=-1,
            max_concurrent_trials=slots,
            reuse_actors=True,
            trial_dirname_creator=lambda trial: str(trial.config["run_id"]),
        ),
        run_config=tune.RunConfig(
            name="tune",
            storage_path=str(temporary / "storage"),
            verbose=0,
            stop=InterruptStopper(conductor),
            # Without JsonLogger Tune cannot build its result grid; its files go with the temporary folder.
            callbacks=[StartCallback(conductor), JsonLoggerCallback()],  # type: ignore[no-untyped-call]
        ),
    )
    tuner.fit()
