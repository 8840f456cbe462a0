"""Types of a configuration's fields: names that registries have, numbers in bounds, settings of their own."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Discriminator, Field, Tag, WithJsonSchema

from harness.recipe.activations import ACTIVATIONS
from harness.recipe.augmentation import Augmentation, Nothing
from harness.recipe.datasets import DATASETS, OWN_FORMATS, checked_dataset
from harness.recipe.imported import is_imported
from harness.recipe.initialisers import INITIALISERS
from harness.recipe.losses import LOSSES
from harness.recipe.optimizers import OPTIMIZERS
from harness.recipe.schedules import SCHEDULES

if TYPE_CHECKING:
    ActivationName = str
    InitialiserName = str
    LossName = str
    OptimizerName = str
    ScheduleName = str
else:  # pydantic needs the names themselves, and the registries have them
    ActivationName = Literal[tuple(ACTIVATIONS)]
    InitialiserName = Literal[tuple(INITIALISERS)]
    LossName = Literal[tuple(LOSSES)]
    OptimizerName = Literal[tuple(OPTIMIZERS)]
    ScheduleName = Literal[tuple(SCHEDULES)]

Dataset = Annotated[
    str,
    AfterValidator(checked_dataset),
    WithJsonSchema(
        {"anyOf": [{"enum": list(DATASETS)}, {"type": "string", "pattern": f"^({'|'.join(OWN_FORMATS)})"}]}
    ),
]
InputNormName = Literal["none", "unit", "standardize", "batch_norm"]

PositiveInt = Annotated[int, Field(ge=1, le=2**63 - 1)]  # what a column of a table can hold
PositiveFloat = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NonNegativeFloat = Annotated[float, Field(ge=0, allow_inf_nan=False)]
DecayRate = Annotated[float, Field(ge=0, lt=1)]
OpenFraction = Annotated[float, Field(gt=0, lt=1)]
ClosedFraction = Annotated[float, Field(ge=0, le=1)]


class Strict(BaseModel):
    """Takes no field that it does not know, no value of another type, and never changes."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, use_attribute_docstrings=True)


class Fcn(Strict):
    """Fully connected network: one linear layer and activation a hidden size, then a linear layer."""

    name: Literal["fcn"]
    hidden: Annotated[list[PositiveInt], Field(min_length=1)] = [300, 200]
    """Sizes of the hidden layers, from the input on."""


class Lenet5(Strict):
    """LeNet-5 as study B built it: two convolutions with average pooling, then 120-84 hidden units."""

    name: Literal["lenet5"]


class SimpleCnn(Strict):
    """The 32-64 two-convolution network of study A, with max pooling and 256-128 hidden units."""

    name: Literal["simple_cnn"]


def name_or_settings(value: Any) -> str:
    """Tell a name from a mapping, so that a mistake in one is not told as a mistake in both."""
    return "<settings>" if isinstance(value, Mapping | BaseModel) else "<name>"


def value_or_import(value: Any) -> str:
    """Tell what the user's code makes from what is ours."""
    return "<import>" if is_imported(value) else "<value>"


def _value_or_list(value: Any) -> str:
    """Tell one number from several, so that a mistake in one is not told as a mistake in both."""
    return "<list>" if isinstance(value, list) else "<value>"


Model = Annotated[Fcn | Lenet5 | SimpleCnn, Field(discriminator="name")]


class PixelConstants(Strict):
    """Mean and deviation of pixels scaled to 0-1: one for all channels, or a list with one each."""

    mean: Annotated[
        Annotated[ClosedFraction, Tag("<value>")]
        | Annotated[list[ClosedFraction], Field(min_length=1), Tag("<list>")],
        Discriminator(_value_or_list),
    ]
    std: Annotated[
        Annotated[PositiveFloat, Tag("<value>")]
        | Annotated[list[PositiveFloat], Field(min_length=1), Tag("<list>")],
        Discriminator(_value_or_list),
    ]


class GivenConstants(Strict):
    """Normalise with given constants, as many tutorials do with those of MNIST."""

    constants: PixelConstants


AugmentValue = Annotated[
    Annotated[Nothing, Tag("<name>")] | Annotated[Augmentation, Tag("<settings>")],
    Discriminator(name_or_settings),
]


class NormalDeviation(Strict):
    """Standard deviation of a normal distribution with mean 0."""

    std: PositiveFloat


class NormalInit(Strict):
    """Draw weights from a normal distribution whose deviation does not depend on the layer's size."""

    normal: NormalDeviation
