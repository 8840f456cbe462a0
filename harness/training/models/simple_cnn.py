"""The two-convolution network that study A calls AlexNet: 889,354 parameters for 28 x 28 pixels, ten classes.

Source: study A, "Bonus Coding Implementation Application", class SimpleCNN.
"""

from torch import nn

from harness.errors import StudyError
from harness.recipe.models import LEAST_SIDES
from harness.training.models.hidden import HiddenLayers

_LEAST_SIDE = LEAST_SIDES["simple_cnn"]


def build_simple_cnn(layers: HiddenLayers, image_shape: tuple[int, int], n_classes: int) -> nn.Module:
    """Return `(B, H, W) -> (B, C)`: convolutions of 32 and 64 maps, 5 x 5 with padding, then 256-128-C.

    Raises:
        StudyError: The images are too small.
    """
    if min(image_shape) < _LEAST_SIDE:
        raise StudyError(
            f"simple_cnn needs images of at least {_LEAST_SIDE} pixels a side, got {image_shape}"
        )
    height, width = (side // 2 // 2 for side in image_shape)
    return nn.Sequential(
        nn.Unflatten(1, (1, image_shape[0])),
        *layers.convolution(nn.Conv2d(1, 32, 5, padding=2), nn.MaxPool2d(2)),
        *layers.convolution(nn.Conv2d(32, 64, 5, padding=2), nn.MaxPool2d(2)),
        nn.Flatten(),
        *layers.dense(64 * height * width, 256),
        *layers.dense(256, 128),
        nn.Linear(128, n_classes),
    )
