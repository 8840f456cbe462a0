"""A small residual network for images of any size and any number of channels.

Source: He et al. 2016, Identity Mappings in Deep Residual Networks, figure 4e (activation before the layer).
"""

import torch
from torch import nn


class Block(nn.Module):
    """Add to the maps what two convolutions make of them; `has_skip` false leaves the addition out."""

    def __init__(self, n_maps: int, *, has_skip: bool) -> None:
        super().__init__()
        self.has_skip = has_skip
        self.layers = nn.Sequential(
            *(nn.BatchNorm2d(n_maps), nn.ReLU(), nn.Conv2d(n_maps, n_maps, 3, padding=1, bias=False)),
            *(nn.BatchNorm2d(n_maps), nn.ReLU(), nn.Conv2d(n_maps, n_maps, 3, padding=1, bias=False)),
        )

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        """Return maps of the same shape, `(batch, n_maps, height, width)`."""
        changed: torch.Tensor = self.layers(maps)
        return maps + changed if self.has_skip else changed


def residual(
    input_shape: tuple[int, ...], n_outputs: int, *, width: int = 16, depth: int = 3, has_skip: bool = True
) -> nn.Module:
    """Return a network of `depth` blocks of `width` maps: `(batch, C, H, W)` to `(batch, n_outputs)`."""
    channels, _, _ = input_shape
    blocks = [Block(width, has_skip=has_skip) for _ in range(depth)]
    return nn.Sequential(
        nn.Conv2d(channels, width, 3, padding=1),
        *blocks,
        nn.BatchNorm2d(width),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(width, n_outputs),
    )
