"""A user's own model and optimizer: called as written, fixed by the seed, refused where they cannot train."""

import random
from collections.abc import Iterator
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from harness.code.named import NamedCode
from harness.code.resolve import CodeError, admit
from harness.code.sources import hash_sources
from harness.recipe.configuration import Configuration, resolve
from harness.training.averaging import begin_evaluation
from harness.training.data.arrays import Samples
from harness.training.epoch import EpochRecord
from harness.training.evaluation import evaluate
from harness.training.loop import train
from harness.training.metrics import measures_of
from harness.training.rehearsal import rehearse
from harness.training.setup import set_up_run
from harness.training.step import take_step
from tests.withdrawing import withdrawn

OWN = '''
import math
import random

import torch
from torch import nn


def mlp(input_shape: tuple[int, ...], n_outputs: int, width: int = 8, rate: float = 0.5, norm: bool = False):
    """Draw masks from torch's global generator, as dropout of torch's own does."""
    norms = [nn.BatchNorm1d(width)] if norm else []
    hidden = [nn.Linear(math.prod(input_shape), width), *norms, nn.ReLU(), nn.Dropout(rate)]
    return nn.Sequential(nn.Flatten(), *hidden, nn.Linear(width, n_outputs))


def conv(input_shape, n_outputs, kernel: int = 3):
    """Let BatchNorm have as many values of a sample as pixels are left."""
    layers = [nn.Conv2d(input_shape[0], 3, kernel), nn.BatchNorm2d(3), nn.Flatten()]
    return nn.Sequential(*layers, nn.Linear(3 * (input_shape[1] - kernel + 1) ** 2, n_outputs))


class Squeezing(nn.Sequential):
    """Lose the batch of a single sample."""

    def __init__(self, input_shape, n_outputs):
        super().__init__(nn.Flatten(), nn.Linear(math.prod(input_shape), n_outputs))

    def forward(self, inputs):
        return super().forward(inputs).squeeze()


def too_many(input_shape, n_outputs):
    return nn.Sequential(nn.Flatten(), nn.Linear(math.prod(input_shape), n_outputs + 1))


class Exits(nn.Module):
    def __init__(self, input_shape, n_outputs):
        super().__init__()
        self.layer = nn.Linear(math.prod(input_shape), n_outputs)

    def forward(self, inputs):
        raise SystemExit("enough")


def noisy(inputs, generator, scale: float = 1.0):
    return inputs + scale * torch.randn(inputs.shape, generator=generator)


def halved(inputs, generator):
    return inputs[:, :, ::2]


def no_model(input_shape, n_outputs):
    return [input_shape, n_outputs]


def raises(input_shape, n_outputs):
    raise KeyError("no such layer")


class Lion(torch.optim.Optimizer):
    def __init__(self, params, lr: float = 1e-4, betas: tuple[float, float] = (0.9, 0.99), **others):
        assert isinstance(betas, tuple)
        super().__init__(params, {"lr": lr, "betas": betas, "maximize": others.get("maximize", False)})

    @torch.no_grad()
    def step(self, closure=None):
        for group in self.param_groups:
            beta1, beta2 = group["betas"]
            for parameter in group["params"]:
                average = self.state[parameter].setdefault("average", torch.zeros_like(parameter))
                update = average.mul(beta1).add(parameter.grad, alpha=1 - beta1).sign_()
                parameter.add_(update, alpha=-group["lr"])
                average.mul_(beta2).add_(parameter.grad, alpha=1 - beta2)


class Noisy(torch.optim.SGD):
    """Draw from every global generator there is."""

    def step(self, closure=None):
        import numpy

        super().step(closure)
        with torch.no_grad():
            for group in self.param_groups:
                for parameter in group["params"]:
                    noise = torch.randn_like(parameter) * random.random() * numpy.random.rand()
                    parameter.add_(noise, alpha=1e-3)


class Plain(torch.optim.SGD):
    pass


class Averaging(torch.optim.SGD):
    """Evaluate zeros: easy to tell from what is trained."""

    mode = "made"

    def eval(self):
        self.mode = "eval"
        self.trained = [[p.detach().clone() for p in group["params"]] for group in self.param_groups]
        with torch.no_grad():
            for group in self.param_groups:
                for parameter in group["params"]:
                    parameter.zero_()

    def train(self):
        if self.mode == "eval":
            with torch.no_grad():
                for group, kept in zip(self.param_groups, self.trained):
                    for parameter, value in zip(group["params"], kept):
                        parameter.copy_(value)
        self.mode = "train"

    def step(self, closure=None):
        assert self.mode == "train"
        super().step(closure)


class Unmoved(torch.optim.SGD):
    """Evaluate what is trained."""

    def eval(self): ...

    def train(self): ...


def two_groups(params, lr):
    first, *rest = params
    return torch.optim.SGD([{"params": [first], "lr": 10 * lr}, {"params": rest}], lr=lr)


def some_only(params, lr):
    return torch.optim.SGD(params[:1], lr=lr)


class Wrapping(torch.optim.Optimizer):
    def __init__(self, optimizer, lr):
        raise AssertionError("never made")


class SecondOrder(torch.optim.SGD):
    def step(self, closure=None):
        torch.autograd.grad(self.param_groups[0]["params"][0].grad.sum(), self.param_groups[0]["params"])


class LBFGS(torch.optim.LBFGS):
    def __init__(self, params, lr):
        super().__init__(params, lr=lr)


def SAM(params, base_optimizer, lr):
    raise AssertionError("never made")


def pinball(outputs, targets, tau: float = 0.5):
    error = targets - outputs
    return (tau * error).maximum((tau - 1) * error).mean()


def each_one(outputs, targets):
    return (outputs - targets).abs()


def worst(prediction, truth):
    return (prediction - truth).abs().max()


def many(outputs, targets):
    return outputs
'''

