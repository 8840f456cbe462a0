"""Our words for what pydantic finds wrong with a study file."""

import re
from collections.abc import Iterator, Mapping
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel

from harness.errors import nearest
from harness.recipe.imported import Imported
from harness.study.domains import Domain
from harness.study.file import StudyFile
from harness.study.reading.source import Path
from harness.study.space_models import ImportedSpace, Setting

_WORDED = {
    "missing": "this field is required",
    "greater_than": "must be above {gt}, but is {input}",
    "greater_than_equal": "must be at least {ge}, but is {input}",
    "less_than": "must be below {lt}, but is {input}",
    "less_than_equal": "must be at most {le}, but is {input}",
    "int_type": "must be a whole number, but is {input}",
    "float_type": "must be a number, but is {input}",
    "bool_type": "must be true or false, but is {input}",
    "string_type": "must be text, but is {input}",
    "list_type": "must be a list, but is {input}",
    "union_tag_not_found": "must have {discriminator}, but is {input}",
    "dict_type": "must be a mapping, but is {input}",
    "model_type": "must be a mapping, but is {input}",
    "model_attributes_type": "must be a mapping, but is {input}",
    "too_short": "must have at least {min_length} {entries}",
    "too_long": "must have at most {max_length} entries, but is {input}",
    "string_too_short": "must not be empty",
    "string_too_long": "must have at most {max_length} characters, but is {input}",
    "string_pattern_mismatch": "takes letters, digits, _ and - only, a letter or digit first, but is {input}",
    "string_unicode": "must be text, but holds half of a character: {input}",
    "finite_number": "must be a finite number, but is {input}",
}
"""Our words for pydantic's error types; a test finds those that our models can produce."""

WORDED = {*_WORDED, "extra_forbidden", "literal_error", "union_tag_invalid", "value_error"}
"""Every error type that `message` has words for; any other would keep pydantic's."""

_AS_YAML = {"True": "true", "False": "false", "None": "null"}
"""What a study file says where pydantic tells a tag in Python's words."""

_OF_ONE_VALUE = {"int_type", "float_type", "bool_type", "string_type", "literal_error"}
"""Error types of fields that take no list and no mapping."""

_BESIDE_PARAMETERS = ("parameters", "for_each", "start")
"""Fields of an arm of a program; its `for_each` has the first alone."""

_LONGEST_VALUE = 80
"""Characters of a value in a message."""


def message(
    item: Mapping[str, Any], path: Path, root: type[BaseModel] = StudyFile, *, of_program: bool = False
) -> str:
    """Return what one of pydantic's errors means for the writer of a study file.

    Args:
        item: An entry of `ValidationError.errors()`.
        path: The place in the document.
        root: The model of the whole document.
        of_program: Whether the document is a study of a program, whose arms have parameters.
    """
    kind, context, given = item["type"], item.get("ctx", {}), _as_written(item["input"])
    match kind:
        case "extra_forbidden":
            is_parameter = of_program and _is_of_an_entry(path)
            fields = () if is_parameter else _fields_here(path[:-1], item["loc"], root)
            hint = _beside_parameters(path) if is_parameter else nearest(str(path[-1]), fields)
            return f"unknown field. {hint}"
        case "literal_error":
            names = nearest(str(item["input"])[:99], _quoted(context["expected"]))
            settings = _or_settings(path, item["loc"], root)
            return f"{given} is not known. {names}{settings}{_as_domain(kind, item)}"
        case "union_tag_invalid":
            return _wrong_kind(context["tag"], _quoted(context["expected_tags"]))
        case "value_error":
            return str(context["error"])
        case _ if kind in _WORDED:
            entries = "entry" if context.get("min_length") == 1 else "entries"
            told = _WORDED[kind].format(**{**context, "input": given, "entries": entries})
            return told + _as_domain(kind, item)
        case _:
            return f"{item['msg']}, but is {given}"


def _is_of_an_entry(path: Path) -> bool:
    """Whether a field stands in an entry below `arms`, or in its `for_each`."""
    return path[:1] == ("arms",) and (len(path) == 3 or (len(path) == 4 and path[2] == "for_each"))


