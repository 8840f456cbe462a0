"""What a worker does: train one run and report every epoch. Runs inside Ray's processes."""

import faulthandler
import hashlib
import socket
import traceback
from collections.abc import Mapping
from dataclasses import asdict, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from ray import tune

from harness.code.named import NamedCode
from harness.code.resolve import admit, code_place, comes_from_code
from harness.errors import ResultsError
from harness.recipe.configuration import Configuration
from harness.recipe.metrics import Goal
from harness.records.class_codes import encode_classes
from harness.records.folder import weights_of
from harness.records.whole_file import unwritable, write_whole
from harness.study.datasets import label_of
from harness.training.bf16 import check_own_device
from harness.training.data.arrays import Samples, load_test_samples, load_training_samples
from harness.training.data.prepare import PreparedDataset, prepare_declared
from harness.training.data.splits import split_of
from harness.training.deferred_compiler import defer_compiler
from harness.training.epoch import EpochRecord
from harness.training.evaluation import evaluate
from harness.training.loop import RunResult, train
from harness.training.metrics import Measure, measures_of
from harness.training.weights import kept_weights
from harness.tuning.runs import RunEnd, Worker
from harness.tuning.worker import check_own_environment

_STANDARD_ERROR = 2
"""File descriptor; Ray keeps what is written there with the worker's log."""


def run_trial(config: dict[str, Any]) -> None:
    """Train the run that a `RunSpec` describes, as Ray Tune calls it.

    Reports each epoch (`kind: epoch`, an `EpochRecord` and a `Worker`) and, when the run ends by itself, its
    end (`kind: end`, a `RunEnd`), as flat dicts.

    Args:
        config: A `RunSpec` as a dict, with `threads`, `device`, `stall_seconds`, `best_by` (the goal
            whose best epoch is tested; None for the last epoch), `sha256` (of each declared data set's files,
            by their names), `versions` (of the packages that decide a number), `metrics`
            (names, each with the reference of what measures it, None for ours), `code` (what the study names
            of its own), `sources` (the hashes of that) and `weights` (the folder in which confirm runs keep
            theirs; None where they do not) beside its fields.
    """
    torch.set_flush_denormal(True)  # before the first tensor: the threads that work with this one inherit it
    defer_compiler()
    torch.set_num_threads(config["threads"])
    configuration = Configuration.model_validate(config["configuration"])
    try:
        end = _train(config, configuration)
    except (Exception, SystemExit) as error:
        if isinstance(error, SystemExit) and not comes_from_code(error):  # Ray's way to stop a run
            raise
        where = traceback.extract_tb(error.__traceback__)[-1]
        place = code_place(error) or f"{where.name}, line {where.lineno}"
        reason = f"{type(error).__name__}: {error} ({place})"
        tune.report({"kind": "end", **asdict(RunEnd(status="failed", reason=reason))})
        raise
    tune.report({"kind": "end", **asdict(end)})


def _train(config: dict[str, Any], configuration: Configuration) -> RunEnd:
    """Train, report epochs, and return how the run ended; confirm runs are measured on the test set once."""
    check_own_environment(config["versions"])
    _check_weights_folder(config)
    admit(NamedCode.of_plain(config["code"]), config["sources"])
    device = torch.device(config["device"])
    if configuration.precision == "bf16":
        check_own_device(device.type)
    declared = config["sha256"][label_of(configuration.dataset)]
    prepared = _prepared(configuration.dataset, tuple(sorted(declared.items())))
    data = _on_device(prepared, device.type)
    worker = Worker(
        threads=torch.get_num_threads(),
        device=torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu",
        host=socket.gethostname(),
        steps_per_epoch=_steps_per_epoch(data, configuration, config["seed"]),
    )

    def report(record: EpochRecord) -> None:
        faulthandler.cancel_dump_traceback_later()
        tune.report({"kind": "epoch", **asdict(record), **asdict(worker)})
        _watch(config["stall_seconds"])

    measures = measures_of(config["metrics"])
    _watch(config["stall_seconds"])
    try:
        result = train(
            configuration,
            config["seed"],
            data,
            report,
            best_by=Goal(*config["best_by"]) if config["best_by"] and config["phase"] == "confirm" else None,
            measures=measures,
        )
    finally:
        faulthandler.cancel_dump_traceback_later()
    if result.has_diverged:
        return RunEnd(status="diverged", reason=result.reason)
    if config["phase"] != "confirm":
        return RunEnd(status="completed")
    end = _tested(config["phase"], prepared, result, measures)
    return end if config["weights"] is None else replace(end, weights=_kept(config, result))


def _steps_per_epoch(data: Samples, configuration: Configuration, seed: int) -> int:
    """Return the optimizer steps of an epoch; whole groups of samples make them depend on the seed."""
    n_train = len(split_of(data, configuration.val_fraction, seed).train)
    return -(-n_train // configuration.batch_size)


def _watch(stall_seconds: float | None) -> None:
    """Let this process end itself, whatever it hangs in, unless it is watched anew or released in time."""
    if stall_seconds is not None:
        faulthandler.dump_traceback_later(stall_seconds, exit=True, file=_STANDARD_ERROR)


def _tested(
    phase: str, prepared: PreparedDataset, result: RunResult, measures: Mapping[str, Measure]
) -> RunEnd:
    """Return the end of a confirm run, measured on the test set, which is opened here and nowhere else."""
    device = next(result.predictor.model.parameters()).device
    test = load_test_samples(prepared, phase=phase).to(device)
    evaluation = evaluate(result.predictor, test, measures=measures)
    predicted = None
    if evaluation.predicted is not None:
        classes = evaluation.predicted.to("cpu", torch.uint8).numpy()
        predicted = encode_classes(classes, prepared.spec.n_classes)
    return RunEnd(
        status="completed",
        test_loss=evaluation.loss,
        test_accuracy=evaluation.accuracy,
        predicted=predicted,
        metrics={f"test_{name}": value for name, value in evaluation.metrics.items()},
    )


def _check_weights_folder(config: Mapping[str, Any]) -> None:
    """Refuse to train what could not be kept in the end.

    Raises:
        ResultsError: The driver's folder of weights is not seen here.
    """
    folder = config["weights"]
    if folder is not None and config["phase"] == "confirm" and not Path(folder).is_dir():
        raise ResultsError(
            f"{folder}: {socket.gethostname()} does not see this folder, in which weights are to be kept. "
            f"Remedy: results on storage that all nodes share, or confirm: {{keep: none}}"
        )


def _kept(config: Mapping[str, Any], result: RunResult) -> str:
    """Write the weights of a tested network, whole or not at all; return the file's SHA-256.

    Raises:
        StudyError: They are not all tensors.
        ResultsError: They cannot be written.
    """
    content = kept_weights(result.predictor, config)
    path = weights_of(Path(config["weights"]), config["run_id"])
    try:
        write_whole(path, content)
    except OSError as error:
        raise unwritable(path, error) from error
    return hashlib.sha256(content).hexdigest()


@lru_cache(maxsize=2)
def _prepared(name: str, sha256: tuple[tuple[str, str], ...]) -> PreparedDataset:
    """Return the declared data set in this machine's cache, looked up and compared once per process."""
    return prepare_declared(name, dict(sha256))


@lru_cache(maxsize=2)
def _on_device(prepared: PreparedDataset, device: str) -> Samples:
    """Return the training samples on a device, moved once per process; on the CPU they stay mapped."""
    return load_training_samples(prepared).to(device)
