"""What models ask of a data set, as far as a study must know it before anything is built."""

LEAST_SIDES: dict[str, int] = {"lenet5": 16, "simple_cnn": 4}
"""Pixels a side below which a model's last pooling leaves nothing of an image; others take any image."""
