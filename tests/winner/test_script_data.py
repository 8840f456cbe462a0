"""A winner's script on other data and tasks, and with code of somebody's own: the harness's numbers again."""

import io
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.code.named import NamedCode
from harness.code.resolve import admit
from harness.code.sources import hash_sources
from harness.errors import StudyError
from harness.recipe.configuration import Configuration, resolve
from harness.recipe.data import DatasetSpec
from harness.recipe.datasets import DATASETS
from harness.recipe.dependents import READERS as DEPENDENT
from harness.recipe.losses import LOSSES
from harness.recipe.metrics import TASK_METRICS, Goal
from harness.training.data.arrays import load_test_samples, load_training_samples
from harness.training.data.cache import idx_sha256
from harness.training.data.prepare import prepare_dataset
from harness.training.metrics import MEASURES
from harness.winning import script
from tests.contracts.test_every_row import CHOICES, REQUIRED
from tests.training.test_imported import OWN
from tests.winner.comparing import Data, by_harness, by_script, executed, script_for
from tests.withdrawing import withdrawn

ON_RMSE = Goal("val_rmse", "lower")
REGRESSION = dict.fromkeys(["rmse", "mae", "r2"])
N_TRAIN, N_TEST = 60, 30


def npz(folder: Path, inputs: Callable[[int], Any], targets: Callable[[int], Any], **others: Any) -> Data:
    """Return a data set in an .npz file, with a validation part of 10 samples if `val` is asked for."""
    sizes = {"train": N_TRAIN, "test": N_TEST} | ({"val": 10} if others.pop("val", False) else {})
    arrays = {f"x_{part}": inputs(n) for part, n in sizes.items()}
    arrays |= {f"y_{part}": targets(n) for part, n in sizes.items()}
    np.savez(folder / "own.npz", **arrays, **others)
    return Data.of(f"npz:{folder / 'own.npz'}")


def draws(*shape: int, dtype: type = np.float32) -> Callable[[int], Any]:
    """Return what draws so many samples."""
    generator = np.random.default_rng(7)
    if dtype is np.uint8:
        return lambda n: generator.integers(0, 256, (n, *shape), dtype=np.uint8)
    return lambda n: generator.normal(3.0, 2.0, (n, *shape)).astype(dtype)


def classes(n: int) -> Any:
    """Return classes 0, 1 and 2 in turn."""
    return np.arange(n) % 3


def recipe(data: Data, **given: Any) -> Configuration:
    """Return a small recipe of two epochs."""
    small = {"model": {"name": "fcn", "hidden": [6]}, "optimizer": "adam", "lr": 0.01, "batch_size": 16}
    return resolve(small | {"epochs": 2, "dataset": data.name} | given)


def check(data: Data, made: Configuration, best_by: Goal | None = None, **metrics: str | None) -> None:
    """Compare all numbers of a run."""
    got = by_script(script_for(made, data, best_by, metrics), data)
    assert got == by_harness(made, data, best_by, metrics)


KINDS: dict[str, Any] = {
    "colour images": (draws(3, 8, 8, dtype=np.uint8), classes, {}),
    "gray images": (draws(8, 8, dtype=np.uint8), classes, {}),
    "a table": (draws(5), classes, {}),
    "a table of bytes": (draws(5, dtype=np.uint8), classes, {}),
    "tensors": (draws(2, 3, 2, 2), classes, {}),
}
NORMS = ["none", "unit", "standardize", "batch_norm", {"constants": {"mean": 0.3, "std": 0.4}}]


@pytest.mark.parametrize("norm", NORMS, ids=str)
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_sample_enters_by_every_norm(tmp_path: Path, kind: str, norm: Any) -> None:
    """Weights, losses and accuracies to the last bit."""
    inputs, targets, others = KINDS[kind]
    data = npz(tmp_path, inputs, targets, **others)
    check(data, recipe(data, input_norm=norm))


def test_constants_a_channel(tmp_path: Path) -> None:
    """Each channel has its own mean and deviation."""
    data = npz(tmp_path, draws(3, 8, 8, dtype=np.uint8), classes)
    check(data, recipe(data, input_norm={"constants": {"mean": [0.1, 0.2, 0.3], "std": [0.5, 0.6, 0.7]}}))


@pytest.mark.parametrize("loss", LOSSES)
def test_every_loss(tmp_path: Path, loss: str) -> None:
    """With the metrics of its task, and the epoch that one of these tells."""
    is_classified = LOSSES[loss].task == "classification"
    data = npz(tmp_path, draws(5), classes if is_classified else draws(2))
    check(
        data,
        recipe(data, loss=loss),
        Goal("val_accuracy", "higher") if is_classified else ON_RMSE,
        **{name: None for name in TASK_METRICS[LOSSES[loss].task] if name in MEASURES},
    )


