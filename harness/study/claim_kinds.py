"""The kinds of claims that a study file may make: each one's fields, and what they must name."""

from typing import Annotated, Any, Literal, Self, get_args

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, WithJsonSchema, model_validator

_BUILT_IN = ("test_accuracy", "test_loss", "val_accuracy", "val_loss", "train_accuracy", "train_loss")


def named(*names: str, pattern: str = "^(train|val|test)_.") -> WithJsonSchema:
    """Let editors complete some names and take others: a study may declare metrics of its own."""
    return WithJsonSchema({"anyOf": [{"enum": list(names)}, {"type": "string", "pattern": pattern}]})


Quality = Annotated[str, named(*_BUILT_IN)]
"""How good a network is: a metric of the study, with the part of the data before its name. Which there are is
checked where the study is read. Test values exist in the confirm phase only."""

Time = Literal["train_seconds", "epoch_seconds", "seconds_to", "epochs_to"]
"""How long a run takes: in all, for an epoch (median, the first left out), or until it reaches a target."""

TIMES: tuple[Time, ...] = get_args(Time)

ClaimMetric = Annotated[str, named(*_BUILT_IN, *TIMES)]

ArmName = Annotated[str, Field(min_length=1)]

Finite = Annotated[float, Field(allow_inf_nan=False)]


def _scalar_kind(value: Any) -> str:
    return {bool: "<flag>", str: "<text>"}.get(type(value), "<number>")


Scalar = Annotated[
    Annotated[Finite, Tag("<number>")] | Annotated[str, Tag("<text>")] | Annotated[bool, Tag("<flag>")],
    Discriminator(_scalar_kind),
]
"""One value of a recipe field; the tags keep messages to the kind that was meant."""

Settings = Annotated[dict[str, Scalar], Field(min_length=1)]
"""Recipe fields and their values, which pick one point of a grid."""


class Strict(BaseModel):
    """What a study file writes of a claim: no field but those named, and each of its own type."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, use_attribute_docstrings=True)


class Better(Strict):
    """Arm `arm` has the better metric than arm `than`."""

    arm: ArmName
    than: ArmName
    metric: Quality


class Best(Strict):
    """Arm `arm` has the better metric than every other arm of the study."""

    arm: ArmName
    metric: Quality


class Equal(Strict):
    """No two of the arms differ by more than the claim's `region`."""

    arms: Annotated[list[ArmName], Field(min_length=2)]
    metric: Quality


_TARGETS = ("val_accuracy", "val_loss", "train_accuracy", "train_loss")


class Target(Strict):
    """A value to be reached: exactly one metric, as measured at the ends of epochs."""

    model_config = ConfigDict(
        extra="allow",
        json_schema_extra={
            "properties": {name: {"type": "number"} for name in _TARGETS},
            "minProperties": 1,
            "maxProperties": 1,
        },
    )

    __pydantic_extra__: dict[str, Finite] = Field(init=False)

    @model_validator(mode="after")
    def _is_one_metric(self) -> "Target":
        if len(self.__pydantic_extra__) != 1:
            raise ValueError("name exactly one metric of the study, such as {val_accuracy: 0.88}")
        return self

    @property
    def metric(self) -> str:
        """The column of the epochs."""
        return next(iter(self.__pydantic_extra__))

    @property
    def value(self) -> float:
        """The value to reach, from whichever side is worse."""
        return self.__pydantic_extra__[self.metric]


class Faster(Strict):
    """Arm `arm` takes less time than arm `than`, by their ratio over common seeds."""

    arm: ArmName
    than: ArmName
    metric: Time = "train_seconds"
    target: Target | None = None
    """What `seconds_to` and `epochs_to` count to."""

    @model_validator(mode="after")
    def _has_a_target_where_one_is_needed(self) -> "Faster":
        if self.metric.endswith("_to") != (self.target is not None):
            needs = "needs a target, such as {val_accuracy: 0.88}" if self.target is None else "has no target"
            raise ValueError(f"metric: {self.metric} {needs}")
        return self


class Diverges(Strict):
    """More than the share `more_than` of the arm's runs diverge."""

    arm: ArmName
    more_than: Annotated[float, Field(gt=0, lt=1)] = 0.5
    at: Settings | None = None
    """Picks the runs of one point of a grid; by default the confirm runs count."""


class Optimum(Strict):
    """Over the values of a field, the mean of the metric is best `at` one, or `between` two of them.

    Decided for grids with `search.seeds` above 1 and for templates whose arms differ in the field.
    """

    arm: ArmName
    """An arm with a grid over `field`, or a template with `for_each` over it."""
    field: str
    metric: Quality
    at: Scalar | None = None
    between: Annotated[list[Finite], Field(min_length=2, max_length=2)] | None = None
    """Both ends belong to it."""

    @model_validator(mode="after")
    def _names_a_place(self) -> "Optimum":
        if (self.at is None) == (self.between is None):
            raise ValueError("give either at, one value of the field, or between: [low, high]")
        if self.between is not None and self.between[0] >= self.between[1]:
            raise ValueError(f"between must go from low to high, but is {self.between}")
        return self


RUN_TIMES: tuple[Time, ...] = ("train_seconds", "epoch_seconds")
"""Times that every run has."""


class _Ordered(Strict):
    """The metric goes one way with a field."""

    over: str
    """A recipe field."""
    direction: Literal["rises", "falls"]
    metric: Annotated[str, named(*_BUILT_IN, *RUN_TIMES)]
    arm: ArmName | None = None
    """An arm with a grid over the field, or a template with `for_each` over it."""
    arms: Annotated[list[ArmName], Field(min_length=3)] | None = None
    """Arms that fix the field at different values; instead of `arm`."""

    @model_validator(mode="after")
    def _names_its_arms(self) -> Self:
        if (self.arm is None) == (self.arms is None):
            raise ValueError("give either arm (a grid or a template) or arms, a list of three or more")
        return self


class Trend(_Ordered):
    """The metric rises or falls with a field on average over its range, judged by a fitted slope."""


class Monotone(_Ordered):
    """The metric rises or falls at every step between neighbouring values of a field."""


Bound = Literal["at_least", "at_most"]


class Reaches(Strict):
    """The mean of arm `arm` is at least, or at most, a value named beforehand: one of the two."""

    arm: ArmName
    metric: Quality
    at_least: Finite | None = None
    """For metrics of which higher values are better, in the unit of the files: accuracies in [0, 1]."""
    at_most: Finite | None = None
    """For those of which lower ones are."""

    @model_validator(mode="after")
    def _names_a_value(self) -> Self:
        if (self.at_least is None) == (self.at_most is None):
            raise ValueError("give either at_least (where higher values are better) or at_most")
        return self

    @property
    def bound(self) -> Bound:
        """From which side the value bounds the mean."""
        return "at_most" if self.at_least is None else "at_least"

    @property
    def value(self) -> float:
        """The value to be reached."""
        value: float = getattr(self, self.bound)
        return value


Spec = Better | Best | Equal | Faster | Diverges | Optimum | Trend | Monotone | Reaches

Kind = Literal["better", "best", "equal", "faster", "diverges", "optimum", "trend", "monotone", "reaches"]

KINDS: tuple[Kind, ...] = get_args(Kind)
