"""Models against the same networks written out in plain torch, in float64."""

from typing import Any, get_args

import pytest
import torch
from torch import nn
from torch.nn import functional

from harness.errors import StudyError
from harness.recipe.activations import ACTIVATIONS
from harness.recipe.configuration import Configuration, resolve
from harness.recipe.field_types import Model
from harness.training.models import MODELS, build_model
from harness.training.models.hidden import Dropout, HiddenLayers

RECIPE = {"model": {"name": "fcn"}, "optimizer": "sgd", "batch_size": 8, "epochs": 1}
EPS, MOMENTUM = 0.01, 0.3
SIDE = 16
N_PARAMETERS = {"fcn": 297_710, "lenet5": 44_426, "simple_cnn": 889_354}
"""Published for the first two; by hand for the third: 832 + 51,264 + 803,072 + 32,896 + 1,290."""

every_model = pytest.mark.parametrize("name", MODELS)


def configured(name: str, **changes: Any) -> Configuration:
    """Return a recipe with a model."""
    return resolve(RECIPE | {"model": {"name": name}} | changes)


def plain_model(name: str, activation: nn.Module, batch_norm: str, input_norm: str) -> nn.Module:
    """Write the network out for 16 x 16 pixels and 3 classes, from torch's layers alone."""

    def hidden(layer: nn.Module, n_features: int, *pooling: nn.Module) -> list[nn.Module]:
        kind = nn.Conv2d if isinstance(layer, nn.Conv2d) else nn.Linear
        norm = {nn.Conv2d: nn.BatchNorm2d, nn.Linear: nn.BatchNorm1d}[kind](
            n_features, eps=EPS, momentum=MOMENTUM
        )
        if batch_norm == "hidden":
            return [layer, norm, activation, *pooling]
        return [layer, activation, *pooling] + ([norm] if batch_norm == "after_activation" else [])

    start: list[nn.Module] = []
    if input_norm == "batch_norm":
        start.append(nn.BatchNorm2d(1, eps=EPS, momentum=MOMENTUM))
    match name:
        case "fcn":
            layers = [
                *(nn.Flatten(), *hidden(nn.Linear(256, 300), 300), *hidden(nn.Linear(300, 200), 200)),
                nn.Linear(200, 3),
            ]
        case "lenet5":
            layers = [
                *hidden(nn.Conv2d(1, 6, kernel_size=5), 6, nn.AvgPool2d(2, 2)),
                *hidden(nn.Conv2d(6, 16, kernel_size=5), 16, nn.AvgPool2d(2, 2)),
                *(nn.Flatten(), *hidden(nn.Linear(16, 120), 120), *hidden(nn.Linear(120, 84), 84)),
                nn.Linear(84, 3),
            ]
        case _:
            layers = [
                *hidden(nn.Conv2d(1, 32, kernel_size=5, stride=1, padding=2), 32, nn.MaxPool2d(2, 2)),
                *hidden(nn.Conv2d(32, 64, kernel_size=5, stride=1, padding=2), 64, nn.MaxPool2d(2, 2)),
                *(nn.Flatten(), *hidden(nn.Linear(1024, 256), 256), *hidden(nn.Linear(256, 128), 128)),
                nn.Linear(128, 3),
            ]
    return nn.Sequential(*start, *layers).double()


def trained(model: nn.Module) -> list[torch.Tensor]:
    """Take three steps; return outputs, first gradients, weights and running statistics, outputs again."""
    generator = torch.Generator().manual_seed(1)
    images = torch.rand(8, 1, SIDE, SIDE, generator=generator, dtype=torch.float64)
    labels = torch.arange(8) % 3
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    seen: list[torch.Tensor] = []
    for step in range(3):
        logits = model(images)
        optimizer.zero_grad()
        functional.cross_entropy(logits, labels).backward()
        seen.append(logits.detach())
        if step == 0:
            seen += [p.grad.clone() for p in model.parameters() if p.grad is not None]
        optimizer.step()
    seen += list(model.state_dict().values())
    return [*seen, model.eval()(images).detach()]