RAISES = 1 + OWN.splitlines().index('    raise KeyError("no such layer")')
"""The line that raises."""

RECIPE: dict[str, Any] = {
    "model": {"name": "fcn", "hidden": [4]},
    "optimizer": "sgd",
    "lr": 0.01,
    "batch_size": 9,
}


@pytest.fixture(autouse=True)
def own_code(tmp_path: Path) -> Iterator[None]:
    """Admit the module `own` to this process."""
    (tmp_path / "own.py").write_text(OWN, encoding="utf-8")
    names = [
        line.split()[1].partition("(")[0].strip(":")
        for line in OWN.splitlines()
        if line[:4] in {"def ", "clas"}
    ]
    code = NamedCode(folder=tmp_path.resolve(), references=tuple(f"own:{name}" for name in names))
    admit(code, hash_sources(code))
    yield
    withdrawn()


def recipe(**changes: Any) -> Configuration:
    """Return a recipe of two epochs, with what is imported from `own`."""
    imports = {
        field: {"import": f"own:{value[0]}", **value[1]} if isinstance(value, tuple) else value
        for field, value in changes.items()
    }
    return resolve({"epochs": 2, **RECIPE, **imports})


@pytest.fixture
def images() -> Samples:
    """Return 40 images of 4 x 4 pixels, in two classes."""
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randint(0, 256, (40, 1, 4, 4), generator=generator).to(torch.uint8)
    return Samples(inputs=pixels, targets=torch.arange(40) % 2)


def trained(configuration: Configuration, images: Samples) -> tuple[list[EpochRecord], torch.Tensor]:
    """Return the records of a run, and all weights after it."""
    records: list[EpochRecord] = []
    result = train(configuration, 3, images, records.append)
    return records, torch.cat([p.detach().flatten() for p in result.predictor.model.parameters()])