@pytest.mark.parametrize(
    "others",
    [{"val": True}, {"groups_train": np.arange(N_TRAIN) // 7}, {}],
    ids=["own validation part", "groups", "at random"],
)
def test_every_rule_of_a_split(tmp_path: Path, others: dict[str, Any]) -> None:
    """Beside that by class, which all data sets of classes have here."""
    data = npz(tmp_path, draws(5), draws(), **others)
    check(data, recipe(data, loss="mse", val_fraction=0.2), **REGRESSION)


@pytest.fixture
def own_code(tmp_path: Path) -> Iterator[None]:
    """Admit the module `own` to this process."""
    (tmp_path / "own.py").write_text(OWN, encoding="utf-8")
    names = ["mlp", "noisy", "Lion", "Noisy", "Averaging", "two_groups", "pinball", "worst"]
    code = NamedCode(folder=tmp_path.resolve(), references=tuple(f"own:{name}" for name in names))
    admit(code, hash_sources(code))
    yield
    withdrawn()


@pytest.mark.parametrize(
    "given",
    [
        {"model": {"import": "own:mlp", "width": 5, "norm": True}},
        {"model": {"import": "own:mlp"}, "input_norm": "batch_norm"},
        {"optimizer": {"import": "own:Lion", "betas": [0.8, 0.9]}},
        {"optimizer": {"import": "own:Noisy"}},
        {"optimizer": {"import": "own:two_groups"}, "lr_schedule": "cosine"},
        {"optimizer": {"import": "own:Averaging"}, "model": {"import": "own:mlp", "norm": True}},
        {"augment": {"import": "own:noisy", "scale": 0.1}},
        {"loss": {"import": "own:pinball", "tau": 0.3}},
    ],
    ids=str,
)
def test_what_a_recipe_imports(tmp_path: Path, own_code: None, given: dict[str, Any]) -> None:
    """By name, with its settings as its annotations want them; also a metric."""
    data = npz(tmp_path, draws(5), draws())
    check(data, recipe(data, **({"loss": "mse"} | given)), own="own:worst", rmse=None)


def test_the_digits_are_those_of_scikit_learn() -> None:
    """Nothing is given to the script: it divides them as the harness does. The last epoch is cut short."""
    prepared = prepare_dataset("digits")
    train = load_training_samples(prepared)
    data = Data(
        name="digits",
        spec=prepared.spec,
        train=train,
        test=load_test_samples(prepared, phase="confirm"),
    )
    length = {"epochs": 3, "steps": 190}
    small = {"model": {"name": "fcn", "hidden": [6]}, "optimizer": "adam", "lr": 0.01, "batch_size": 16}
    check(data, resolve(small | length | {"dataset": "digits"}))


def test_the_records_of_an_archive(tmp_path: Path) -> None:
    """Of CIFAR-10: five training files and a test file, a label before each image."""
    generator = np.random.default_rng(1)
    spec = replace(DATASETS["cifar10"], n_train=5 * 4, n_test=4, class_sizes=(2,) * 10)
    records = [generator.integers(0, 10, (4, 3073), dtype=np.uint8) for _ in range(6)]
    names = [*(f"data_batch_{n}.bin" for n in range(1, 6)), "test_batch.bin"]
    with tarfile.open(tmp_path / "cifar.tar.gz", "w:gz") as archive:
        for name, content in zip(names, records, strict=True):
            info = tarfile.TarInfo(f"cifar-10-batches-bin/{name}")
            info.size = content.nbytes
            archive.addfile(info, io.BytesIO(content.tobytes()))
    joined = np.concatenate(records[:5])
    arrays = [joined[:, 1:].reshape(-1, 3, 32, 32), joined[:, 0]]
    arrays += [records[5][:, 1:].reshape(-1, 3, 32, 32), records[5][:, 0]]
    spec = spec.with_sha256(
        {p.file.name: idx_sha256(p, each) for p, each in zip(spec.parts, arrays, strict=True)}
    )
    data = Data(name="cifar10", spec=spec, train=None, test=None)  # type: ignore[arg-type]
    train, test = executed(script_for(recipe(data), data))["read_data"](tmp_path / "cifar.tar.gz")
    for got, expected in zip([*train.values(), *test.values()], arrays, strict=True):
        assert np.array_equal(got.numpy(), expected)


@pytest.mark.parametrize("spec", DATASETS.values(), ids=lambda spec: spec.name)
def test_of_every_data_set_it_is_known_whether_plain_code_reads_it(spec: DatasetSpec) -> None:
    """A layout that it does not read is refused."""
    data = Data(name=spec.name, spec=spec, train=None, test=None)  # type: ignore[arg-type]
    if spec.format in script.READERS:
        compile(script_for(recipe(data), data), "reproduce.py", "exec")
    else:
        with pytest.raises(StudyError, match=f"layout {spec.format}"):
            script_for(recipe(data), data)


def test_every_field_of_a_recipe_is_in_the_script() -> None:
    """A new field needs a place in the template, and a test that compares numbers."""
    compared = {
        *("dataset", "val_fraction", "model", "batch_size", "epochs", "steps", "loss"),
        *CHOICES,
        *(name for rows in DEPENDENT.values() for fields in rows.values() for name in fields),
        *REQUIRED,
    }
    assert set(Configuration.model_fields) == compared
