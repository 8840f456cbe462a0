import pytest
import torch
from torch import nn

from harness.recipe.configuration import resolve
from harness.recipe.costs import product_flops, train_flops
from harness.training.models import MODELS, build_model


@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 32, 20)])
@pytest.mark.parametrize("name", MODELS)
def test_the_estimated_operations_are_those_of_the_model(name: str, shape: tuple[int, ...]) -> None:
    """Counted layer by layer in the built model: outputs times the inputs of each."""
    configuration = resolve({"model": {"name": name}, "optimizer": "sgd", "batch_size": 1, "epochs": 1})
    model = build_model(configuration, shape, 10)
    multiplications: list[int] = []

    def count(layer: nn.Module, _: object, output: torch.Tensor) -> None:
        multiplications.append(output.numel() * layer.weight[0].numel())

    for module in model.modules():
        if isinstance(module, nn.Linear | nn.Conv2d):
            module.register_forward_hook(count)
    model(torch.zeros(1, *shape))
    settings = configuration.model.model_dump()
    assert train_flops(settings, shape, 10) == 6 * sum(multiplications) - 2 * multiplications[0]
    assert product_flops(settings, shape, 10, samples=1, steps=0) > train_flops(settings, shape, 10)
