"""What a recipe names of a user's own code: `{import: "package.module:name", setting: value, ...}`.

What is checked here is text alone: nothing is looked for, and nothing imported. `harness.code` does both.
A setting of its own that an arm searches is a field of the arm's space, such as `optimizer.weight_decay`.
"""

import json
import keyword
import math
import re
import sys
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    WithJsonSchema,
    model_serializer,
    model_validator,
)

IMPORT = "import"
"""The key that tells a named thing from a value; no setting can be called so."""

GIVEN: dict[str, tuple[str, ...]] = {
    "model": ("input_shape", "n_outputs"),
    "optimizer": ("params", "lr"),
    "dataset": ("part",),
    "loss": ("outputs", "targets"),
    "augment": ("inputs", "generator"),
    "metrics": ("outputs", "targets"),
}
"""From a field to the arguments that the harness gives what the field names: no settings of a study file."""

_WORD = r"[A-Za-z_][A-Za-z0-9_]*"
_REFERENCE = re.compile(rf"{_WORD}(?:\.{_WORD})*:{_WORD}(?:\.{_WORD})*")
_SHAPE = 'Remedy: "package.module:name", the module below the folder of the study file, or installed'


def checked_reference(text: str) -> str:
    """Return a reference that has the form `package.module:name`.

    Raises:
        ValueError: It has not.
    """
    if any(mark in text for mark in ("/", "\\", "..")) or text.partition(":")[0].endswith(".py"):
        raise ValueError(f"{text!r} is a path, and code is named by its module. {_SHAPE}")
    if not _REFERENCE.fullmatch(text):
        raise ValueError(f"{text!r} names no module and nothing in it. {_SHAPE}")
    if word := next((word for word in re.split("[.:]", text) if keyword.iskeyword(word)), None):
        raise ValueError(f"{text!r} cannot be imported: {word} is a word of Python's. {_SHAPE}")
    if (top := re.split("[.:]", text)[0]) in {*sys.stdlib_module_names, "__main__"}:
        raise ValueError(
            f"{text!r}: {top} is Python's own, and makes nothing that a study trains with. {_SHAPE}"
        )
    return text


Reference = Annotated[
    str,
    AfterValidator(checked_reference),
    WithJsonSchema({"type": "string", "pattern": f"^{_REFERENCE.pattern}$"}),
]


class Imported(BaseModel):
    """Something of the user's own: what makes it, and the settings it is made with."""

    model_config = ConfigDict(extra="allow", frozen=True, strict=True)

    reference: Reference = Field(alias=IMPORT)
    """`package.module:name` of a callable."""

    @property
    def settings(self) -> dict[str, Any]:
        """The settings by their names, in the order of the study file."""
        return dict(self.model_extra or {})

    @model_validator(mode="after")
    def _settings_are_plain(self) -> Self:
        for name, value in self.settings.items():
            checked_setting(name, value)
        return self

    @model_serializer(mode="plain")
    def _as_written(self) -> dict[str, Any]:
        return {IMPORT: self.reference, **self.settings}


def checked_setting(name: str, value: Any) -> None:
    """Refuse a setting that no argument can have, or that no record can hold.

    Raises:
        ValueError: The name is no word of Python's, or a number is not finite or too large.
    """
    if not name.isidentifier() or keyword.iskeyword(name):
        raise ValueError(f"{name!r} cannot be the name of a setting: letters, digits and _, no digit first")
    for part in _parts(value):
        if isinstance(part, float) and not math.isfinite(part):
            raise ValueError(f"{name} must be finite, but is {part}")
        if isinstance(part, int):
            recordable(part)


def recordable(number: float) -> float:
    """Return a number that a column of a table can hold.

    Raises:
        ValueError: It is a whole number of more than 64 bits.
    """
    if isinstance(number, int) and not -(2**63) <= number < 2**63:
        raise ValueError(f"a whole number lies between -2^63 and 2^63 - 1, but this is {number}")
    return number


def _parts(value: Any) -> Iterator[Any]:
    yield value
    inner = value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
    for part in inner:
        yield from _parts(part)


DATA_PREFIX = "import:"
"""What stands before the reference in the name of a data set that the user's code loads."""


def data_name(reference: str, settings: Mapping[str, Any]) -> str:
    """Return what a recipe calls a data set that the user's code loads: one word, as every data set has."""
    given = json.dumps(dict(settings), sort_keys=True) if settings else ""
    return f"{DATA_PREFIX}{reference}{given}"


def imported_data(name: str) -> Imported | None:
    """Return what loads a data set; None for one that has another name.

    Raises:
        ValueError: The name is no reference with settings as JSON.
    """
    if not name.startswith(DATA_PREFIX):
        return None
    reference, brace, rest = name.removeprefix(DATA_PREFIX).partition("{")
    settings = json.loads(brace + rest) if brace else {}
    return Imported.model_validate({IMPORT: checked_reference(reference), **settings})


def is_imported(value: Any) -> bool:
    """Whether a recipe's value is something that the user's code makes."""
    return isinstance(value, Imported) or (isinstance(value, Mapping) and IMPORT in value)


def reference_of(value: Any) -> str:
    """Return the reference of what is imported."""
    return value.reference if isinstance(value, Imported) else str(value[IMPORT])


def nested(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return a recipe's values with the settings of dotted fields in what they are settings of."""
    plain = {field: value for field, value in values.items() if "." not in field}
    for field, value in values.items():
        owner, dot, setting = field.partition(".")
        if dot:
            plain[owner] = {**plain[owner], setting: value}
    return plain


def value_at(configuration: Mapping[str, Any], field: str) -> Any:
    """Return the value of a field, also of a dotted one; None where the configuration has none."""
    value: Any = configuration
    for part in field.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return value


def merged(*layers: Mapping[str, Any]) -> dict[str, Any]:
    """Return recipe fields of which a later layer replaces a field with all settings it had before."""
    fields: dict[str, Any] = {}
    for layer in layers:
        owners = {field.partition(".")[0] for field in layer}
        fields = {
            field: value
            for field, value in fields.items()
            if field.partition(".")[0] not in owners or field in layer
        }
        fields |= layer
    return fields
