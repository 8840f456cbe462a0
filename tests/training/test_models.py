from typing import get_args

import torch
from torch import nn

from harness.study.configuration import ActivationName, Configuration
from harness.training.models import MODELS, build_model
from harness.training.models.activations import ACTIVATIONS


def test_every_name_of_a_recipe_can_be_built() -> None:
    """The recipe's names and the registries are the same sets."""
    assert set(get_args(ActivationName)) == set(ACTIVATIONS)
    assert get_args(Configuration.model_fields["model"].annotation.model_fields["name"].annotation) == tuple(
        MODELS
    )


def test_the_published_network_has_the_published_size() -> None:
    """784-300-200-10 has 297,710 parameters."""
    model = build_model({"name": "fcn", "hidden": [300, 200]}, "relu", (28, 28), 10)
    assert sum(p.numel() for p in model.parameters()) == 297_710


def test_the_fcn_equals_plain_torch() -> None:
    """Outputs and gradients agree in float64 with the same layers written out."""
    torch.manual_seed(0)
    model = build_model({"name": "fcn", "hidden": [5, 4]}, "tanh", (3, 2), 3).double()
    torch.manual_seed(0)
    plain = nn.Sequential(
        nn.Flatten(), nn.Linear(6, 5), nn.Tanh(), nn.Linear(5, 4), nn.Tanh(), nn.Linear(4, 3)
    )
    plain.double()
    x = torch.rand(7, 3, 2, dtype=torch.float64)
    for net in (model, plain):
        net(x).square().sum().backward()
    assert torch.equal(model(x), plain(x))
    for ours, theirs in zip(model.parameters(), plain.parameters(), strict=True):
        assert torch.equal(ours.grad, theirs.grad)
