"""The two-convolution network that study A calls AlexNet: 889,354 parameters for 28 x 28 pixels, ten classes.

Source: study A, "Bonus Coding Implementation Application", class SimpleCNN.
"""

from torch import nn

from harness.training.models.hidden import HiddenLayers, check_images


def build_simple_cnn(layers: HiddenLayers, input_shape: tuple[int, ...], n_outputs: int) -> nn.Module:
    """Return `(B, C, H, W) -> (B, n_outputs)`: convolutions of 32 and 64 maps, 5 x 5, then 256-128-outputs.

    Raises:
        StudyError: The samples are no images, or too small ones.
    """
    channels, *sides = check_images("simple_cnn", input_shape)
    height, width = (side // 2 // 2 for side in sides)
    return nn.Sequential(
        *layers.convolution(nn.Conv2d(channels, 32, 5, padding=2), nn.MaxPool2d(2)),
        *layers.convolution(nn.Conv2d(32, 64, 5, padding=2), nn.MaxPool2d(2)),
        nn.Flatten(),
        *layers.dense(64 * height * width, 256),
        *layers.dense(256, 128),
        nn.Linear(128, n_outputs),
    )
