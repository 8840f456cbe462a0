"""The models that parse the recipes of study files.

They are made from `Configuration`'s fields, so that a recipe field is declared once: its domains take exactly
the values the field takes.
"""

from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Self, Union, get_args, get_origin

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    WithJsonSchema,
    create_model,
    model_validator,
)
from pydantic.fields import FieldInfo

from harness.recipe.augmentation import Augmentation, Nothing
from harness.recipe.configuration import Configuration
from harness.recipe.field_types import name_or_settings
from harness.recipe.imported import (
    GIVEN,
    IMPORT,
    Imported,
    Reference,
    checked_setting,
    data_name,
    is_imported,
)
from harness.study.domains import Choices, Domain, Grid, OneOf, Range, as_domain, kind_of
from harness.study.trial import ParameterName, ParameterRange, Parameters, PlainValues, plain_parameters

_STRICT = ConfigDict(extra="forbid", frozen=True, strict=True, defer_build=True)
"""Built when a study file is first parsed: who reads results alone need not wait for it."""


def _setting_kind(value: Any) -> str:
    return "<value>" if is_imported(value) else kind_of(value)


_NO_DOMAIN = WithJsonSchema(
    {"not": {"type": "object", "anyOf": [{"required": [key]} for key in ("low", "high", "choices", "grid")]}}
)
"""A schema that takes any value would take domains too, and `oneOf` wants one that fits."""

Setting = Annotated[
    Annotated[Any, Tag("<value>"), _NO_DOMAIN]
    | Annotated[ParameterRange, Tag("<range>")]
    | Annotated[Choices, Tag("<choices>")]
    | Annotated[Grid, Tag("<grid>")],
    Discriminator(_setting_kind),
]


class ImportedSpace(BaseModel):
    """What the user's code makes: its reference, and settings of its own, each a value or a domain."""

    model_config = ConfigDict(extra="allow", frozen=True, strict=True, defer_build=True)
    __pydantic_extra__: dict[str, Setting] = Field(init=False)

    reference: Reference = Field(alias=IMPORT)

    @model_validator(mode="after")
    def _settings_are_plain(self) -> Self:
        for name, value in (self.model_extra or {}).items():
            checked_setting(name, value.listed if isinstance(value, Domain) else value)
        return self

    def fields(self, field: str) -> dict[str, Any]:
        """Return the thing with its fixed settings, and each domain under a dotted name of its own."""
        settings = self.model_extra or {}
        if field == "dataset":  # one for all arms, under one name
            return {field: data_name(self.reference, settings)}
        searched = plain_parameters({n: v for n, v in settings.items() if isinstance(v, Domain)})
        fixed = {name: value for name, value in settings.items() if name not in searched}
        return {
            field: {IMPORT: self.reference, **fixed},
            **{f"{field}.{name}": domain for name, domain in searched.items()},
        }


def _imported_space(field: str) -> type[ImportedSpace]:
    """Return the model of what a field may import: the arguments that the harness gives are no settings."""

    def _is_a_setting(self: ImportedSpace) -> ImportedSpace:
        for name in GIVEN[field]:
            if name in (self.model_extra or {}):
                where = "a field of the recipe beside it" if name == "lr" else "given by the harness"
                raise ValueError(f"{name} is no setting of what {field} imports: it is {where}")
        return self

    def _is_one_for_all(self: ImportedSpace) -> ImportedSpace:
        for name, value in (self.model_extra or {}).items():
            if field == "dataset" and isinstance(value, Domain):
                raise ValueError(f"{name} of a data set cannot be searched. Remedy: a value")
        return self

    title = f"{field.title()}Import"
    rules = {"is_a_setting": _is_a_setting, "is_one_for_all": _is_one_for_all}
    checks: dict[str, Any] = {name: model_validator(mode="after")(rule) for name, rule in rules.items()}
    return create_model(title, __base__=ImportedSpace, __validators__=checks, __doc__=ImportedSpace.__doc__)


def _is_import(member: Any) -> bool:
    return get_origin(member) is Annotated and get_args(member)[0] is Imported


def _importable(info: FieldInfo) -> Any:
    """Return the type of a field's values that are ours, where others can be imported; else None."""
    members = get_args(info.annotation) if get_origin(info.annotation) in (Union, UnionType) else ()
    if not any(_is_import(member) for member in members):
        return None
    ours = next(member for member in members if not _is_import(member) and member is not NoneType)
    kind, *rules = get_args(ours)
    return Annotated[kind, *(rule for rule in rules if not isinstance(rule, Tag))] if len(rules) > 1 else kind


