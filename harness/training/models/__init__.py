"""Models: one file each, and a row in the registry. Shapes: B = batch, (C, H, W) = channels, sides."""

from collections.abc import Callable
from math import prod

import torch
from torch import nn

from harness.recipe.configuration import Configuration
from harness.recipe.data import Kind
from harness.recipe.imported import Imported, is_imported
from harness.training.initialisers import initialise
from harness.training.models.fcn import build_fcn
from harness.training.models.hidden import HiddenLayers
from harness.training.models.imported import build_imported
from harness.training.models.lenet5 import build_lenet5
from harness.training.models.simple_cnn import build_simple_cnn

MODELS: dict[str, Callable[..., nn.Module]] = {
    "fcn": build_fcn,
    "lenet5": build_lenet5,
    "simple_cnn": build_simple_cnn,
}
"""From a model's name to its builder: `(hidden layers, input_shape, n_outputs, **its own settings)`."""


def build_model(
    configuration: Configuration, input_shape: tuple[int, ...], n_outputs: int, *, kind: Kind = "image"
) -> nn.Module:
    """Return a fresh model, `(B, *input_shape) -> (B, n_outputs)`, drawn from torch's global generator.

    Kernels and activations of convolutions are kept with the channels last: on a CPU that takes a fifth less
    time for `simple_cnn` and no more for `lenet5`.

    Args:
        configuration: The recipe's values.
        input_shape: Of one sample: (C, H, W) for images, (features,) for tables.
        n_outputs: Classes, or numbers to predict.
        kind: Of the samples.

    Raises:
        StudyError: The model takes no such samples, or larger images only.
    """
    layers = HiddenLayers.of(configuration)
    if isinstance(configuration.model, Imported):
        model = build_imported(configuration.model, input_shape, n_outputs)
    else:
        settings = configuration.model.model_dump(exclude={"name"})
        model = MODELS[configuration.model.name](layers, input_shape, n_outputs, **settings)
        initialise(model, configuration)
    if configuration.input_norm == "batch_norm":
        model = nn.Sequential(*input_norm_layers(layers, input_shape, kind), model)
    return model if is_imported(configuration.model) else model.to(memory_format=torch.channels_last)


def input_norm_layers(layers: HiddenLayers, input_shape: tuple[int, ...], kind: Kind) -> list[nn.Module]:
    """Return `(B, *input_shape) -> (B, *input_shape)`: a BatchNorm whose place makes no difference.

    Of images over all pixels of a channel, which is what study B's Keras layer does; of tables over each
    feature; of tensors over all values.
    """
    if kind == "image":
        channels, height, _ = input_shape
        norm = nn.BatchNorm2d(channels, **layers.norm_settings)
        # Rows are joined and parted again, so that gradients reach the norm in one layout whatever follows:
        # otherwise the last bits of its bias would depend on it.
        return [norm, nn.Flatten(1, 2), nn.Unflatten(1, (channels, height))]
    if kind == "table":
        return [nn.BatchNorm1d(input_shape[0], **layers.norm_settings)]
    n_values = prod(input_shape)
    norm_all = nn.BatchNorm1d(1, **layers.norm_settings)
    return [
        nn.Flatten(),
        nn.Unflatten(1, (1, n_values)),
        norm_all,
        nn.Flatten(),
        nn.Unflatten(1, input_shape),
    ]
