"""A configuration: a recipe with every domain replaced by a value.

`harness.recipe.field_types` has what its fields can take, `harness.recipe.dependents` which of them are read.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, model_validator

from harness.recipe.datasets import DATASETS
from harness.recipe.dependents import DEPENDENTS, read_fields, reads, refusal, worded
from harness.recipe.field_types import (
    ActivationName,
    AugmentValue,
    ClosedFraction,
    Dataset,
    DecayRate,
    GivenConstants,
    InitialiserName,
    InputNormName,
    LossName,
    Model,
    NonNegativeFloat,
    NormalInit,
    OpenFraction,
    OptimizerName,
    PositiveFloat,
    PositiveInt,
    ScheduleName,
    Strict,
    name_or_settings,
    value_or_import,
)
from harness.recipe.imported import Imported
from harness.recipe.lengths import epochs_of_steps, steps_per_epoch


class Configuration(Strict):
    """Every setting that makes a training run. What the choices made here do not read is null."""

    dataset: Dataset = "fashion_mnist"
    """A known name, or your own data: `idx:FOLDER`, `npz:FILE` or `image_folder:FOLDER`."""
    val_fraction: OpenFraction = 0.1
    """Share of the training samples held out for validation: stratified by class, of whole groups where the
    data set has groups, else drawn at random."""
    model: Annotated[
        Annotated[Model, Tag("<value>")] | Annotated[Imported, Tag("<import>")],
        Discriminator(value_or_import),
    ]
    activation: ActivationName | None = None
    """Of every hidden layer."""
    init: (
        Annotated[
            Annotated[InitialiserName, Tag("<name>")] | Annotated[NormalInit, Tag("<settings>")],
            Discriminator(name_or_settings),
        ]
        | None
    ) = None
    """Of all weight matrices and kernels. The Kaiming ones use the activation's gain, the others 1."""
    bias_init: Literal["default", "zeros"] | None = None
    """Of all biases; `default` is torch's: uniform in +-1/sqrt(fan_in)."""
    dropout: DecayRate | None = None
    """Probability with which each value after a hidden layer's activation is zeroed while training."""
    batch_norm: Literal["none", "hidden", "after_activation"] | None = None
    """BatchNorm in every hidden layer: between layer and activation, or after activation and pooling."""
    batch_norm_momentum: Annotated[float, Field(gt=0, le=1)] | None = None
    """Weight of the newest batch in the running statistics; Keras' momentum is its complement."""
    batch_norm_eps: PositiveFloat | None = None
    """Added to the variance."""
    input_norm: Annotated[
        Annotated[InputNormName, Tag("<name>")] | Annotated[GivenConstants, Tag("<settings>")],
        Discriminator(name_or_settings),
    ] = "standardize"
    """Inputs as they are (pixels: 0-255), divided by their greatest value (pixels: scaled to 0-1),
    standardised by the training split (images by channel, tables by feature) or by constants, or divided and
    led through a BatchNorm (images over all pixels of a channel, tables by feature)."""
    augment: Annotated[
        Annotated[AugmentValue, Tag("<value>")] | Annotated[Imported, Tag("<import>")],
        Discriminator(value_or_import),
    ] = "none"
    """What is done to every batch of training inputs, as the model gets them; nothing to others. Images can
    be flipped, shifted and partly erased; a user's code can do anything to any inputs."""
    optimizer: Annotated[
        Annotated[OptimizerName, Tag("<value>")] | Annotated[Imported, Tag("<import>")],
        Discriminator(value_or_import),
    ]
    lr: PositiveFloat | None = None
    """The schedule's greatest learning rate."""
    momentum: DecayRate | None = None
    dampening: ClosedFraction | None = None
    """Share of the gradient that does not enter the momentum."""
    nesterov: bool | None = None
    weight_decay: NonNegativeFloat | None = None
    decoupled_weight_decay: bool | None = None
    """Whether weight decay shrinks the weights, as in AdamW, or enters the gradient."""
    alpha: DecayRate | None = None
    """RMSprop's decay of the squared gradient."""
    centered: bool | None = None
    """Whether RMSprop divides by the gradient's deviation."""
    beta1: DecayRate | None = None
    beta2: DecayRate | None = None
    rho: DecayRate | None = None
    """Adadelta's decay of squared gradients and steps."""
    eps: PositiveFloat | None = None
    amsgrad: bool | None = None
    """Whether the greatest second moment so far counts."""
    momentum_decay: NonNegativeFloat | None = None
    """NAdam's."""
    lr_decay: NonNegativeFloat | None = None
    """Adagrad's."""
    initial_accumulator_value: NonNegativeFloat | None = None
    """Of Adagrad's sum of squared gradients."""
    lr_schedule: ScheduleName = "constant"
    """How the learning rate follows the step."""
    warmup_epochs: NonNegativeFloat | None = None
    """Epochs, also fractions of one, in which the rate rises on a straight line; then the schedule begins."""
    lr_min_factor: ClosedFraction | None = None
    """The schedule's lowest rate, as a share of `lr`."""
    lr_gamma: Annotated[float, Field(gt=0, le=1)] | None = None
    """What `step` multiplies with each time, and `exponential` each epoch."""
    lr_step_epochs: PositiveInt | None = None
    """Epochs between the reductions of `step`."""
    lr_pct_start: OpenFraction | None = None
    """Share of the run in which `one_cycle` rises."""
    lr_div_factor: Annotated[float, Field(ge=1, allow_inf_nan=False)] | None = None
    """`one_cycle` begins with `lr` divided by this."""
    lr_final_div_factor: Annotated[float, Field(ge=1, allow_inf_nan=False)] | None = None
    """`one_cycle` ends with its first rate divided by this."""
    batch_size: PositiveInt
    epochs: PositiveInt
    """Length of a run; with `steps`, the epochs that those take."""
    steps: PositiveInt | None = None
    """Length of a run in optimizer steps, in place of `epochs`; the last epoch is then cut short."""
    loss: Annotated[
        Annotated[LossName, Tag("<value>")] | Annotated[Imported, Tag("<import>")],
        Discriminator(value_or_import),
    ] = "cross_entropy"
    """What is minimised. Whether classes or numbers are predicted follows from it."""
    label_smoothing: DecayRate | None = None
    """Share of the target that is spread evenly over all classes; reported losses are without it."""
    huber_delta: PositiveFloat | None = None
    """Error up to which `huber` is quadratic, in the unit of the targets; beyond it is linear."""
    clip_norm: PositiveFloat | None = None
    """Greatest norm of the gradient of all parameters together; longer ones are scaled down to it."""
    precision: Literal["fp32", "bf16"] = "fp32"
    """In what matrix products and convolutions are taken, in training and in evaluation. With `bf16` weights,
    gradients, the optimizer's state, losses and metrics stay in float32, by torch's autocast."""

    @model_validator(mode="after")
    def _what_is_given_is_used(self) -> "Configuration":
        values = self.model_dump()
        used = read_fields(values)
        for name, fields in DEPENDENTS.items():
            is_given = values[name] is not None
            if is_given and name not in used:
                raise ValueError(refusal(name, [(field, values[field]) for field in fields]))
            if not is_given and name in used:
                reader = next(field for field in fields if name in reads(field, values[field]))
                how = "which has no default" if used[name] is None else "whose default resolve() fills in"
                raise ValueError(f"{worded(reader, values[reader])} needs {name}, {how}")
        return self

    @model_validator(mode="after")
    def _parts_fit_together(self) -> "Configuration":
        if self.nesterov and not self.momentum:
            raise ValueError("nesterov needs a momentum above 0: raise the momentum or its lower bound")
        if self.nesterov and self.dampening:
            raise ValueError(f"nesterov needs dampening 0, but it is {self.dampening}: leave one of them out")
        if self.batch_norm not in {None, "none"} and self.batch_size == 1:
            raise ValueError("batch_norm needs batches of at least 2 samples: raise batch_size")
        if self.steps is not None and self.epochs != epochs_of_steps(self.model_dump()):
            raise ValueError(
                f"steps = {self.steps} and epochs = {self.epochs} are both given: leave one of them out"
            )
        if self.warmup_epochs and self._is_warmup_alone(self.warmup_epochs):
            length = f"{self.epochs} epochs" if self.steps is None else f"{self.steps} steps"
            raise ValueError(f"warmup_epochs = {self.warmup_epochs:g} leaves nothing of {length}: shorten it")
        return self

    def _is_warmup_alone(self, warmup_epochs: float) -> bool:
        """Whether no step would be left to the schedule; of data of unknown size, whether no epoch would."""
        if self.dataset not in DATASETS:
            return warmup_epochs >= self.epochs
        per_epoch = steps_per_epoch(DATASETS[self.dataset].facts, self.val_fraction, self.batch_size)
        return round(warmup_epochs * per_epoch) >= (self.steps or self.epochs * per_epoch)


_LENGTH_FIELDS = ("steps", "batch_size", "dataset", "val_fraction")


def resolve(values: Mapping[str, Any]) -> Configuration:
    """Return the configuration of a recipe's values, the defaults of what its choices read filled in.

    Raises:
        pydantic.ValidationError: A value breaks its field's rule, or no choice reads it.
    """
    filled = {**{name: value for name, value in read_fields(values).items() if value is not None}, **values}
    if "steps" in filled and "epochs" not in filled:
        filled["epochs"] = _epochs(filled)
    return Configuration.model_validate(filled)


def _epochs(values: Mapping[str, Any]) -> int:
    """Return the epochs that the steps take; 1 where the fields are wrong, which validation then tells."""
    fields = Configuration.model_fields
    length = {name: values.get(name, fields[name].default) for name in _LENGTH_FIELDS}
    try:
        return epochs_of_steps(length)
    except (TypeError, ValueError, ZeroDivisionError):
        return 1
