"""How fast the training loop is, beside the ordinary way and beside bare matrix products.

In one process and in alternation, each round times: the probe (only the matrix products that a training
step needs), `harness.training.loop.train`, the probe again, and the ordinary way (torchvision's FashionMNIST,
transforms, DataLoader, an eager loop) on the same recipe, split and number of epochs. benchmarks/README.md
says what is counted.
"""

import argparse
import json
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from itertools import pairwise
from math import prod
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from options import check_json, positive
from torch import nn
from torch.utils.data import DataLoader, Subset
from torchvision import datasets, transforms

from harness.errors import HarnessError
from harness.recipe.configuration import Configuration, resolve
from harness.records.provenance import git_state, machine, versions
from harness.training.data.arrays import Samples, load_training_samples
from harness.training.data.input_norm import input_statistics
from harness.training.data.prepare import PreparedDataset, prepare_dataset
from harness.training.data.splits import stratified_split
from harness.training.epoch import EpochRecord
from harness.training.loop import train

HIDDEN = [300, 200]
BATCH_SIZE = 512
LEARNING_RATES = {"sgd": 0.1, "rmsprop": 1e-3, "adam": 1e-3}
ORDINARY_OPTIMIZERS: dict[str, Callable[..., torch.optim.Optimizer]] = {
    "sgd": torch.optim.SGD,
    "rmsprop": torch.optim.RMSprop,
    "adam": torch.optim.Adam,
}
WARM_UP_EPOCHS = 1
"""Trained at the start of every run, on both sides, and not counted."""
PROBE_SECONDS = 0.5
"""How long the probe multiplies, before and again after the harness."""
PROBE_STEPS = 20
"""Steps' worth of products between two looks at the clock: a GPU must not wait for the clock."""
MAX_ACCURACY_GAP = 0.03
"""Both sides learn alike if their mean validation accuracies differ by no more."""

