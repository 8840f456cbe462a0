"""How fast the training loop is, beside a bare loop in memory, the ordinary way and bare matrix products.

Each side has a process of its own, and they take turns: in each round every side trains for about the same
time, so other work on the machine slows them alike. benchmarks/README.md says what is counted.
"""

import argparse
import itertools
import json
import multiprocessing
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass, replace
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import torch
from options import check_json, positive
from torch import nn
from torch.utils.data import DataLoader, Subset
from torchvision import datasets, transforms

from harness.allocation import KEEPING_MEMORY
from harness.errors import HarnessError
from harness.recipe.configuration import Configuration, resolve
from harness.records.provenance import git_state, machine, versions
from harness.training.data.arrays import Samples, load_training_samples
from harness.training.data.input_norm import input_statistics
from harness.training.data.prepare import PreparedDataset, prepare_dataset
from harness.training.loop import train
from harness.training.setup import set_up_run

if TYPE_CHECKING:
    from harness.training.epoch import EpochRecord

MODELS: dict[str, dict[str, Any]] = {
    "fcn": {"name": "fcn", "hidden": [300, 200]},
    "lenet5": {"name": "lenet5"},
    "simple_cnn": {"name": "simple_cnn"},
}
LR = 0.01
N_VAL = 200
"""Samples that the harness validates on after each epoch, which no side counts."""
LEAST_STEPS = 3
CHECKED_STEPS = 3
MOST_APART = {"fp32": 0.02, "bf16": 0.2}
"""How far weights of the other loops may be from the harness's after `CHECKED_STEPS` steps of one batch, over
what the steps changed; the norms of both. Their sums are in other orders, so
some activations fall on the other side of zero."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Cell:
    """What is trained."""

    model: str
    batch: int
    precision: str
    threads: int
    device: str
    torchvision_root: str

    def configuration(self, batch: int, epochs: int) -> Configuration:
        """Return the recipe."""
        return resolve(
            {
                "model": MODELS[self.model],
                "input_norm": "standardize",
                "optimizer": "sgd",
                "lr": LR,
                "batch_size": batch,
                "epochs": epochs,
                "precision": self.precision,
            }
        )

    def autocast(self) -> AbstractContextManager[Any]:
        """Return what a script computes its outputs in."""
        return torch.autocast(self.device, torch.bfloat16) if self.precision == "bf16" else nullcontext()


Epochs = Callable[[int, int, int], tuple[float, nn.Module]]
"""Trains on so many samples in batches of such a size for so many epochs; returns the last one's seconds."""


def part_of(data: Samples, n_train: int) -> Samples:
    """Return the first samples, the last of which validate."""
    end = min(len(data), n_train + N_VAL)
    return replace(data, inputs=data.inputs[:end], targets=data.targets[:end], n_val=N_VAL)


def harness_epochs(cell: Cell, data: Samples) -> Epochs:
    """Return the harness's loop, as a sweep's runs call it."""

    def epochs(n_train: int, batch: int, count: int) -> tuple[float, nn.Module]:
        records: list[EpochRecord] = []
        done = train(cell.configuration(batch, count), 0, part_of(data, n_train), records.append)
        if done.has_diverged:
            raise HarnessError(f"{cell.model}: the run diverged: {done.reason}")
        return records[-1].seconds, done.predictor.model

    return epochs


def started_model(cell: Cell, data: Samples) -> nn.Module:
    """Return the network with which the harness's run begins, in torch's own layout."""
    model = set_up_run(cell.configuration(cell.batch, 1), 0, data).predictor.model
    return model.to(memory_format=torch.contiguous_format)


