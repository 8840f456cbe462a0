"""Initialisers against the variances of their papers. Seeds are fixed; tolerances follow from sizes."""

from math import sqrt
from typing import Any, get_args

import pytest
import torch
from torch import nn

from harness.recipe.activations import ACTIVATIONS
from harness.recipe.configuration import resolve
from harness.recipe.field_types import ActivationName, InitialiserName
from harness.recipe.initialisers import INITIALISERS
from harness.training.initialisers import initialise

N_IN, N_OUT = 400, 300
GAINS = {"relu": sqrt(2), "tanh": 5 / 3, "sigmoid": 1.0, "leaky_relu": sqrt(2 / (1 + 0.01**2))}
"""Of the activations for which torch has one; sqrt(2) for the others."""


def drawn(layer: nn.Module, init: Any, **changes: Any) -> nn.Module:
    """Return the layer with its weights drawn by a recipe."""
    recipe = {"model": {"name": "fcn"}, "optimizer": "sgd", "batch_size": 1, "epochs": 1, "init": init}
    torch.manual_seed(3)
    initialise(layer, resolve(recipe | changes))
    return layer


def assert_deviation(weight: torch.Tensor, std: float, kurtosis: float) -> None:
    """Check mean 0 and a deviation, each within five standard errors.

    The variance of n independent draws has the standard error std**2 * sqrt((kurtosis - 1) / n); kurtosis is
    3 for a normal distribution and 9/5 for a uniform one. The deviation's relative error is half of that.
    """
    n = weight.numel()
    assert weight.mean().item() == pytest.approx(0, abs=5 * std / sqrt(n))
    assert weight.std().item() == pytest.approx(std, rel=5 * sqrt((kurtosis - 1) / n) / 2)


@pytest.mark.parametrize(
    ("layer", "fan_in", "fan_out"),
    [(nn.Linear(N_IN, N_OUT), N_IN, N_OUT), (nn.Conv2d(8, 40, 5), 8 * 25, 40 * 25)],
    ids=["linear", "convolution"],
)
def test_xavier_has_the_variance_of_its_paper(layer: nn.Module, fan_in: int, fan_out: int) -> None:
    """2 / (fan_in + fan_out), whatever the activation: Glorot & Bengio, equations 12 and 16."""
    std = sqrt(2 / (fan_in + fan_out))
    for activation in ("relu", "tanh"):
        assert_deviation(drawn(layer, "xavier_normal", activation=activation).weight, std, kurtosis=3)
        uniform = drawn(layer, "xavier_uniform", activation=activation).weight
        assert_deviation(uniform, std, kurtosis=9 / 5)
        assert uniform.abs().max().item() <= sqrt(3) * std


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_kaiming_follows_the_activation(activation: str) -> None:
    """Gain squared over fan_in, with the gain of the activation: He et al., equations 10 and 15."""
    std = GAINS.get(activation, sqrt(2)) / sqrt(N_IN)
    layer = nn.Linear(N_IN, N_OUT)
    assert_deviation(drawn(layer, "kaiming_normal", activation=activation).weight, std, kurtosis=3)
    uniform = drawn(layer, "kaiming_uniform", activation=activation).weight
    assert_deviation(uniform, std, kurtosis=9 / 5)
    assert uniform.abs().max().item() <= sqrt(3) * std


def test_a_given_deviation_does_not_depend_on_the_layer() -> None:
    """Study A's N(0, 0.01)."""
    for layer in (nn.Linear(N_IN, N_OUT), nn.Conv2d(8, 40, 5)):
        assert_deviation(drawn(layer, {"normal": {"std": 0.01}}).weight, 0.01, kurtosis=3)


def test_orthogonal_weights_are_orthogonal() -> None:
    """The shorter side's vectors have length 1 and stand at right angles."""
    weight = drawn(nn.Linear(N_IN, N_OUT), "orthogonal").weight.detach().double()
    torch.testing.assert_close(weight @ weight.T, torch.eye(N_OUT, dtype=torch.float64), rtol=0, atol=1e-5)


def test_default_leaves_torchs_draw_alone() -> None:
    """Neither weights nor biases change, and no random number is used."""
    torch.manual_seed(0)
    layer, state = nn.Linear(5, 4), torch.random.get_rng_state()
    before = [p.clone() for p in layer.parameters()]
    recipe = {"model": {"name": "fcn"}, "optimizer": "sgd", "batch_size": 1, "epochs": 1}
    initialise(layer, resolve(recipe))
    assert all(torch.equal(a, b) for a, b in zip(before, layer.parameters(), strict=True))
    assert torch.equal(torch.random.get_rng_state(), state)


@pytest.mark.parametrize("init", INITIALISERS)
def test_biases_have_a_setting_of_their_own(init: str) -> None:
    """They keep torch's draw with any `init`, and `zeros` zeroes them."""
    torch.manual_seed(0)
    layer = nn.Linear(9, 4)
    bias = layer.bias.detach().clone()
    assert torch.equal(drawn(layer, init).bias, bias)
    assert drawn(layer, init, bias_init="zeros").bias.count_nonzero() == 0


def test_batch_norm_starts_as_the_identity() -> None:
    """Its scale is no weight matrix."""
    norm = nn.BatchNorm1d(4)
    drawn(nn.Sequential(nn.Linear(3, 4), norm), {"normal": {"std": 5.0}}, bias_init="zeros")
    assert norm.weight.tolist() == [1.0] * 4


def test_the_names_of_recipes_are_the_registries() -> None:
    """A row is all it takes."""
    assert set(get_args(InitialiserName)) == set(INITIALISERS)
    assert set(get_args(ActivationName)) == set(ACTIVATIONS)
