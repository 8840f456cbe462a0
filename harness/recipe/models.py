"""What models ask of a data set, as far as a study must know it before anything is built."""

LEAST_SIDES: dict[str, int] = {"lenet5": 16, "simple_cnn": 4}
"""Pixels a side below which a model's last pooling leaves nothing of an image. These models take images
(C, H, W) of any number of channels; the others take samples of any shape."""