def bare_epochs(cell: Cell, data: Samples) -> Epochs:
    """Return a loop as written by hand for data in memory: float32, standardised before, indexed."""

    def epochs(n_train: int, batch: int, count: int) -> tuple[float, nn.Module]:
        part = part_of(data, n_train)
        measured = input_statistics(part, torch.arange(n_train))
        inputs = part.inputs[:n_train].float() / 255
        inputs = ((inputs - measured.means[0]) / measured.deviations[0]).to(cell.device)
        labels = part.targets[:n_train].to(cell.device)
        model = started_model(cell, part)
        optimizer = torch.optim.SGD(model.parameters(), lr=LR, fused=True)
        criterion = nn.CrossEntropyLoss()
        seconds = 0.0
        for _ in range(count):
            started = time.perf_counter()
            loss_sum = torch.zeros((), device=cell.device)
            for rows in torch.split(torch.randperm(n_train).to(cell.device), batch):
                with cell.autocast():
                    outputs = model(inputs[rows])
                loss = criterion(outputs.float(), labels[rows])
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                loss_sum += loss.detach() * len(rows)
            loss_sum.item()
            seconds = time.perf_counter() - started
        return seconds, model

    return epochs


def ordinary_epochs(cell: Cell, data: Samples) -> Epochs:
    """Return the loop of most scripts: torchvision's data set, transforms, a DataLoader, torch's defaults."""

    def epochs(n_train: int, batch: int, count: int) -> tuple[float, nn.Module]:
        part = part_of(data, n_train)
        measured = input_statistics(part, torch.arange(n_train))
        normalized = transforms.Normalize(measured.means, measured.deviations)
        transform = transforms.Compose([transforms.ToTensor(), normalized])
        dataset = datasets.FashionMNIST(cell.torchvision_root, train=True, transform=transform)
        loader = DataLoader(Subset(dataset, range(n_train)), batch_size=batch, shuffle=True)
        model = started_model(cell, part)
        optimizer = torch.optim.SGD(model.parameters(), lr=LR)
        criterion = nn.CrossEntropyLoss()
        seconds = 0.0
        for _ in range(count):
            started, running_loss = time.perf_counter(), 0.0
            for images, labels in loader:
                with cell.autocast():
                    outputs = model(images.to(cell.device))
                loss = criterion(outputs.float(), labels.to(cell.device))
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                running_loss += loss.item() * len(labels)
            seconds = time.perf_counter() - started
        return seconds, model

    return epochs