@pytest.mark.parametrize(
    "changes",
    [
        {"model": ("mlp", {"width": 5, "rate": 0.3})},
        {"optimizer": ("Lion", {"betas": [0.8, 0.9]})},
        {"optimizer": ("Noisy", {})},
        {"augment": ("noisy", {"scale": 0.5})},
        {"model": ("mlp", {"norm": True}), "optimizer": ("Averaging", {})},
    ],
    ids=str,
)
def test_a_seed_fixes_every_bit_and_the_process_is_left_as_it_was(
    changes: dict[str, Any], images: Samples
) -> None:
    """Masks and noise drawn from the global generators included; those go on as if nothing had been."""
    configuration = recipe(**changes)
    (first, weights) = trained(configuration, images)
    before = (torch.get_rng_state(), random.getstate(), np.random.get_state()[1])  # noqa: NPY002 - what others draw from
    (again, others) = trained(configuration, images)
    after = (torch.get_rng_state(), random.getstate(), np.random.get_state()[1])  # noqa: NPY002 - likewise
    assert torch.equal(weights, others)
    assert weights.dtype == torch.float32
    assert [record.train_loss for record in first] == [record.train_loss for record in again]
    assert all(isfinite(record.train_loss) for record in first)
    assert torch.equal(before[0], after[0])
    assert before[1] == after[1]
    assert np.array_equal(before[2], after[2])


def test_masks_on_a_gpu_come_from_the_seed_of_all_other_draws(
    images: Samples, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A GPU's generator is seeded once a run: what draws the weights is a generator of the CPU."""
    seeds: list[int] = []
    monkeypatch.setattr(torch.cuda, "manual_seed_all", seeds.append)
    train(recipe(model=("mlp", {})), 3, images, lambda _: None)
    assert seeds == [np.random.SeedSequence(3).generate_state(4)[3]]


def test_settings_reach_what_is_made(images: Samples) -> None:
    """A list as the tuple that the annotation asks for; the recipe's rate as `lr`."""
    setup = set_up_run(
        recipe(model=("mlp", {"width": 5}), optimizer=("Lion", {"betas": [0.8, 0.9], "maximize": True})),
        3,
        images,
    )
    assert setup.optimizer.defaults == {"lr": 0.01, "betas": (0.8, 0.9), "maximize": True}
    assert [tuple(p.shape) for p in setup.predictor.model.parameters()] == [(5, 16), (5,), (2, 5), (2,)]


def test_an_optimizer_is_stepped_with_the_gradients_of_its_batch(images: Samples) -> None:
    """Two steps of SGD, imported, are two steps of ours to the bit, where ours is not fused."""
    changes = {"optimizer": ("two_groups", {}), "momentum": None}
    setup = set_up_run(recipe(**changes), 3, images)
    first = setup.predictor.model[1].weight  # type: ignore[index]
    before = first.detach().clone()
    batch = next(setup.batches())
    take_step(setup, images, batch, 0.02)
    expected = before - 10 * 0.02 * first.grad
    assert torch.allclose(first, expected, rtol=0, atol=1e-7)
    assert [group["lr"] for group in setup.optimizer.param_groups] == [pytest.approx(0.2), 0.02]


def test_evaluation_sees_the_averaged_weights_and_training_goes_on_with_its_own(
    images: Samples,
) -> None:
    """Zeros give every class the same probability; what follows is as without the evaluation."""
    records, last = trained(recipe(optimizer=("Averaging", {})), images)
    assert [record.val_loss for record in records] == [pytest.approx(np.log(2))] * 2
    plain, _ = trained(recipe(optimizer=("Plain", {})), images)
    assert [record.train_loss for record in records] == [record.train_loss for record in plain]
    assert torch.count_nonzero(last) == 0, "the network is handed on as it is judged"


def test_the_statistics_of_averaged_weights_come_from_samples_of_every_class() -> None:
    """Sorted by class, the first 50 batches of these samples are of the first class alone."""
    targets = torch.arange(800) // 400
    data = Samples(inputs=targets[:, None] * torch.ones(8), targets=targets, kind="table", greatest=None)
    changes = {"model": ("mlp", {"norm": True}), "optimizer": ("Unmoved", {}), "batch_size": 6}
    setup = set_up_run(recipe(**changes, input_norm="none"), 3, data)
    linear, norm = setup.predictor.model[1:3]  # type: ignore[index]
    torch.nn.init.constant_(linear.weight, 1 / 8)  # so that it gives the class
    torch.nn.init.zeros_(linear.bias)
    begin_evaluation(setup, data)
    assert norm.running_mean.mean().item() == pytest.approx(0.5, abs=0.2)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"model": ("no_model", {})}, "own:no_model: returned list, and a model is a torch.nn.Module"),
        ({"model": ("raises", {})}, rf"own:raises: KeyError: 'no such layer' \(.*own\.py:{RAISES}\)"),
        ({"model": ("mlp", {"widht": 3})}, "own:mlp: widht: names no such setting. Did you mean 'width'"),
        (
            {"optimizer": ("Lion", {"beta": [1, 2]})},
            r"its \*\*kwargs swallow beta: .* Did you mean 'betas'",
        ),
        ({"optimizer": ("some_only", {})}, "leaves out 3 of the model's 4 parameters"),
        ({"optimizer": ("Wrapping", {})}, "takes optimizer first, where an optimizer takes the parameters"),
        ({"optimizer": ("SAM", {})}, "needs base_optimizer, which has no default"),
        ({"optimizer": ("LBFGS", {})}, "its step needs closure"),
    ],
    ids=str,
)
def test_what_cannot_train_is_refused_with_what_it_is(
    changes: dict[str, Any], told: str, images: Samples
) -> None:
    """In words, with the user's own file and line where their code raises."""
    with pytest.raises(CodeError, match=told):
        set_up_run(recipe(**changes), 3, images)


