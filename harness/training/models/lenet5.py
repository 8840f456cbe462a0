"""LeNet-5 as study B built it: 44,426 parameters for 28 x 28 pixels and ten classes.

Source: LeCun et al. 1998, Gradient-Based Learning Applied to Document Recognition, section II.B, as changed
by study B: 28 x 28 pixels without padding, plain average pooling, every map of the second convolution reads
all of the first, and a linear output layer.
"""

from torch import nn

from harness.training.models.hidden import HiddenLayers, check_images


def build_lenet5(layers: HiddenLayers, input_shape: tuple[int, ...], n_outputs: int) -> nn.Module:
    """Return `(B, C, H, W) -> (B, n_outputs)`: convolutions of 6 and 16 maps, 5 x 5, then 120-84-outputs.

    Raises:
        StudyError: The samples are no images, or too small ones.
    """
    channels, *sides = check_images("lenet5", input_shape)
    height, width = (((side - 4) // 2 - 4) // 2 for side in sides)
    return nn.Sequential(
        *layers.convolution(nn.Conv2d(channels, 6, 5), nn.AvgPool2d(2)),
        *layers.convolution(nn.Conv2d(6, 16, 5), nn.AvgPool2d(2)),
        nn.Flatten(),
        *layers.dense(16 * height * width, 120),
        *layers.dense(120, 84),
        nn.Linear(84, n_outputs),
    )
