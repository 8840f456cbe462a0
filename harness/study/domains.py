"""Domains: what may stand in place of a value in a recipe. The names are Optuna's.

The models that parse study files are made from `Configuration`'s fields, so that a recipe field is declared
once: its domains take exactly the values the field takes.
"""

from collections.abc import Mapping
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, create_model, model_validator
from pydantic.fields import FieldInfo

from harness.recipe.configuration import Configuration

_STRICT = ConfigDict(extra="forbid", frozen=True, strict=True)


class Domain(BaseModel):
    """Stand for several values."""

    model_config = _STRICT


class Range(Domain):
    """All numbers from `low` to `high`, both included; integers where the field is one."""

    low: Any
    high: Any
    log: bool = False
    """Sample and plot on a logarithmic scale."""
    step: Annotated[float, Field(gt=0)] | None = None
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
        return isinstance(self.low, int)


class Choices(Domain):
    """One of the listed values."""

    choices: Annotated[list[Any], Field(min_length=1)]

    @property
    def values(self) -> list[Any]:
        """The choices as plain values."""
        return [_plain(value) for value in self.choices]


class Grid(Domain):
    """Every listed value in turn; for `sampler: grid`."""

    grid: Annotated[list[Any], Field(min_length=1)]

    @property
    def values(self) -> list[Any]:
        """The grid's values as plain values."""
        return [_plain(value) for value in self.grid]


class OneOf(Domain):
    """One of the named values, each with a space of its own."""

    one_of: Annotated[dict[str, Any], Field(min_length=1)]

    @property
    def branches(self) -> dict[str, dict[str, Any]]:
        """Each value with the fields it fixes or searches."""
        return {value: given_fields(branch) for value, branch in self.one_of.items()}


def _kind(value: Any) -> str:
    """Tell a domain from a plain value by its keys; the tag never equals a key of a study file."""
    match value:
        case Domain():
            keys = set(type(value).model_fields)
        case dict():
            keys = set(value)
        case _:
            keys = set()
    if keys & {"low", "high"}:
        return "<range>"
    return next((f"<{name}>" for name in ("choices", "grid", "one_of") if name in keys), "<value>")


def _value_type(info: FieldInfo) -> Any:
    """Return a field's type without None, its rules attached."""
    kind: Any = info.annotation
    if get_origin(kind) in (Union, UnionType):
        kind = Union[tuple(arg for arg in get_args(kind) if arg is not NoneType)]  # noqa: UP007 - built at run time
    if isinstance(info.discriminator, str):
        kind = Annotated[kind, Field(discriminator=info.discriminator)]
    return Annotated[kind, *info.metadata] if info.metadata else kind


def _list_of(value: Any) -> Any:
    """Return the type of a list with at least one value."""
    return Annotated[list[value], Field(min_length=1)]


def _bare(kind: Any) -> Any:
    return get_args(kind)[0] if get_origin(kind) is Annotated else kind


def _value_or_domain(name: str, info: FieldInfo, branch: type[BaseModel] | None) -> Any:
    """Return the type of a recipe field in a study file; with `branch`, names may also be `one_of`."""
    value = _value_type(info)
    values = _list_of(value)
    title = name.title().replace("_", "")
    domains: dict[str, type[Domain]] = {
        "<choices>": create_model(f"{title}Choices", __base__=Choices, choices=(values, ...)),
        "<grid>": create_model(f"{title}Grid", __base__=Grid, grid=(values, ...)),
    }
    if _bare(value) in {int, float}:
        bounds: dict[str, Any] = {"low": (value, ...), "high": (value, ...)}
        domains["<range>"] = create_model(f"{title}Range", __base__=Range, **bounds)
    if branch is not None and get_origin(_bare(value)) is Literal:
        branches = Annotated[dict[value, branch | None], Field(min_length=1)]  # type: ignore[valid-type]
        domains["<one_of>"] = create_model(f"{title}OneOf", __base__=OneOf, one_of=(branches, ...))
    kinds = [
        Annotated[value, Tag("<value>")],
        *(Annotated[model, Tag(tag)] for tag, model in domains.items()),
    ]
    return Annotated[Union[tuple(kinds)], Discriminator(_kind)]  # noqa: UP007 - built at run time


def _space_model(name: str, doc: str, branch: type[BaseModel] | None) -> type[BaseModel]:
    """Return a model with every recipe field, each absent or a value or a domain."""
    fields: dict[str, Any] = {}
    for field, info in Configuration.model_fields.items():
        kind = _value_or_domain(field, info, branch)
        fields[field] = (kind | None, Field(default=None, description=info.description))
    return create_model(name, __doc__=doc, __config__=_STRICT, **fields)


BranchSpace = _space_model("BranchSpace", "The fields that a branch of `one_of` fixes or searches.", None)

RecipeSpace = _space_model("RecipeSpace", "Recipe fields: each a value, a domain, or absent.", BranchSpace)


def _for_each_model() -> Any:
    """Return a model with every recipe field, each absent or a list of values."""
    fields: dict[str, Any] = {
        name: (_list_of(_value_type(info)) | None, None) for name, info in Configuration.model_fields.items()
    }
    doc = "Recipe fields with a list of values each: one arm is made for every combination."
    return create_model("ForEach", __doc__=doc, __config__=_STRICT, **fields)


ArmSpace: Any = create_model(
    "ArmSpace",
    __doc__="One arm's own recipe fields; with `for_each`, a template of several arms.",
    __base__=RecipeSpace,
    for_each=(_for_each_model() | None, None),
)


def given_fields(space: BaseModel | None) -> dict[str, Any]:
    """Return the fields that were given, in the order of the recipe: values plain, domains as objects."""
    if space is None:
        return {}
    names = [name for name in Configuration.model_fields if name in space.model_fields_set]
    return {name: _plain(getattr(space, name)) for name in names if getattr(space, name) is not None}


def _plain(value: Any) -> Any:
    if isinstance(value, list):
        return [_plain(item) for item in value]
    is_structure = isinstance(value, BaseModel) and not isinstance(value, Domain)
    return value.model_dump(mode="json") if is_structure else value


def split_space(fields: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Domain]]:
    """Return the fixed values and the domains of a recipe's fields."""
    space = {name: value for name, value in fields.items() if isinstance(value, Domain)}
    return {name: value for name, value in fields.items() if name not in space}, space