def rehearsed(configuration: Configuration, metrics: dict[str, str] | None = None, **data: Any) -> str | None:
    """Return what a rehearsal says of one arm."""
    facts = {"kind": "image", "shape": [3, 4, 4], "n_outputs": 3, "is_classified": True, "is_bytes": True}
    rehearsal = {
        "configuration": configuration.model_dump(mode="json"),
        "data": facts | data,
        "lonely": [9] if configuration.batch_size == 9 else [],
        "metrics": metrics or {},
    }
    (failure,) = rehearse({"uses": [], "rehearsals": [rehearsal]})["failures"]
    return str(failure) if failure is not None else None


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"model": ("mlp", {})}, None),
        ({"model": ("mlp", {}), "optimizer": ("Averaging", {})}, None),
        ({"model": ("too_many", {})}, "returns (4, 4) for inputs (4, 3, 4, 4), and must return (4, 3)"),
        ({"augment": ("halved", {})}, "own:halved: returned (4, 3, 2, 4) of torch.float32 for inputs of"),
        ({"augment": ("noisy", {"scales": 1.0})}, "scales: names no such setting. Did you mean 'scale'"),
        ({"model": ("Exits", {})}, "fails in its first 2 steps: SystemExit: enough"),
        ({"optimizer": ("SecondOrder", {})}, "fails in its first 2 steps: RuntimeError"),
        ({"model": ("mlp", {"norm": True})}, "the single sample that batch_size 9 leaves"),
        ({"model": ("mlp", {"norm": True}), "batch_size": 8}, None),
        ({"model": ("Squeezing", {})}, "the single sample that batch_size 9 leaves"),
        ({"model": ("Squeezing", {}), "batch_size": 8}, None),
        ({"model": ("conv", {})}, None),
        ({"model": ("conv", {"kernel": 4})}, "the single sample that batch_size 9 leaves"),
    ],
    ids=str,
)
def test_two_steps_before_the_study_tell_what_every_run_would(
    changes: dict[str, Any], told: str | None
) -> None:
    """On drawn samples of the data's shape, in a batch of four."""
    failure = rehearsed(recipe(**changes))
    assert failure is None if told is None else told in str(failure)


def test_a_rehearsal_draws_tables_of_classes_too() -> None:
    """Whatever the shape of a sample."""
    assert rehearsed(recipe(model=("mlp", {})), kind="table", shape=[5], is_bytes=False) is None


NUMBERS = {"kind": "table", "shape": [5], "n_outputs": 1, "is_classified": False, "is_bytes": False}


def test_a_loss_of_the_users_own_is_what_is_minimised_and_reported() -> None:
    """With half of the absolute error, the median's loss, as l1 has it: to the last bit of every weight."""
    generator = torch.Generator().manual_seed(1)
    inputs = torch.randn(40, 5, generator=generator)
    data = Samples(inputs=inputs, targets=inputs[:, 0].clone(), kind="table", greatest=None)
    records, weights = trained(recipe(loss=("pinball", {"tau": 0.5})), data)
    plain, others = trained(recipe(loss="l1", lr=0.005), data)
    assert torch.allclose(weights, others, rtol=1e-5, atol=1e-7)
    for own, ours in zip(records, plain, strict=True):
        assert own.train_loss == pytest.approx(ours.train_loss / 2, rel=1e-5)
        assert own.val_loss == pytest.approx(ours.val_loss / 2, rel=1e-5)


