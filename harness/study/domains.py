"""Domains: what may stand in place of a value in a recipe. The names are Optuna's.

`space_models` holds the models that parse them in study files, field by field; these are what they become.
"""

import json
import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

from harness.recipe.imported import IMPORT, value_at


@dataclass(frozen=True, kw_only=True)
class NumericRange:
    """Where the values of a numeric domain lie."""

    low: float
    high: float
    is_log: bool
    is_listed: bool = False
    """True for grids and choices: only the listed values exist."""

    def position(self, value: float) -> float:
        """Return where `value` lies between the bounds: 0 at `low`, 1 at `high`."""
        if self.is_log:
            return math.log(value / self.low) / math.log(self.high / self.low)
        return (value - self.low) / (self.high - self.low)

    def at(self, position: float) -> float:
        """Return the value at a position: the inverse of `position`."""
        if self.is_log:
            return float(self.low * (self.high / self.low) ** position)
        return self.low + position * (self.high - self.low)


class Domain(BaseModel, ABC):
    """Stand for several values."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, defer_build=True)

    @property
    @abstractmethod
    def listed(self) -> list[Any]:
        """The values in their order; none for a range."""

    @property
    def numeric_range(self) -> NumericRange | None:
        """Where the values lie, if all are numbers."""
        numbers = [value for value in self.listed if _is_number(value)]
        if not numbers or len(numbers) < len(self.listed):
            return None
        low, high = float(min(numbers)), float(max(numbers))
        # A list has no scale of its own; one that spans a decade or more is read as logarithmic.
        return NumericRange(low=low, high=high, is_log=low > 0 and high / low >= 10, is_listed=True)

    @property
    def n_values(self) -> int | None:
        """How many values there are; None where there is no end of them."""
        return len(self.listed)

    @property
    def as_written(self) -> dict[str, Any]:
        """The domain as a study file writes it, what was left out left out."""
        return self.model_dump(mode="json", exclude_unset=True)


class Range(Domain):
    """All numbers from `low` to `high`, both included; integers where the field is one."""

    low: Any
    high: Any
    log: bool = False
    """Sample and plot on a logarithmic scale."""
    step: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    """Only multiples of `step` above `low`."""

    @model_validator(mode="after")
    def _is_a_range(self) -> "Range":
        if self.low >= self.high:
            raise ValueError(f"low must be below high, but low = {self.low} and high = {self.high}")
        if self.log and self.low <= 0:
            raise ValueError(f"a log range needs low above 0, but low = {self.low}")
        if self.log and self.step is not None:
            raise ValueError("step and log exclude each other: leave out one")
        if self.is_integer and self.step is not None and not self.step.is_integer():
            raise ValueError(f"the step of an integer range must be whole, but step = {self.step}")
        return self

    @property
    def is_integer(self) -> bool:
        """Whether the field takes whole numbers."""
        return isinstance(self.low, int) and isinstance(self.high, int)

    @property
    def listed(self) -> list[Any]:
        """None: a range is not a list."""
        return []

    @property
    def whole_steps(self) -> int | None:
        """How many whole steps lie between the bounds, reckoned with the decimals that were written."""
        if self.step is None:
            return self.high - self.low if self.is_integer else None
        low, high, step = (Fraction(str(number)) for number in (self.low, self.high, self.step))
        return int((high - low) / step)

    @property
    def last(self) -> Any:
        """The greatest value: `high`, or the one that the steps end at."""
        if self.step is None:
            return self.high
        last = Fraction(str(self.low)) + (self.whole_steps or 0) * Fraction(str(self.step))
        return int(last) if self.is_integer else float(last)

    @property
    def n_values(self) -> int | None:
        """One more than there are steps."""
        return None if self.whole_steps is None else self.whole_steps + 1

    @property
    def numeric_range(self) -> NumericRange:
        """Its bounds on its scale."""
        return NumericRange(low=float(self.low), high=float(self.high), is_log=self.log)


class Choices(Domain):
    """One of the listed values."""

    choices: Annotated[list[Any], Field(min_length=1)]

    @property
    def listed(self) -> list[Any]:
        """The choices in their order."""
        return self.choices


class Grid(Domain):
    """Every listed value in turn; for `sampler: grid`."""

    grid: Annotated[list[Any], Field(min_length=1)]

    @property
    def listed(self) -> list[Any]:
        """The grid's values in their order."""
        return self.grid


