"""A configuration: a recipe with every domain replaced by a value."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from harness.study.optimizers import HYPERPARAMETERS, OPTIMIZERS
from harness.study.problems import nearest

OptimizerName = Literal["sgd", "rmsprop", "adam", "adamw"]
DatasetName = Literal["fashion_mnist"]
ActivationName = Literal["relu", "tanh", "sigmoid", "gelu", "silu", "elu", "leaky_relu"]

PositiveInt = Annotated[int, Field(ge=1)]
PositiveFloat = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NonNegativeFloat = Annotated[float, Field(ge=0, allow_inf_nan=False)]
DecayRate = Annotated[float, Field(ge=0, lt=1)]
OpenFraction = Annotated[float, Field(gt=0, lt=1)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, use_attribute_docstrings=True)


class Fcn(_Strict):
    """Fully connected network: one linear layer and activation a hidden size, then a linear layer."""

    name: Literal["fcn"]
    hidden: Annotated[list[PositiveInt], Field(min_length=1)] = [300, 200]
    """Sizes of the hidden layers, from the input on."""


class PixelConstants(_Strict):
    """Mean and deviation of pixels scaled to 0-1."""

    mean: Annotated[float, Field(ge=0, le=1)]
    std: PositiveFloat


class GivenConstants(_Strict):
    """Normalise with given constants, as many tutorials do with those of MNIST."""

    constants: PixelConstants


class Configuration(_Strict):
    """Every setting that makes a training run. Hyperparameters the optimizer does not have are null."""

    dataset: DatasetName = "fashion_mnist"
    val_fraction: OpenFraction = 0.1
    """Share of the training images held out for validation, stratified by class."""
    model: Fcn
    activation: ActivationName = "relu"
    input_norm: Literal["none", "unit", "standardize"] | GivenConstants = "standardize"
    """Pixels as they are (0-255), scaled to 0-1, or standardised by the training split or by constants."""
    optimizer: OptimizerName
    lr: PositiveFloat | None = None
    momentum: DecayRate | None = None
    nesterov: bool | None = None
    weight_decay: NonNegativeFloat | None = None
    alpha: DecayRate | None = None
    """RMSprop's decay of the squared gradient."""
    beta1: DecayRate | None = None
    beta2: DecayRate | None = None
    eps: PositiveFloat | None = None
    batch_size: PositiveInt
    epochs: PositiveInt
    precision: Literal["fp32"] = "fp32"

    @model_validator(mode="after")
    def _hyperparameters_fit_the_optimizer(self) -> "Configuration":
        has = OPTIMIZERS[self.optimizer].hyperparameters
        for name in HYPERPARAMETERS:
            given = getattr(self, name) is not None
            if given and name not in has:
                raise ValueError(f"{self.optimizer} has no {name}. {nearest(name, has)}")
            if not given and name in has:
                raise ValueError(f"{self.optimizer} needs {name}: use resolve() to fill in defaults")
        if self.nesterov and not self.momentum:
            raise ValueError("nesterov needs a momentum above 0: raise the momentum or its lower bound")
        return self


def resolve(values: Mapping[str, Any]) -> Configuration:
    """Return the configuration of a recipe's values, the optimizer's own defaults filled in.

    Raises:
        pydantic.ValidationError: A value breaks its field's rule, or the optimizer lacks a hyperparameter.
    """
    spec = OPTIMIZERS.get(values.get("optimizer", ""))
    defaults = spec.hyperparameters if spec else {}
    return Configuration.model_validate({**defaults, **values})
