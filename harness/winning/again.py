"""A winner's weights: the kept ones, or those of its best confirm run trained again and compared."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from math import isfinite
from typing import Any

import torch

from harness.errors import ResultsError, unusable
from harness.recipe.metrics import Goal
from harness.records.folder import ResultsFolder, weights_of
from harness.records.provenance import cpu_name
from harness.training.arithmetic import denormals_flushed
from harness.training.data.arrays import load_test_samples, load_training_samples
from harness.training.data.prepare import prepare_declared
from harness.training.epoch import EpochRecord
from harness.training.evaluation import Evaluation, evaluate
from harness.training.loop import train
from harness.training.metrics import measures_of
from harness.training.weights import digest, kept_weights, read_weights
from harness.winning.winner import ConfirmedRun, Value, Winner


@dataclass(frozen=True, kw_only=True)
class Weights:
    """The weights of a winner's best confirm run on validation data."""

    run: ConfirmedRun
    content: bytes
    """Of the safetensors file."""
    is_kept: bool
    """Whether the study kept them; else they were trained again."""
    differences: Mapping[str, tuple[Value, Value]]
    """What of a run that was trained again is not what the study recorded: by name, recorded and got."""

    @property
    def sha256(self) -> str:
        """Of the file."""
        return hashlib.sha256(self.content).hexdigest()


def with_digests(winner: Winner, folder: ResultsFolder) -> Winner:
    """Return a winner whose runs also have the digest of their weights among their values, where it is known.

    Raises:
        ResultsError: A kept file cannot be read.
    """
    runs = []
    for run in winner.runs:
        file = weights_of(folder.weights, run.run_id)
        is_kept = run.weights is not None and file.exists()
        values = {**run.values, "weights": digest(read_weights(file)[0])} if is_kept else run.values
        runs.append(replace(run, values=values))
    return replace(winner, runs=tuple(runs))


def weights_of_winner(winner: Winner, folder: ResultsFolder, say: Callable[[str], None]) -> Weights:
    """Return a winner's weights.

    Args:
        winner: What was chosen; its code, if it names any, must be admitted.
        folder: The study's results.
        say: Is told when a run is trained again.

    Raises:
        ResultsError: The kept file is not what the study wrote.
        DataError: The data to train again on are not here, or not those that the study declared.
    """
    run = winner.best_run
    path = weights_of(folder.weights, run.run_id)
    if run.weights is None or not path.exists():
        kept = "were not kept" if run.weights is None else "are not there any more"
        epochs = f"{winner.configuration['epochs']} epochs"
        say(f"the weights of {run.run_id} {kept}: training it again ({epochs}), to be compared")
        if winner.processor not in {None, cpu_name()}:
            say(f"note: the processor is {cpu_name()} here, and was {winner.processor}: numbers may differ")
        return _trained_again(winner, run)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ResultsError(unusable(path, "read", error)) from error
    if hashlib.sha256(content).hexdigest() != run.weights:
        raise ResultsError(
            f"{path}: is not the file that the study wrote, by its SHA-256 in the journal. Remedy: bring "
            f"back a copy, or remove it, and the run is trained again"
        )
    return Weights(run=run, content=content, is_kept=True, differences={})


@denormals_flushed()
def _trained_again(winner: Winner, run: ConfirmedRun) -> Weights:
    """Train a confirm run as a worker did."""
    torch.set_num_threads(winner.threads)
    device = "cpu" if winner.is_cpu or not torch.cuda.is_available() else "cuda"
    prepared = prepare_declared(winner.recipe.dataset, winner.data_sha256)
    data = load_training_samples(prepared).to(device)
    measures, records = measures_of(winner.metrics), list[EpochRecord]()
    result = train(winner.recipe, run.seed, data, records.append, best_by=winner.best_by, measures=measures)
    test = load_test_samples(prepared, phase="confirm").to(device)
    got = reached(winner, records, evaluate(result.predictor, test, measures=measures))
    differences = {
        name: (value, got[name]) for name, value in run.values.items() if name in got and got[name] != value
    }
    content = kept_weights(result.predictor, _told(winner, run))
    sha256 = hashlib.sha256(content).hexdigest()
    if run.weights is not None and run.weights != sha256:
        differences["weights"] = (run.weights, sha256)
    return Weights(run=run, content=content, is_kept=False, differences=differences)


def reached(winner: Winner, records: list[EpochRecord], tested: Evaluation) -> dict[str, Value]:
    """Return the values of the epoch that stands for a run, and those of the test set, by name."""
    standing = standing_epoch(records, winner.best_by)
    own = ("epoch", "train_loss", "train_accuracy", "val_loss", "val_accuracy")
    values: dict[str, Any] = {name: getattr(standing, name) for name in own} | dict(standing.metrics)
    values |= {"test_loss": tested.loss, "test_accuracy": tested.accuracy}
    values |= {f"test_{name}": value for name, value in tested.metrics.items()}
    return {name: value for name, value in values.items() if value is not None}


def standing_epoch(records: Sequence[EpochRecord], goal: Goal | None) -> EpochRecord:
    """Return the epoch that stands for a run.

    Args:
        records: Of all its epochs.
        goal: Whose best finite value tells it, of equal ones the first; the last epoch stands without any.
    """
    if goal is None:
        return records[-1]
    standing, best = records[-1], None
    for record in records:
        value = record.value(goal.metric)
        if value is not None and isfinite(value) and (best is None or goal.prefers(value, best)):
            standing, best = record, value
    return standing


def _told(winner: Winner, run: ConfirmedRun) -> dict[str, Any]:
    """Return the run as its worker knew it."""
    known = asdict(run) | {"arm": winner.arm, "configuration": dict(winner.configuration)}
    return {name: known[name] for name in ("run_id", "arm", "repeat", "seed", "configuration")}
