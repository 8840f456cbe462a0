"""What a recipe puts around the layers of any model: activation, BatchNorm, dropout. Shapes: B = batch."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from harness.errors import StudyError
from harness.recipe.activations import ACTIVATIONS
from harness.recipe.configuration import Configuration
from harness.recipe.models import LEAST_SIDES


def check_images(model: str, input_shape: tuple[int, ...]) -> tuple[int, int, int]:
    """Return (C, H, W) if a model can take samples of this shape.

    Raises:
        StudyError: They are no images, or smaller than its last pooling needs.
    """
    if len(input_shape) != 3:
        raise StudyError(f"{model} needs images (C, H, W), got samples of shape {input_shape}")
    channels, height, width = input_shape
    if min(height, width) < LEAST_SIDES[model]:
        raise StudyError(
            f"{model} needs images of at least {LEAST_SIDES[model]} pixels a side, got {(height, width)}"
        )
    return channels, height, width


class Dropout(nn.Module):
    """Zero each value with a probability while training, and scale the others so that the mean stays.

    Unlike torch's, it draws from a generator of its own: a run's masks then depend on nothing else.

    Source: Srivastava et al. 2014, Dropout, in the "inverted" form of section 10.
    """

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p
        self.generator: torch.Generator | None = None
        """On the device of the values; None for torch's global one."""

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        """Return values of the same shape."""
        if not self.training:
            return values
        kept = torch.empty_like(values).bernoulli_(1 - self.p, generator=self.generator)
        return values * kept.div_(1 - self.p)

    def extra_repr(self) -> str:
        """Show the probability."""
        return f"p={self.p}"


@dataclass(frozen=True, kw_only=True)
class HiddenLayers:
    """Build hidden layers as a recipe says, the same way in every model.

    The order is: layer, BatchNorm if `hidden`, activation, pooling, BatchNorm if `after_activation`, dropout.
    Study B has its BatchNorm after pooling, and with dropout last a BatchNorm is not shifted by its noise.

    Source: Ioffe & Szegedy 2015, Batch Normalization, section 3.2 (`hidden`); Li et al. 2019, Understanding
    the Disharmony between Dropout and Batch Normalization by Variance Shift (dropout last).
    """

    activation: str
    """A key of `ACTIVATIONS`."""
    dropout: float
    """Probability, 0 to below 1."""
    batch_norm: str
    """`none`, `hidden` or `after_activation`."""
    norm_settings: Mapping[str, Any]
    """`eps` and `momentum` of every BatchNorm, in torch's sense."""

    @classmethod
    def of(cls, configuration: Configuration) -> "HiddenLayers":
        """Return what a configuration asks for."""
        return cls(
            activation=configuration.activation or "relu",  # these three are null where a model is imported
            dropout=configuration.dropout or 0.0,
            batch_norm=configuration.batch_norm or "none",
            norm_settings={
                "eps": configuration.batch_norm_eps,
                "momentum": configuration.batch_norm_momentum,
            },
        )

    def dense(self, n_inputs: int, n_outputs: int) -> list[nn.Module]:
        """Return the modules of a hidden linear layer, `(B, n_inputs) -> (B, n_outputs)`."""
        return self._around(nn.Linear(n_inputs, n_outputs), nn.BatchNorm1d, n_outputs, [])

    def convolution(self, layer: nn.Conv2d, pooling: nn.Module) -> list[nn.Module]:
        """Return the modules of a convolution and its pooling; a BatchNorm's statistics are per channel."""
        return self._around(layer, nn.BatchNorm2d, layer.out_channels, [pooling])

    def _around(
        self,
        layer: nn.Module,
        norm: type[nn.BatchNorm1d | nn.BatchNorm2d],
        n_features: int,
        pooling: list[nn.Module],
    ) -> list[nn.Module]:
        def norm_if(place: str) -> list[nn.Module]:
            return [norm(n_features, **self.norm_settings)] if self.batch_norm == place else []

        activation: nn.Module = getattr(nn, ACTIVATIONS[self.activation].torch_class)()
        dropout = [Dropout(self.dropout)] if self.dropout else []
        return [layer, *norm_if("hidden"), activation, *pooling, *norm_if("after_activation"), *dropout]
