"""LeNet-5 as study B built it: 44,426 parameters for 28 x 28 pixels and ten classes.

Source: LeCun et al. 1998, Gradient-Based Learning Applied to Document Recognition, section II.B, as changed
by study B: 28 x 28 pixels without padding, plain average pooling, every map of the second convolution reads
all of the first, and a linear output layer.
"""

from torch import nn

from harness.errors import StudyError
from harness.recipe.models import LEAST_SIDES
from harness.training.models.hidden import HiddenLayers

_LEAST_SIDE = LEAST_SIDES["lenet5"]


def build_lenet5(layers: HiddenLayers, image_shape: tuple[int, int], n_classes: int) -> nn.Module:
    """Return `(B, H, W) -> (B, C)`: convolutions of 6 and 16 maps, 5 x 5, then 120-84-C.

    Raises:
        StudyError: The images are too small.
    """
    if min(image_shape) < _LEAST_SIDE:
        raise StudyError(f"lenet5 needs images of at least {_LEAST_SIDE} pixels a side, got {image_shape}")
    height, width = (((side - 4) // 2 - 4) // 2 for side in image_shape)
    return nn.Sequential(
        nn.Unflatten(1, (1, image_shape[0])),
        *layers.convolution(nn.Conv2d(1, 6, 5), nn.AvgPool2d(2)),
        *layers.convolution(nn.Conv2d(6, 16, 5), nn.AvgPool2d(2)),
        nn.Flatten(),
        *layers.dense(16 * height * width, 120),
        *layers.dense(120, 84),
        nn.Linear(84, n_classes),
    )