def _value_type(info: FieldInfo) -> Any:
    """Return a field's type without None, its rules attached."""
    kind: Any = info.annotation
    if get_origin(kind) in (Union, UnionType):
        kind = Union[tuple(arg for arg in get_args(kind) if arg is not NoneType)]  # noqa: UP007 - built at run time
    if isinstance(info.discriminator, str):
        kind = Annotated[kind, Field(discriminator=info.discriminator)]
    return Annotated[kind, *info.metadata] if info.metadata else kind


def _named(value: Any) -> Any:
    return value.fields("dataset")["dataset"] if isinstance(value, ImportedSpace) else value


def _dataset_type() -> Any:
    ours = _value_type(Configuration.model_fields["dataset"])
    kinds = Annotated[ours, Tag("<value>")] | Annotated[_imported_space("dataset"), Tag("<import>")]  # type: ignore[valid-type]
    return Annotated[kinds, Discriminator(kind_of), AfterValidator(_named)]


DATASET = _dataset_type()
"""The type of a data set as a recipe names it."""


def _list_of(value: Any) -> Any:
    """Return the type of a list with at least one value."""
    return Annotated[list[value], Field(min_length=1)]


def _bare(kind: Any) -> Any:
    return get_args(kind)[0] if get_origin(kind) is Annotated else kind


def _value_or_domain(name: str, info: FieldInfo, branch: type[BaseModel] | None) -> Any:
    """Return the type of a recipe field in a study file; with `branch`, names may also be `one_of`."""
    ours = _importable(info) or (_value_type(info) if name == "dataset" else None)
    if name == "augment" and branch is not None:
        ours = _augment_type()
    value = ours or _value_type(info)
    values = _list_of(_value_type(info))
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
        *([Annotated[_imported_space(name), Tag("<import>")]] if ours and branch else []),
        *(Annotated[model, Tag(tag)] for tag, model in domains.items()),
    ]
    return Annotated[Union[tuple(kinds)], Discriminator(kind_of)]  # noqa: UP007 - built at run time


class _AugmentSpace(BaseModel):
    """Changes of images, each a value or a domain."""

    model_config = _STRICT

    def fields(self, field: str) -> dict[str, Any]:
        """Return the settings that are fixed, and each domain under a dotted name of its own."""
        settings = {name: _plain(value) for name, value in self}
        searched = {name: value for name, value in settings.items() if isinstance(value, Domain)}
        fixed = {name: value for name, value in settings.items() if name not in searched}
        return {field: fixed, **{f"{field}.{name}": domain for name, domain in searched.items()}}


def _augment_type() -> Any:
    """Return the type of what a recipe says is done to images; its settings can be searched one by one."""
    fields: dict[str, Any] = {
        name: (_value_or_domain(name, info, None), Field(default=info.default, description=info.description))
        for name, info in Augmentation.model_fields.items()
    }
    space = create_model("AugmentSpace", __base__=_AugmentSpace, __doc__=Augmentation.__doc__, **fields)
    kinds = Annotated[Nothing, Tag("<name>")] | Annotated[space, Tag("<settings>")]
    return Annotated[kinds, Discriminator(name_or_settings)]


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
    fields["parameters"] = (dict[ParameterName, PlainValues] | None, None)
    doc = "Recipe fields with a list of values each: one arm is made for every combination."
    return create_model("ForEach", __doc__=doc, __config__=_STRICT, **fields)


ArmSpace: Any = create_model(
    "ArmSpace",
    __doc__="One arm's own recipe fields; with `for_each`, a template of several arms.",
    __base__=RecipeSpace,
    for_each=(_for_each_model() | None, None),
    parameters=(
        Parameters | None,
        Field(default=None, description="Of a program (`trial`), in place of recipe fields."),
    ),
    start=(
        list[Annotated[dict[str, Any], Field(min_length=1)]],
        Field(
            default=[],
            description="Points to try first, as many in every arm that searches; they count as trials. What "
            "a point leaves out is chosen by the sampler.",
        ),
    ),
)


def given_fields(space: BaseModel | None) -> dict[str, Any]:
    """Return the fields that were given, in the order of the recipe: values plain, domains as objects."""
    if space is None:
        return {}
    names = [name for name in Configuration.model_fields if name in space.model_fields_set]
    fields: dict[str, Any] = {}
    for name in names:
        value = getattr(space, name)
        if value is not None:
            is_space = isinstance(value, ImportedSpace | _AugmentSpace)
            fields |= value.fields(name) if is_space else {name: _plain(value)}
    return fields


def _plain(value: Any) -> Any:
    match value:
        case list():
            return [_plain(item) for item in value]
        case OneOf():
            return OneOf(one_of={n: branch and given_fields(branch) for n, branch in value.one_of.items()})
        case Domain():
            return as_domain({**value.as_written, **{f: _plain(v) for f, v in value if isinstance(v, list)}})
        case BaseModel():
            return value.model_dump(mode="json")
        case _:
            return value
