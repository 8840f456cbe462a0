"""Models: one file each, and a row in the registry. Shapes: B = batch, H and W = image sides, C = classes."""

from collections.abc import Callable

import torch
from torch import nn

from harness.recipe.configuration import Configuration
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
"""From a model's name to its builder: `(hidden layers, (H, W), C, **the recipe's own settings)`."""


def build_model(configuration: Configuration, image_shape: tuple[int, int], n_classes: int) -> nn.Module:
    """Return a fresh model, `(B, H, W) -> (B, C)`; its weights are drawn from torch's global generator.

    Kernels and activations of convolutions are kept with the channels last: on a CPU that takes a fifth less
    time for `simple_cnn` and no more for `lenet5`.

    Args:
        configuration: The recipe's values.
        image_shape: (H, W) in pixels.
        n_classes: C.

    Raises:
        StudyError: The images are too small for the model.
    """
    layers = HiddenLayers.of(configuration)
    if isinstance(configuration.model, Imported):
        model = build_imported(configuration.model, image_shape, n_classes)
    else:
        settings = configuration.model.model_dump(exclude={"name"})
        model = MODELS[configuration.model.name](layers, image_shape, n_classes, **settings)
        initialise(model, configuration)
    if configuration.input_norm == "batch_norm":
        model = nn.Sequential(*_input_norm(layers, image_shape), model)
    return model if is_imported(configuration.model) else model.to(memory_format=torch.channels_last)


def _input_norm(layers: HiddenLayers, image_shape: tuple[int, int]) -> list[nn.Module]:
    """Return `(B, H, W) -> (B, H, W)`: a BatchNorm with one mean and one deviation for all pixels of a batch.

    That is what study B's Keras layer does on images of one channel; where a pixel lies makes no difference.
    """
    return [nn.Unflatten(1, (1, image_shape[0])), nn.BatchNorm2d(1, **layers.norm_settings), nn.Flatten(1, 2)]