Loader = DataLoader[tuple[torch.Tensor, torch.Tensor]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Timing:
    """What one side took for the counted epochs of one round."""

    train_seconds: float
    """Spent in the training part."""
    epoch_seconds: float
    """Spent in training and validation."""
    val_accuracy: float
    """After the last epoch, 0 to 1."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Round:
    """One round's measurements."""

    harness: Timing
    ordinary: Timing
    probe_gflops: float
    """Of the probe's two runs, before and after the harness, taken together."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Product:
    """A matrix product `(m, k) @ (k, n)` and how to run it."""

    flops: int
    run: Callable[[], torch.Tensor]


@dataclass(frozen=True, kw_only=True, slots=True)
class Bench:
    """Everything that stays the same in all rounds."""

    configuration: Configuration
    data: Samples
    """On the device."""
    prepared: PreparedDataset
    torchvision_root: Path
    device: torch.device
    workers: int
    products: list[Product]
    """Of one training step."""

    @property
    def n_val(self) -> int:
        """Validation images of every split."""
        return round(len(self.data) * self.configuration.val_fraction)

    @property
    def n_train(self) -> int:
        """Training images of every split."""
        return len(self.data) - self.n_val

    @property
    def counted_samples(self) -> int:
        """Training samples of one round's counted epochs."""
        return self.n_train * (self.configuration.epochs - WARM_UP_EPOCHS)

    @property
    def sample_flops(self) -> float:
        """Floating-point operations of the matrix products that one training sample needs."""
        return sum(product.flops for product in self.products) / BATCH_SIZE


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; return 0, or 1 if the sides do not learn alike, or 2 if nothing was measured."""
    options = _parse(arguments)
    torch.set_num_threads(options.threads)
    facts = _facts(options)
    try:
        with _bench(options) as bench:
            print(_heading(bench, options, facts), flush=True)
            rounds = [_one_round(bench, seed) for seed in range(options.rounds)]
    except HarnessError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    measures = _measures(bench, rounds)
    print(_table(measures))
    if options.json is not None:
        record = {**facts, "measures": measures, "rounds": [asdict(one) for one in rounds]}
        options.json.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    return 0 if _learn_alike(rounds) else 1


def _learn_alike(rounds: list[Round]) -> bool:
    """Print both sides' mean validation accuracy, and tell whether they are close enough."""
    harness = statistics.mean(one.harness.val_accuracy for one in rounds)
    ordinary = statistics.mean(one.ordinary.val_accuracy for one in rounds)
    print(f"\nmean validation accuracy after the last epoch: harness {harness:.4f}, ordinary {ordinary:.4f}")
    if abs(harness - ordinary) <= MAX_ACCURACY_GAP:
        return True
    print(
        f"error: the accuracies differ by more than {MAX_ACCURACY_GAP}: the two sides do not learn alike, "
        "so their speeds must not be compared",
        file=sys.stderr,
    )
    return False


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Time the training loop beside the ordinary way.")
    parser.add_argument("--rounds", type=positive, default=5, help="alternations (default %(default)s)")
    parser.add_argument(
        "--epochs", type=positive, default=1, help="counted epochs a round and side (default %(default)s)"
    )
    parser.add_argument("--threads", type=positive, default=1, help="torch's threads (default %(default)s)")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu", help="(default %(default)s)")
    parser.add_argument(
        "--optimizer", choices=list(LEARNING_RATES), default="sgd", help="(default %(default)s)"
    )
    parser.add_argument("--workers", type=int, default=0, help="the ordinary DataLoaders' worker processes")
    parser.add_argument("--json", type=Path, help="file to save the numbers in")
    options = parser.parse_args(arguments)
    check_json(parser, options.json)
    if options.workers < 0:
        parser.error(f"--workers must be 0 or more, got {options.workers}")
    if options.device == "cuda" and not torch.cuda.is_available():
        parser.error("--device cuda: torch finds no CUDA device here; use --device cpu")
    return options


@contextmanager
def _bench(options: argparse.Namespace) -> Iterator[Bench]:
    """Make everything ready that is not timed: data on both sides, recipe, probe."""
    device = torch.device(options.device)
    configuration = resolve(
        {
            "model": {"name": "fcn", "hidden": HIDDEN},
            "input_norm": "standardize",
            "optimizer": options.optimizer,
            "lr": LEARNING_RATES[options.optimizer],
            "batch_size": BATCH_SIZE,
            "epochs": WARM_UP_EPOCHS + options.epochs,
        }
    )
    prepared = prepare_dataset(configuration.dataset, progress=partial(print, file=sys.stderr))
    data = load_training_samples(prepared)
    with TemporaryDirectory(prefix="training-speed-") as root:
        _write_torchvision_files(prepared, data, Path(root))
        yield Bench(
            configuration=configuration,
            data=data.to(device),
            prepared=prepared,
            torchvision_root=Path(root),
            device=device,
            workers=options.workers,
            products=_step_products(_layer_sizes(prepared), device),
        )


def _layer_sizes(prepared: PreparedDataset) -> list[int]:
    """Return the network's widths, from pixels to classes."""
    return [prod(prepared.spec.shape), *HIDDEN, prepared.spec.n_classes]


def _write_torchvision_files(prepared: PreparedDataset, data: Samples, root: Path) -> None:
    """Write the training images' IDX files where torchvision looks for them.

    torchvision wants the test set's files to be there too, but does not read them: they are left empty, so
    the test set stays closed.
    """
    folder = root / str(prepared.spec.torchvision_class) / "raw"
    folder.mkdir(parents=True)
    values = {"train-images": data.inputs, "train-labels": data.targets.to(torch.uint8)}
    for part in prepared.spec.parts:
        content = part.idx_header + values[part.array].numpy().tobytes() if part.array in values else b""
        (folder / part.file.name).write_bytes(content)


def _one_round(bench: Bench, seed: int) -> Round:
    """Measure probe, harness, probe and the ordinary way, one after the other; the seed fixes the split."""
    before = _run_probe(bench)
    harness = _run_harness(bench, seed)
    after = _run_probe(bench)
    ordinary = _run_ordinary(bench, seed)
    flops, seconds = (sum(pair) for pair in zip(before, after, strict=True))
    ratio = ordinary.epoch_seconds / harness.epoch_seconds
    print(f"round {seed + 1}: {ratio:.1f} times the ordinary way", file=sys.stderr)
    return Round(harness=harness, ordinary=ordinary, probe_gflops=flops / seconds / 1e9)


def _run_harness(bench: Bench, seed: int) -> Timing:
    """Train with the harness's loop.

    The epochs end when the loop reports them, validated; the first is the warm-up, so set-up (split, fresh
    model) falls before the counted time.

    Raises:
        HarnessError: The loss was not finite.
    """
    records: list[EpochRecord] = []
    reported: list[float] = []

    def note(record: EpochRecord) -> None:
        records.append(record)
        reported.append(time.perf_counter())

    result = train(bench.configuration, seed, bench.data, note)
    accuracy = records[-1].val_accuracy
    if result.has_diverged or accuracy is None:
        raise HarnessError(f"the harness's run with seed {seed} diverged: {result.reason}")
    return Timing(
        train_seconds=sum(record.seconds for record in records[WARM_UP_EPOCHS:]),
        epoch_seconds=reported[-1] - reported[WARM_UP_EPOCHS - 1],
        val_accuracy=accuracy,
    )


def _run_ordinary(bench: Bench, seed: int) -> Timing:
    """Train as most scripts do, with torch's defaults; the loaders are made before the counted time."""
    torch.set_flush_denormal(False)  # torch's default, which the harness's loop changes for the process
    torch.manual_seed(seed)
    train_loader, val_loader = _loaders(bench, seed)
    model = _ordinary_model(_layer_sizes(bench.prepared)).to(bench.device)
    criterion = nn.CrossEntropyLoss()
    optimizer = ORDINARY_OPTIMIZERS[bench.configuration.optimizer](
        model.parameters(), lr=bench.configuration.lr
    )
    train_seconds = epoch_seconds = accuracy = 0.0
    for epoch in range(bench.configuration.epochs):
        started = time.perf_counter()
        _train_ordinary_epoch(model, criterion, optimizer, train_loader, bench.device)
        trained = time.perf_counter()
        accuracy = _validate_ordinary(model, criterion, val_loader, bench.device)
        validated = time.perf_counter()
        if epoch >= WARM_UP_EPOCHS:
            train_seconds += trained - started
            epoch_seconds += validated - started
    return Timing(train_seconds=train_seconds, epoch_seconds=epoch_seconds, val_accuracy=accuracy)


def _loaders(bench: Bench, seed: int) -> tuple[Loader, Loader]:
    """Return DataLoaders over the training and the validation part of the seed's split."""
    split = stratified_split(bench.data.targets.cpu(), bench.configuration.val_fraction, seed)
    measured = input_statistics(bench.data.to("cpu"), split.train)
    transform = transforms.Compose(
        [transforms.ToTensor(), transforms.Normalize(measured.means, measured.deviations)]
    )
    dataset = datasets.FashionMNIST(bench.torchvision_root, train=True, transform=transform)
    return (
        DataLoader(
            Subset(dataset, split.train.tolist()),
            batch_size=BATCH_SIZE,
            shuffle=True,
            num_workers=bench.workers,
        ),
        DataLoader(Subset(dataset, split.val.tolist()), batch_size=BATCH_SIZE, num_workers=bench.workers),
    )


def _ordinary_model(sizes: list[int]) -> nn.Module:
    """Return the same network as the harness's, put together by hand."""
    layers: list[nn.Module] = [nn.Flatten()]
    for fan_in, fan_out in pairwise(sizes):
        layers += [nn.Linear(fan_in, fan_out), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def _train_ordinary_epoch(
    model: nn.Module,
    criterion: nn.Module,
    optimizer: torch.optim.Optimizer,
    loader: Loader,
    device: torch.device,
) -> float:
    """Take one step a batch and return the mean loss."""
    model.train()
    running_loss = 0.0
    n_seen = 0
    for batch_images, batch_labels in loader:
        images, labels = batch_images.to(device), batch_labels.to(device)
        optimizer.zero_grad()
        loss = criterion(model(images), labels)
        loss.backward()
        optimizer.step()
        running_loss += loss.item() * len(labels)
        n_seen += len(labels)
    return running_loss / n_seen


@torch.no_grad()
def _validate_ordinary(model: nn.Module, criterion: nn.Module, loader: Loader, device: torch.device) -> float:
    """Measure loss and accuracy over the loader's images, and return the accuracy."""
    model.eval()
    loss_sum = 0.0
    n_correct = n_seen = 0
    for batch_images, batch_labels in loader:
        images, labels = batch_images.to(device), batch_labels.to(device)
        logits = model(images)
        loss_sum += criterion(logits, labels).item() * len(labels)
        n_correct += int((logits.argmax(dim=1) == labels).sum().item())
        n_seen += len(labels)
    return n_correct / n_seen


def _step_products(sizes: list[int], device: torch.device) -> list[Product]:
    """Return the matrix products of one full batch's step, laid out as torch's linear layers have them.

    Forward and weight gradients in every layer, input gradients in all but the first, whose input needs none.
    Results go to memory that is already there.
    """
    products = []
    for number, (fan_in, fan_out) in enumerate(pairwise(sizes)):
        inputs = torch.randn(BATCH_SIZE, fan_in, device=device)
        weights = torch.randn(fan_out, fan_in, device=device)
        gradients = torch.randn(BATCH_SIZE, fan_out, device=device)
        pairs = [(inputs, weights.t()), (gradients.t(), inputs)]
        if number > 0:
            pairs.append((gradients, weights))
        products += [_product(left, right) for left, right in pairs]
    return products


def _product(left: torch.Tensor, right: torch.Tensor) -> Product:
    (m, k), n = left.shape, right.shape[1]
    out = torch.empty(m, n, device=left.device)
    return Product(flops=2 * m * k * n, run=partial(torch.mm, left, right, out=out))


def _run_probe(bench: Bench) -> tuple[float, float]:
    """Run a step's products over and over; return their floating-point operations and the seconds taken."""
    _run_steps(bench)
    started = time.perf_counter()
    steps, seconds = 0, 0.0
    while seconds < PROBE_SECONDS:
        _run_steps(bench)
        steps += PROBE_STEPS
        seconds = time.perf_counter() - started
    return steps * BATCH_SIZE * bench.sample_flops, seconds


def _run_steps(bench: Bench) -> None:
    """Run the products of `PROBE_STEPS` steps, and wait for them."""
    for _ in range(PROBE_STEPS):
        for product in bench.products:
            product.run()
    if bench.device.type == "cuda":
        torch.cuda.synchronize(bench.device)


def _measures(bench: Bench, rounds: list[Round]) -> dict[str, list[float]]:
    """Return what the table shows, one value a round."""
    samples = bench.counted_samples
    gflop = samples * bench.sample_flops / 1e9
    achieved = [gflop / one.harness.train_seconds for one in rounds]
    return {
        "whole epoch: harness, samples/s": [samples / one.harness.epoch_seconds for one in rounds],
        "whole epoch: ordinary way, samples/s": [samples / one.ordinary.epoch_seconds for one in rounds],
        "whole epoch: ratio": [one.ordinary.epoch_seconds / one.harness.epoch_seconds for one in rounds],
        "training part: harness, samples/s": [samples / one.harness.train_seconds for one in rounds],
        "training part: ordinary way, samples/s": [samples / one.ordinary.train_seconds for one in rounds],
        "training part: ratio": [one.ordinary.train_seconds / one.harness.train_seconds for one in rounds],
        "training part: harness, GFLOP/s": achieved,
        "matrix-multiply probe, GFLOP/s": [one.probe_gflops for one in rounds],
        "efficiency": [speed / one.probe_gflops for speed, one in zip(achieved, rounds, strict=True)],
    }


def _facts(options: argparse.Namespace) -> dict[str, Any]:
    """Return what the numbers depend on: options, machine, versions, code, and what else was running."""
    return {
        "options": {name: value for name, value in vars(options).items() if name != "json"},
        "machine": machine().model_dump(exclude={"host"}),
        "threads": torch.get_num_threads(),
        "load_average": round(os.getloadavg()[0], 2),
        "versions": versions(),
        "code": git_state().model_dump(),
    }


def _heading(bench: Bench, options: argparse.Namespace, facts: dict[str, Any]) -> str:
    """Return the lines above the table: recipe, procedure, machine, versions."""
    network = "-".join(map(str, _layer_sizes(bench.prepared)))
    computer = facts["machine"]
    gpu = f", {torch.cuda.get_device_name(bench.device)}" if bench.device.type == "cuda" else ""
    packages = ", ".join(
        f"{name} {facts['versions'][name]}" for name in ("python", "torch", "torchvision", "numpy")
    )
    return (
        f"recipe: fcn {network}, {options.optimizer} lr {bench.configuration.lr:g}, batch size {BATCH_SIZE}, "
        f"{bench.n_train:,} training and {bench.n_val:,} validation images, "
        f"{bench.sample_flops / 1e6:.3f} MFLOP a training sample\n"
        f"procedure: {options.rounds} alternating rounds, each with {WARM_UP_EPOCHS} warm-up and "
        f"{options.epochs} counted epochs a side; DataLoader workers: {options.workers}\n"
        f"machine: {computer['cpu']}, {computer['cores']} cores{gpu}; device {bench.device.type}, "
        f"torch threads: {facts['threads']}; load average {facts['load_average']} at the start\n"
        f"versions: {packages}\n"
    )


def _table(measures: dict[str, list[float]]) -> str:
    """Return the measures as a Markdown table: median, least and greatest of the rounds."""
    width = max(map(len, measures))
    lines = [f"| {'':{width}} | {'median':>8} | {'min':>8} | {'max':>8} |"]
    lines.append(f"|{'-' * (width + 2)}|{('-' * 9 + ':|') * 3}")
    for name, values in measures.items():
        decimals = 0 if name.endswith("samples/s") else 2 if name == "efficiency" else 1
        cells = (statistics.median(values), min(values), max(values))
        lines.append(f"| {name:{width}} |" + "".join(f" {cell:>8,.{decimals}f} |" for cell in cells))
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