@every_model
@pytest.mark.parametrize(
    ("activation", "module", "batch_norm", "input_norm"),
    [
        ("relu", nn.ReLU(), "none", "unit"),
        ("tanh", nn.Tanh(), "hidden", "unit"),
        ("tanh", nn.Tanh(), "after_activation", "batch_norm"),
        ("gelu", nn.GELU(), "none", "batch_norm"),
    ],
)
def test_a_model_equals_plain_torch(
    name: str, activation: str, module: nn.Module, batch_norm: str, input_norm: str
) -> None:
    """Outputs, gradients, weights after three steps, running statistics and evaluation agree in float64."""
    norm = {"batch_norm_eps": EPS, "batch_norm_momentum": MOMENTUM}
    recipe = {"activation": activation, "batch_norm": batch_norm, "input_norm": input_norm}
    has_norm = batch_norm != "none" or input_norm == "batch_norm"
    torch.manual_seed(0)
    ours = build_model(configured(name, **recipe, **(norm if has_norm else {})), (1, SIDE, SIDE), 3).double()
    plain = plain_model(name, module, batch_norm, input_norm)
    plain.load_state_dict(dict(zip(plain.state_dict(), ours.state_dict().values(), strict=True)))
    for actual, expected in zip(trained(ours), trained(plain), strict=True):
        torch.testing.assert_close(actual, expected, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_an_activation_is_its_formula(name: str) -> None:
    """With the constants of its paper: slope 0.01 for leaky_relu, 1 for elu, the exact gelu."""
    x = torch.linspace(-4, 4, 81, dtype=torch.float64)
    formulas = {
        "relu": x.clamp(min=0),
        "tanh": (x.exp() - (-x).exp()) / (x.exp() + (-x).exp()),
        "sigmoid": 1 / (1 + (-x).exp()),
        "gelu": x * (1 + torch.erf(x / 2**0.5)) / 2,
        "silu": x / (1 + (-x).exp()),
        "elu": torch.where(x > 0, x, x.exp() - 1),
        "leaky_relu": torch.where(x > 0, x, 0.01 * x),
    }
    layers = HiddenLayers.of(configured("fcn", activation=name)).dense(1, 1)
    torch.testing.assert_close(layers[1](x), formulas[name], rtol=1e-12, atol=1e-15)


def test_every_name_of_a_recipe_can_be_built() -> None:
    """The recipe's names and the registry are the same set."""
    kinds = get_args(get_args(Model)[0])
    assert [get_args(kind.model_fields["name"].annotation) for kind in kinds] == [(name,) for name in MODELS]


@every_model
def test_a_model_has_its_published_size(name: str) -> None:
    """For 28 x 28 pixels and ten classes."""
    model = build_model(configured(name), (1, 28, 28), 10)
    assert sum(p.numel() for p in model.parameters()) == N_PARAMETERS[name]


def test_the_fcn_takes_any_hidden_sizes() -> None:
    """One layer a size: 6-7-2-3 has 7*7 + 8*2 + 3*3 parameters."""
    model = build_model(resolve(RECIPE | {"model": {"name": "fcn", "hidden": [7, 2]}}), (1, 3, 2), 3)
    assert [p.shape.numel() for p in model.parameters()] == [42, 7, 14, 2, 6, 3]


@pytest.mark.parametrize(("name", "side"), [("lenet5", 15), ("simple_cnn", 3)])
def test_images_too_small_for_a_model_are_an_error(name: str, side: int) -> None:
    """It names the model, the least side and the image's; one pixel more is enough."""
    with pytest.raises(
        StudyError, match=rf"{name} needs images of at least {side + 1} pixels .* got \({side}"
    ):
        build_model(configured(name), (1, side, 40), 3)
    assert build_model(configured(name), (3, side + 1, 40), 3)(torch.rand(2, 3, side + 1, 40)).shape == (2, 3)


@every_model
def test_a_dropout_follows_every_hidden_activation(name: str) -> None:
    """It is the last module of each hidden layer, with the recipe's probability."""
    modules = list(build_model(configured(name, dropout=0.3), (1, SIDE, SIDE), 3))
    kinds = [type(module) for module in modules]
    hidden = [i for i, kind in enumerate(kinds) if kind is nn.ReLU]
    assert kinds.count(Dropout) == len(hidden) == {"fcn": 2}.get(name, 4)
    assert all(Dropout in kinds[i + 1 : i + 3] for i in hidden)
    assert all(module.p == 0.3 for module in modules if isinstance(module, Dropout))


def test_dropout_zeroes_with_its_probability_and_keeps_the_mean() -> None:
    """Of 100,000 ones a quarter vanish, within five standard errors, and the others become 4/3."""
    dropout = Dropout(0.25)
    dropout.generator = torch.Generator().manual_seed(5)
    values = dropout(torch.ones(100_000))
    assert values.unique().tolist() == pytest.approx([0.0, 4 / 3])
    assert (values == 0).float().mean().item() == pytest.approx(0.25, abs=5 * (0.25 * 0.75 / 100_000) ** 0.5)


def test_dropout_leads_the_gradient_through_the_same_mask() -> None:
    """What was zeroed gets no gradient, the rest gets 1 / (1 - p)."""
    dropout = Dropout(0.5)
    dropout.generator = torch.Generator().manual_seed(5)
    values = torch.ones(64, requires_grad=True)
    out = dropout(values)
    out.sum().backward()
    assert torch.equal(values.grad, out.detach())


def test_dropout_draws_from_its_own_generator_and_only_while_training() -> None:
    """The global generator is left alone; in evaluation values pass unchanged."""
    dropout = Dropout(0.5)
    dropout.generator = torch.Generator().manual_seed(5)
    before = torch.random.get_rng_state()
    first, second = dropout(torch.ones(50)), dropout(torch.ones(50))
    assert torch.equal(torch.random.get_rng_state(), before)
    assert not torch.equal(first, second)
    dropout.generator.manual_seed(5)
    assert torch.equal(dropout(torch.ones(50)), first)
    assert torch.equal(dropout.eval()(torch.ones(50)), torch.ones(50))
