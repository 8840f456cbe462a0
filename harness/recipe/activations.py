"""Activations: which exist, and the gain that Kaiming's initialisers use with each.

One row an activation. Names only; `harness.training.models` builds them.
"""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class ActivationSpec:
    """Describe one activation."""

    torch_class: str
    """Name in `torch.nn`; built with torch's defaults."""
    gain: str
    """The `nonlinearity` of `torch.nn.init.calculate_gain`. Where torch knows none it is `relu`, whose shape
    for large inputs `elu`, `gelu` and `silu` share."""
    source: str


ACTIVATIONS: dict[str, ActivationSpec] = {
    "relu": ActivationSpec(
        torch_class="ReLU",
        gain="relu",
        source="Nair & Hinton 2010, Rectified Linear Units Improve Restricted Boltzmann Machines",
    ),
    "tanh": ActivationSpec(
        torch_class="Tanh", gain="tanh", source="LeCun et al. 1998, Efficient BackProp, section 4.4"
    ),
    "sigmoid": ActivationSpec(
        torch_class="Sigmoid", gain="sigmoid", source="LeCun et al. 1998, Efficient BackProp, section 4.4"
    ),
    "gelu": ActivationSpec(
        torch_class="GELU", gain="relu", source="Hendrycks & Gimpel 2016, Gaussian Error Linear Units"
    ),
    "silu": ActivationSpec(
        torch_class="SiLU", gain="relu", source="Elfwing, Uchibe & Doya 2018, Sigmoid-weighted linear units"
    ),
    "elu": ActivationSpec(
        torch_class="ELU",
        gain="relu",
        source="Clevert, Unterthiner & Hochreiter 2016, Exponential Linear Units",
    ),
    "leaky_relu": ActivationSpec(
        torch_class="LeakyReLU",
        gain="leaky_relu",
        source="Maas, Hannun & Ng 2013, Rectifier Nonlinearities Improve Neural Network Acoustic Models",
    ),
}