def _beside_parameters(path: Path) -> str:
    """Return which fields are valid there; and where a parameter stands, unless one of these is meant."""
    fields = _BESIDE_PARAMETERS if len(path) == 3 else _BESIDE_PARAMETERS[:1]
    hint = nearest(str(path[-1]), fields)
    if hint != nearest("", fields):
        return hint
    return f"{hint}. Remedy for a parameter: parameters: {{{path[-1]}: ...}}"


def _as_domain(kind: str, item: Mapping[str, Any]) -> str:
    """Return how several values are written, where a list or a mapping that is no domain stands for one."""
    is_one_value = kind in _OF_ONE_VALUE and item["loc"][-1] == "<value>"
    if not is_one_value or not isinstance(item["input"], list | Mapping):
        return ""
    ranges = "{low: ..., high: ...} or " if kind in {"int_type", "float_type"} else ""
    return f". Remedy for several values: {ranges}{{choices: [...]}}"


def _as_written(value: Any) -> str:
    """Return a value as YAML writes it, the middle of a long one left out."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    text = repr(value)
    if len(text) <= _LONGEST_VALUE:
        return text
    half = _LONGEST_VALUE // 2 - 2
    return f"{text[:half]}...{text[-half:]}"


def _wrong_kind(tag: str, expected: list[str]) -> str:
    """Word a tag that is none of those expected: our own ones tell kinds of values, others are names."""
    if not tag.startswith("<"):
        written = _AS_YAML.get(tag, repr(tag))
        return f"{written} is not known. {nearest(tag, expected)}"
    return f"this field takes no {tag.strip('<>')}. Valid: {', '.join(kind.strip('<>') for kind in expected)}"


def _quoted(text: str) -> list[str]:
    return re.findall(r"'([^']*)'", text)


def _models_at(path: Path, root: type[BaseModel]) -> list[type[BaseModel]]:
    """Return the models that a mapping at this place of a document may be."""
    kinds: list[Any] = [root]
    for part in path:
        kinds = [inner for kind in kinds for inner in _step(kind, part)]
    return [kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)]


def _fields_here(path: Path, loc: tuple[str | int, ...], root: type[BaseModel]) -> list[str]:
    """Return the fields a mapping may have; where its kind is told, those of that kind alone."""
    models = _models_at(path, root)
    if "<value>" in loc:
        models = [kind for kind in models if not issubclass(kind, Domain | ImportedSpace | Imported)]
    kinds = [kind for kind in models if str(_own_name(kind)) in loc] or models
    return list(dict.fromkeys(name for kind in kinds for name in kind.model_fields))


def _or_settings(path: Path, loc: tuple[str | int, ...], root: type[BaseModel]) -> str:
    """Return what a field takes besides names: a mapping of which fields, nothing where it takes none."""
    fields = _fields_here(path, loc, root) if "<name>" in loc else ()
    return f"; or a mapping of {', '.join(fields)}" if fields else ""


def _own_name(kind: type[BaseModel]) -> str | None:
    """Return the only name a model of several with a `name` can have."""
    names = get_args(kind.model_fields["name"].annotation) if "name" in kind.model_fields else ()
    return str(names[0]) if len(names) == 1 else None


def _step(kind: Any, part: str | int) -> Iterator[Any]:
    """Yield the types found below one key or list position of a value of this type."""
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        if part in kind.model_fields:
            yield from _members(kind.model_fields[str(part)].annotation)
        elif issubclass(kind, ImportedSpace):
            yield from _members(Setting)
    elif get_origin(kind) in {list, dict}:
        yield from _members(get_args(kind)[-1])


def _members(kind: Any) -> Iterator[Any]:
    """Yield the alternatives of a type, unions opened and annotations dropped."""
    if get_origin(kind) is Annotated:
        yield from _members(get_args(kind)[0])
    elif get_origin(kind) in {Union, UnionType}:
        for member in get_args(kind):
            yield from _members(member)
    else:
        yield kind
