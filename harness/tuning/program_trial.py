"""What a worker does for a study of a program: run it once and report every epoch. No torch."""

import os
import shutil
import socket
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from ray import tune

from harness.code.named import NamedCode
from harness.code.resolve import admit
from harness.code.sources import hash_sources
from harness.errors import HarnessError, StudyError
from harness.programs.contract import Contract, ProgramEpoch
from harness.programs.launch import GRACE_SECONDS, environment
from harness.programs.placeholders import words_of
from harness.programs.run import Job, Limits, ProgramEnd, run_program
from harness.records.folder import ResultsFolder
from harness.records.provenance import gpu_names
from harness.study.study import Study
from harness.training.epoch import EpochRecord
from harness.tuning.runs import RunEnd, Worker
from harness.tuning.worker import check_own_environment

_STOP_SECONDS = str(int(3 * GRACE_SECONDS))
"""What Tune waits for the end of a stopped run before it gives its worker another: 2 s by default, in which a
program that is slow to end has not ended, and Tune 2.60 then waits for ever."""


@dataclass(frozen=True, kw_only=True)
class ProgramSpec:
    """What all runs of a program share."""

    command: list[str]
    """With placeholders."""
    folder: str
    """That of the study file, in which it runs."""
    runs_folder: str
    """Where each run gets a folder of its own, named by its id."""
    metrics: list[str]
    """Names that it declares."""
    objective: str
    """What selects, such as `val_accuracy`."""
    tested: list[str]
    """What a confirm run has to print: the headline, and what claims are about."""
    timeout_seconds: float | None

    @classmethod
    def of(cls, study: Study, results: ResultsFolder) -> "ProgramSpec | None":
        """Return what the runs of a study share; None where the built-in training trains."""
        trial = study.trial
        if trial is None:
            return None
        headline = f"test_{next(iter(trial.metrics))}"
        claimed = [claim.metric for claim in study.claims if (claim.metric or "").startswith("test_")]
        return cls(
            command=trial.command,
            folder=str(study.folder.resolve()),
            runs_folder=str(results.program_runs),
            metrics=list(trial.metrics),
            objective=study.search.metric,
            tested=list(dict.fromkeys([headline, *map(str, claimed)])),
            timeout_seconds=60 * trial.timeout_minutes if trial.timeout_minutes else None,
        )


def run_program_trial(config: dict[str, Any]) -> None:
    """Run the program as a `RunSpec` describes, as Ray Tune calls it; reports are those of `run_trial`.

    Args:
        config: A `RunSpec` as a dict, with `program` (a `ProgramSpec` as one), `threads`, `device`,
            `stall_seconds`, `versions`, `code` and `sources` beside its fields.
    """
    os.environ["TUNE_FUNCTION_THREAD_TIMEOUT_S"] = _STOP_SECONDS
    try:
        check_own_environment(config["versions"])
        code = NamedCode.of_plain(config["code"])
        admit(code, config["sources"])
        check_unchanged(code, config["sources"])
        ended = _run(config, ProgramSpec(**config["program"]))
    except HarnessError as error:
        ended = ProgramEnd(status="failed", reason=str(error))
    end = RunEnd(status=ended.status, reason=ended.reason, metrics=dict(ended.tested))
    tune.report({"kind": "end", **asdict(end)})


def check_unchanged(code: NamedCode, sources: Mapping[str, str]) -> None:
    """Refuse a program that was edited after its study had begun; inputs, which may be large, are not read.

    Raises:
        StudyError: A file differs from the declared one.
    """
    here = hash_sources(replace(code, inputs=()))
    changed = [name for name, sha256 in here.items() if sources.get(name, sha256) != sha256]
    if changed:
        raise StudyError(
            f"{', '.join(changed[:5])} changed since the study began, and its runs could not be compared. "
            f"Remedy: bring back the declared files, and edit a copy"
        )


def _run(config: dict[str, Any], program: ProgramSpec) -> ProgramEnd:
    run_dir = Path(program.runs_folder, config["run_id"])
    try:
        _make_empty(run_dir)
    except OSError as error:
        return ProgramEnd(status="failed", reason=f"{run_dir}: cannot be made ({error.strerror})")
    uses_gpu = config["device"] == "cuda"
    worker = Worker(
        threads=config["threads"],
        device=next(iter(gpu_names()), "cuda") if uses_gpu else "cpu",
        host=socket.gethostname(),
        steps_per_epoch=None,
    )

    def report(epoch: ProgramEpoch, seconds: float) -> None:
        record = EpochRecord(epoch=epoch.epoch, seconds=seconds, metrics=epoch.metrics)
        tune.report({"kind": "epoch", **asdict(record), **asdict(worker)})

    configuration, seed, phase = config["configuration"], config["seed"], config["phase"]
    given = {"seed": seed, "epochs": configuration["epochs"], "phase": phase, "run_dir": str(run_dir)}
    job = Job(
        words=words_of(program.command, configuration | given),
        folder=Path(program.folder),
        environment=environment(
            os.environ,
            seed=seed,
            phase=phase,
            run_dir=run_dir,
            threads=config["threads"],
            uses_gpu=uses_gpu,
        ),
        stderr=run_dir / "stderr.txt",
    )
    contract = Contract(
        metrics=tuple(program.metrics),
        objective=program.objective,
        epochs=configuration["epochs"],
        phase=phase,
        tested=tuple(program.tested),
    )
    limits = Limits(seconds=program.timeout_seconds, silent_seconds=config["stall_seconds"])
    return run_program(job, contract, limits, report)


def _make_empty(folder: Path) -> None:
    """Make a run's folder; what an earlier try of the run left there is removed."""
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