class OneOf(Domain):
    """One of the named values, each with a space of its own."""

    one_of: Annotated[dict[str, Any], Field(min_length=1)]

    @property
    def listed(self) -> list[Any]:
        """The names of the branches."""
        return list(self.one_of)

    @property
    def branches(self) -> dict[str, dict[str, Any]]:
        """Each value with the fields it fixes or searches."""
        return {value: branch or {} for value, branch in self.one_of.items()}

    @property
    def n_values(self) -> int | None:
        """Those of all branches together."""
        sizes = [n_points(branch) for branch in self.branches.values()]
        return None if None in sizes else sum(size for size in sizes if size is not None)


def n_points(space: Mapping[str, Any]) -> int | None:
    """Return how many points a space has; plain values count as one, and None means no end of them."""
    sizes = [domain.n_values for domain in space.values() if isinstance(domain, Domain)]
    return None if None in sizes else math.prod(size for size in sizes if size is not None)


def kind_of(value: Any) -> str:
    """Tell a domain from a plain value by its keys; the tag never equals a key of a study file."""
    match value:
        case Domain():
            keys = set(type(value).model_fields)
        case Mapping():
            keys = set(value)
        case _:
            keys = set()
    if IMPORT in keys:
        return "<import>"
    if keys & {"low", "high"}:
        return "<range>"
    return next((f"<{name}>" for name in ("choices", "grid", "one_of") if name in keys), "<value>")


def as_domain(value: Any) -> Any:
    """Return what is written for a recipe field: a domain as an object, a value as it is.

    Raises:
        pydantic.ValidationError: A domain breaks a rule.
    """
    match kind_of(value):
        case _ if isinstance(value, Domain):
            return value
        case "<range>":
            return Range.model_validate(value)
        case "<choices>":
            return Choices.model_validate(value)
        case "<grid>":
            return Grid.model_validate(value)
        case "<one_of>":
            branches = value["one_of"].items()
            return OneOf(one_of={name: branch and domains_of(branch) for name, branch in branches})
        case _:
            return value


def domains_of(space: Mapping[str, Any]) -> dict[str, Any]:
    """Return a written space with its domains as objects; a branch of a `one_of` may fix fields as well."""
    return {field: as_domain(value) for field, value in space.items()}


def split_space(fields: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Domain]]:
    """Return the fixed values and the domains of a recipe's fields."""
    space = {name: value for name, value in fields.items() if isinstance(value, Domain)}
    return {name: value for name, value in fields.items() if name not in space}, space


def extremes(value: Any) -> list[Any]:
    """Return what a recipe field can be: the bounds of a range, the values of a list, or the one value."""
    match value:
        case Range():
            return [value.low, value.high]
        case Domain():
            return value.listed
        case _:
            return [value]


def as_choice(value: Any) -> str | int | float | bool | None:
    """Return what a sampler knows a listed value by: structures become JSON text, which Optuna can show.

    Of two listed values with equal choices it would only ever take the first.
    """
    return json.dumps(value) if isinstance(value, dict | list) else value


def undeclared_field(
    fixed: Mapping[str, Any], space: Mapping[str, Domain], configuration: Mapping[str, Any]
) -> str | None:
    """Return the first recipe field whose value an arm cannot have chosen; None where it can have chosen all.

    Args:
        fixed: The arm's fields with one value.
        space: Its fields with a domain.
        configuration: Every recipe field of a run with its value.
    """
    world: dict[str, Any] = {**fixed, **space}
    for field, domain in space.items():
        if isinstance(domain, OneOf):
            world |= domain.branches.get(str(configuration.get(field)), {})
    return next(
        (field for field, value in world.items() if not _can_be(value, value_at(configuration, field))), None
    )


def _can_be(declared: Any, value: Any) -> bool:
    """Return whether a field declared as a value or a domain can have a value; defaults may be filled in."""
    match declared:
        case Range():
            slack = 1e-9 * (declared.high - declared.low)  # steps add up to a little more than `high`
            return _is_number(value) and declared.low - slack <= value <= declared.high + slack
        case Domain():
            return any(_can_be(listed, value) for listed in declared.listed)
        case Mapping():
            return isinstance(value, Mapping) and all(_can_be(v, value.get(k)) for k, v in declared.items())
        case _:
            return bool(declared == value)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
