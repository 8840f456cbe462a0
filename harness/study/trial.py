"""A program that trains, as a study file names it: its command, its metrics, and the parameters of arms."""

import math
import re
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Discriminator, Field, Tag

from harness.programs.placeholders import GIVEN, NAME
from harness.recipe.field_types import PositiveFloat, PositiveInt
from harness.recipe.imported import recordable
from harness.recipe.metrics import Metric, MetricName
from harness.study.domains import Choices, Domain, Grid, OneOf, Range, as_domain, kind_of


class Trial(BaseModel):
    """Any program that trains, in place of the built-in training: one run is one start of it.

    It prints one JSON object a line, such as `{"epoch": 1, "val_accuracy": 0.81}`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, use_attribute_docstrings=True)

    command: Annotated[list[str], Field(min_length=1)]
    """The words that are started, without a shell, in the folder of the study file. `{name}` in a word stands
    for a parameter of the arm, or for seed, epochs, phase or run_dir; a first word `python` for the
    interpreter that runs the harness."""
    epochs: PositiveInt
    """Epochs that a run reports at most; the longest run of early stopping."""
    timeout_minutes: PositiveFloat | None = None
    """A run that takes longer is ended and counts as failed; by default none is."""
    inputs: list[Annotated[str, Field(min_length=1)]] = []
    """Files and folders beside the study file that the program reads: hashed with the files that the command
    names, so that nothing of them changes unseen."""
    metrics: Annotated[dict[MetricName, Metric], Field(min_length=1)]
    """What the program prints: m as `val_m` in every epoch, and as `test_m` at the end of a confirm run. The
    first is the headline."""


def _plain(value: Any) -> Any:
    """Return a parameter's value, if a command line can have it.

    Raises:
        ValueError: It is a mapping, nothing, or a number that no record can hold.
    """
    match value:
        case str() | bool():
            return value
        case int():
            return recordable(value)
        case float() if math.isfinite(value):
            return value
        case list():
            return [_plain(item) for item in value]
    raise ValueError(
        f"must be a finite number, text, true, false or a list of these, or a domain, such as "
        f"{{low: ..., high: ...}} or {{choices: [...]}}, but is {value!r}"
    )


def _number(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"must be a finite number, but is {value!r}")
    return recordable(value)


def _parameter_name(name: str) -> str:
    if not re.fullmatch(NAME, name, re.ASCII):
        raise ValueError(f"{name!r}: a parameter takes letters, digits and _, a small letter or _ first")
    if name in GIVEN:
        raise ValueError(f"{name} is what every run has anyway: {', '.join(f'{{{own}}}' for own in GIVEN)}")
    return name


PlainValue = Annotated[Any, AfterValidator(_plain)]
ParameterName = Annotated[str, AfterValidator(_parameter_name)]
PlainValues = Annotated[list[PlainValue], Field(min_length=1)]
_Bound = Annotated[Any, AfterValidator(_number)]


class ParameterRange(Range):
    """All numbers from `low` to `high`; whole numbers where both are."""

    low: _Bound
    high: _Bound


class ParameterChoices(Choices):
    """One of the listed values."""

    choices: PlainValues


class ParameterGrid(Grid):
    """Every listed value in turn; for `sampler: grid`."""

    grid: PlainValues


_SIMPLE = (
    Annotated[PlainValue, Tag("<value>")]
    | Annotated[ParameterRange, Tag("<range>")]
    | Annotated[ParameterChoices, Tag("<choices>")]
    | Annotated[ParameterGrid, Tag("<grid>")]
)

_BranchValue = Annotated[_SIMPLE, Discriminator(kind_of)]


class ParameterOneOf(OneOf):
    """One of the named values, each with parameters of its own; every branch gives the same ones."""

    one_of: Annotated[dict[str, dict[ParameterName, _BranchValue] | None], Field(min_length=1)]


Parameters = dict[
    ParameterName, Annotated[_SIMPLE | Annotated[ParameterOneOf, Tag("<one_of>")], Discriminator(kind_of)]
]
"""Parameters of an arm by name, each a value or a domain."""


def plain_parameters(parameters: dict[str, Any] | None) -> dict[str, Any]:
    """Return parameters with plain values and with domains as the rest of the harness has them."""
    return {
        name: _of_one_kind(as_domain(value.as_written)) if isinstance(value, Domain) else value
        for name, value in (parameters or {}).items()
    }


def _of_one_kind(domain: Any) -> Any:
    """Return a domain whose ranges have bounds of one kind: a whole number beside a fraction is one, too."""
    match domain:
        case Range() if not domain.is_integer:
            return domain.model_copy(update={"low": float(domain.low), "high": float(domain.high)})
        case OneOf():
            branches = domain.branches.items()
            return OneOf(one_of={key: {n: _of_one_kind(v) for n, v in own.items()} for key, own in branches})
        case _:
            return domain