def test_a_metric_of_the_users_own_is_measured_on_all_samples() -> None:
    """Whatever its arguments are called; a number, or a tensor of one."""
    outputs, targets = torch.tensor([1.0, 5.0]), torch.tensor([1.5, 2.0])
    assert measures_of({"worst": "own:worst", "rmse": None})["worst"](outputs, targets) == 3.0
    with pytest.raises(CodeError, match="own:many: returned Tensor, and a metric is one number"):
        measures_of({"many": "own:many"})["many"](outputs, targets)


@pytest.mark.parametrize(
    ("changes", "metrics", "told"),
    [
        ({"loss": ("pinball", {"tau": 0.9})}, {"worst": "own:worst"}, None),
        ({"loss": ("each_one", {})}, {}, "own:each_one: returned a tensor of shape (4,), and a loss is one"),
        ({"loss": ("pinball", {"tua": 0.9})}, {}, "own:pinball: tua: names no such setting. Did you mean"),
        ({"loss": "mse"}, {"many": "own:many"}, "own:many: returned Tensor, and a metric is one number"),
    ],
    ids=str,
)
def test_losses_and_metrics_are_rehearsed(
    changes: dict[str, Any], metrics: dict[str, str], told: str | None
) -> None:
    """On drawn numbers, before the study."""
    failure = rehearsed(recipe(**changes), metrics, **NUMBERS)
    assert failure is None if told is None else told in str(failure)


@pytest.mark.parametrize(
    ("name", "settings", "told"),
    [
        ("Lion", {"betas": [0.9, 0.99], "weight_decay": 0.1}, None),
        ("ScheduleFreeAdamW", {"warmup_steps": 2}, None),
        ("SOAP", {"precondition_frequency": 2}, None),
        ("Prodigy", {}, None),
        (
            "Lion",
            {"weigth_decay": 0.1},
            "**kwargs swallow weigth_decay: it has no such setting. Did you mean 'weight_decay'",
        ),
        ("AdaHessian", {}, "fails in its first 2 steps: RuntimeError"),
        ("Lookahead", {}, "takes optimizer first"),
        ("SAM", {}, "needs base_optimizer"),
        ("LBFGS", {}, "its step needs closure"),
    ],
    ids=str,
)
def test_optimizers_of_a_package_train_or_say_why_not(
    name: str, settings: dict[str, Any], told: str | None, tmp_path: Path
) -> None:
    """Of pytorch-optimizer, and torch's own LBFGS."""
    reference = f"{'torch.optim' if name == 'LBFGS' else 'pytorch_optimizer'}:{name}"
    withdrawn()
    code = NamedCode(folder=tmp_path, references=(reference,))
    admit(code, hash_sources(code))
    imported = {"import": reference, **settings}
    failure = rehearsed(resolve({"epochs": 2, **RECIPE, "optimizer": imported}))
    assert failure is None if told is None else told in str(failure)


def test_training_inputs_are_augmented_and_no_others(images: Samples) -> None:
    """With a stream of its own: order, initialisation and everything that is validated stay as they were."""
    plain, noisy = (set_up_run(recipe(**changes), 3, images) for changes in ({}, {"augment": ("noisy", {})}))
    batch = next(plain.batches())
    assert torch.equal(batch, next(noisy.batches()))
    losses = [evaluate(setup.predictor, images, setup.split.val).loss for setup in (plain, noisy)]
    assert losses[0] == losses[1]
    loss, _ = take_step(noisy, images, batch, 0.0)
    word = np.random.SeedSequence(3).generate_state(5)[4]
    drawn = torch.randn((9, 1, 4, 4), generator=torch.Generator().manual_seed(int(word)))
    inputs = plain.predictor.transform(images.inputs[batch]) + drawn
    expected = torch.nn.functional.cross_entropy(plain.predictor.model(inputs), images.targets[batch])
    assert loss.item() == pytest.approx(expected.item(), abs=1e-6)