def probe_epochs(cell: Cell, data: Samples) -> Epochs:
    """Return the products of a step alone: of each layer outputs, and gradients of weights and of inputs.

    Inputs of the first layer need no gradient. Convolutions are torch's own kernels, channels last.
    """
    model = set_up_run(cell.configuration(cell.batch, 1), 0, part_of(data, cell.batch)).predictor.model
    dtype = torch.bfloat16 if cell.precision == "bf16" else torch.float32
    seen: list[tuple[nn.Linear | nn.Conv2d, torch.Tensor]] = []

    def note(module: nn.Module, inputs: tuple[torch.Tensor], outputs: torch.Tensor) -> None:
        del outputs
        if isinstance(module, nn.Linear | nn.Conv2d):
            seen.append((module, torch.empty_like(inputs[0], dtype=dtype).normal_()))

    for module in model.modules():
        if isinstance(module, nn.Linear | nn.Conv2d):
            module.register_forward_hook(note)
    shape = (cell.batch, *data.shape)
    model(torch.zeros(shape, device=cell.device).contiguous(memory_format=torch.channels_last))
    products = [
        product
        for number, (module, inputs) in enumerate(seen)
        for product in _products(module, inputs, dtype, is_first=number == 0)
    ]

    def epochs(n_train: int, batch: int, count: int) -> tuple[float, nn.Module]:
        seconds = 0.0
        with torch.no_grad():
            for _ in range(count):
                started = time.perf_counter()
                for _ in range(-(-n_train // batch)):
                    for product in products:
                        product()
                if cell.device == "cuda":
                    torch.cuda.synchronize()
                seconds = time.perf_counter() - started
        return seconds, model

    return epochs


def _products(
    module: nn.Linear | nn.Conv2d, inputs: torch.Tensor, dtype: torch.dtype, *, is_first: bool
) -> Iterator[Callable[[], Any]]:
    weights = module.weight.detach().to(dtype)
    if isinstance(module, nn.Linear):
        gradients = torch.randn(len(inputs), module.out_features, device=inputs.device, dtype=dtype)
        pairs = [(inputs, weights.t()), (gradients.t(), inputs), (gradients, weights)]
        for left, right in pairs[: 2 if is_first else 3]:
            out = torch.empty(left.shape[0], right.shape[1], device=inputs.device, dtype=dtype)
            yield partial(torch.mm, left, right, out=out)
        return
    padding = module.padding if isinstance(module.padding, tuple) else (module.kernel_size[0] // 2,) * 2
    forward = partial(torch.conv2d, inputs, weights, None, module.stride, padding)
    yield forward
    gradients = torch.randn_like(forward())
    yield partial(
        torch.ops.aten.convolution_backward, gradients, inputs, weights, None, module.stride, padding,
        module.dilation, False, [0, 0], 1, [not is_first, True, False],
    )  # fmt: skip


SIDES: dict[str, Callable[[Cell, Samples], Epochs]] = {
    "harness": harness_epochs,
    "bare loop": bare_epochs,
    "DataLoader loop": ordinary_epochs,
    "products": probe_epochs,
}


def _serve(side: str, prepared: PreparedDataset, questions: Connection) -> None:
    """Answer with seconds and weights until None comes: a side's process."""
    data = load_training_samples(prepared)
    epochs: Epochs | None = None
    while (question := questions.recv()) is not None:
        if isinstance(question, Cell):
            torch.set_num_threads(question.threads)
            epochs = SIDES[side](question, data.to(question.device))
            continue
        (n_train, batch, count), asks_weights = question
        if epochs is None:
            raise AssertionError("a cell comes first")
        seconds, model = epochs(n_train, batch, count)
        weights = torch.cat([each.detach().float().flatten().cpu() for each in model.parameters()])
        questions.send((seconds, weights.numpy() if asks_weights else None))


class Side:
    """A process that trains when it is its turn."""

    def __init__(self, name: str, prepared: PreparedDataset) -> None:
        self._here, there = multiprocessing.Pipe()
        before = os.environ.copy()
        if name == "harness":  # as workers of a sweep have it; the others have the C library's defaults
            os.environ.update(KEEPING_MEMORY)
        context = multiprocessing.get_context("spawn")
        self._process = context.Process(target=_serve, args=(name, prepared, there), daemon=True)
        self._process.start()
        os.environ.clear()
        os.environ.update(before)

    def begin(self, cell: Cell) -> None:
        """Turn to another cell."""
        self._here.send(cell)

    def asked(self, n_train: int, batch: int, count: int, *, weights: bool = False) -> tuple[float, Any]:
        """Return the seconds of the last epoch, and the weights after it where they are asked for."""
        self._here.send(((n_train, batch, count), weights))
        answer: tuple[float, Any] = self._here.recv()
        return answer

    def end(self) -> None:
        """Let the process end."""
        self._here.send(None)
        self._process.join()


def _check_alike(cell: Cell, sides: dict[str, Side]) -> None:
    """Refuse to compare loops that compute something else.

    Raises:
        HarnessError: Weights differ after a few steps.
    """
    n = 512
    weights = {
        name: [sides[name].asked(n, n, steps, weights=True)[1] for steps in (1, CHECKED_STEPS)]
        for name in ("harness", "bare loop", "DataLoader loop")
    }
    first, last = weights["harness"]
    for name, (_, theirs) in weights.items():
        apart = float(((theirs - last) ** 2).sum() / ((last - first) ** 2).sum()) ** 0.5
        if apart > MOST_APART[cell.precision]:
            raise HarnessError(
                f"{cell.model} in {cell.precision}: after {CHECKED_STEPS} steps weights of the {name} are "
                f"{apart:.2g} of a step away from the harness's: they do not compute the same"
            )


def measured(cell: Cell, sides: dict[str, Side], rounds: int, seconds: float) -> dict[str, list[float]]:
    """Return the samples a second of each side in each round."""
    for side in sides.values():
        side.begin(cell)
    _check_alike(cell, sides)
    most = 50_000 // cell.batch
    samples = {}
    for name, side in sides.items():
        n = cell.batch * LEAST_STEPS
        a_step = side.asked(n, cell.batch, 2)[0] / LEAST_STEPS
        samples[name] = cell.batch * max(LEAST_STEPS, min(most, round(seconds / a_step)))
    rates: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(rounds):
        for name, side in sides.items():
            rates[name].append(samples[name] / side.asked(samples[name], cell.batch, 2)[0])
    return rates


def _spread(values: Sequence[float], digits: int) -> str:
    median, least, most = statistics.median(values), min(values), max(values)
    return f"{median:,.{digits}f} ({least:,.{digits}f} to {most:,.{digits}f})"


def _row(cell: Cell, rates: dict[str, list[float]]) -> str:
    harness = rates["harness"]
    over = {
        name: [ours / theirs for ours, theirs in zip(harness, rates[name], strict=True)] for name in SIDES
    }
    cells = [
        cell.model, str(cell.batch), cell.precision, _spread(harness, 0), _spread(over["bare loop"], 2),
        _spread(over["DataLoader loop"], 1), _spread(over["products"], 2),
    ]  # fmt: skip
    return f"| {' | '.join(cells)} |"


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", nargs="+", choices=list(MODELS), default=list(MODELS))
    parser.add_argument("--batch", nargs="+", type=positive, default=[16, 64, 512])
    parser.add_argument("--precision", nargs="+", choices=list(MOST_APART), default=list(MOST_APART))
    parser.add_argument("--rounds", type=positive, default=5, help="turns of each side (default %(default)s)")
    parser.add_argument(
        "--seconds", type=float, default=0.4, help="of a turn, and of the warm-up before it (%(default)s)"
    )
    parser.add_argument("--threads", type=positive, default=1, help="torch's threads (default %(default)s)")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu", help="(default %(default)s)")
    parser.add_argument("--json", type=Path, help="file to save the numbers in")
    options = parser.parse_args(arguments)
    check_json(parser, options.json)
    if options.device == "cuda" and not torch.cuda.is_available():
        parser.error("--device cuda: torch finds no CUDA device here; use --device cpu")
    return options


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


def _facts(options: argparse.Namespace) -> dict[str, Any]:
    """Return what the numbers depend on: options, machine, versions, code, and what else was running."""
    return {
        "options": {name: value for name, value in vars(options).items() if name != "json"},
        "machine": machine().model_dump(exclude={"host"}),
        "load_average": round(os.getloadavg()[0], 2),
        "versions": versions(),
        "code": git_state().model_dump(),
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; return 0, or 2 where loops that differ were not compared."""
    options = _parse(arguments)
    facts, cells = _facts(options), []
    print(json.dumps(facts))
    print("| model | batch | precision | samples/s | times bare loop | times DataLoader loop | of products |")
    print("|---|---|---|---|---|---|---|", flush=True)
    prepared = prepare_dataset("fashion_mnist", progress=partial(print, file=sys.stderr))
    with TemporaryDirectory(prefix="training-speed-") as root:
        _write_torchvision_files(prepared, load_training_samples(prepared), Path(root))
        sides = {name: Side(name, prepared) for name in SIDES}
        try:
            for model, precision, batch in itertools.product(options.model, options.precision, options.batch):
                cell = Cell(
                    model=model, batch=batch, precision=precision, threads=options.threads,
                    device=options.device, torchvision_root=root,
                )  # fmt: skip
                rates = measured(cell, sides, options.rounds, options.seconds)
                print(_row(cell, rates), flush=True)
                cells.append(asdict(cell) | {"samples_per_second": rates})
        except HarnessError as error:
            print(f"error: {error}", file=sys.stderr)
            return error.exit_code
        finally:
            for side in sides.values():
                side.end()
    if options.json is not None:
        options.json.write_text(json.dumps({**facts, "cells": cells}, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
