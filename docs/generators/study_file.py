"""The reference page of study files: every section and field, from the models that parse them."""

import json
from collections import deque
from typing import Any

from harness.recipe.configuration import Configuration
from harness.recipe.dependents import READERS
from harness.recipe.imported import IMPORT
from harness.study.file import StudyFile

_HEAD = """# The study file

Every section and field, with its values, its default and what it means; made from the models that parse
study files. Fields in **bold** must be given, those of a recipe by it or by each arm (in place of `epochs`
also `steps`). `recipe-harness studies` lists the shipped study files. An editor that reads
`search_spaces/study.schema.json` completes and checks yours.

## A value or a domain

Each field of `recipe` and of an arm is a value, or a domain that is searched:

| domain | means |
|:---|:---|
| `{low: 1e-4, high: 1e-1, log: true}`, with `step: 2` | a range |
| `{choices: [16, 64]}` | one of these |
| `{grid: [0.1, 0.01]}` | each of these, with `sampler: grid` |
| `{one_of: {sgd: {momentum: 0.9}, adam: {}}}` | one of these, each with fields of its own |
| `{import: "package.module:name", setting: 3}` | [your own code](../how_to/imports.md), where it may |
"""

_RECIPES = ("RecipeSpace", "BranchSpace")
_ARM, _EACH = "ArmSpace", "ForEach"
_SPACES = {
    "ParameterChoices": "",
    "ParameterGrid": "",
    "ParameterOneOf": "",
    "ParameterRange": "a domain",
    "Imported": '`{import: "package.module:name", ...}`',
    "DatasetImport": '`{import: "package.module:name", ...}`',
    _EACH: "lists of recipe fields or parameters",
}
"""What stands for models that need no section of their own."""

Schema = dict[str, Any]


def page() -> str:
    """Return the page as Markdown."""
    return "\n".join([_HEAD, *_sections(), *_choices()])


def _sections() -> list[str]:
    """Return the sections breadth first, each model where it is first met."""
    whole = StudyFile.model_json_schema()
    recipe = Configuration.model_json_schema()
    models = {**whole["$defs"], **recipe["$defs"], "RecipeSpace": recipe}
    models[_ARM] = _without(models[_ARM], recipe)
    waiting = deque([("", whole)])
    placed: dict[str, str] = {"BranchSpace": "recipe"}
    sections = []
    while waiting:
        path, schema = waiting.popleft()
        for name, field in schema.get("properties", {}).items():
            for model in _models_of(field):
                if model not in placed and model not in _SPACES:
                    inner = ".".join([*path.split(".")] * bool(path) + [name])
                    placed[model] = _with_name(inner, models[model])
                    waiting.append((inner, models[model]))
        sections.append((path, schema))
    names = {id(models[model]): place for model, place in placed.items()}
    return [_section(names.get(id(schema), path), schema, placed) for path, schema in sections]


def _without(arm: Schema, recipe: Schema) -> Schema:
    """Return an arm's model without the recipe's fields."""
    own = {name: field for name, field in arm["properties"].items() if name not in recipe["properties"]}
    text = "Any field of `recipe`, which takes precedence over the shared one, and:"
    return {**arm, "properties": own, "description": text}


def _with_name(path: str, schema: Schema) -> str:
    """Return the place of a model, with the name that chooses it."""
    name = schema.get("properties", {}).get("name", {}).get("const")
    return f"{path}: {{name: {name}}}" if name else path


def _models_of(field: Schema) -> list[str]:
    """Return the names of the models that a field's schema refers to, in order."""
    if "$ref" in field:
        return [field["$ref"].rsplit("/", 1)[1]]
    inner = [*field.get("anyOf", []), *field.get("oneOf", [])]
    inner += [field["items"]] if "items" in field else []
    inner += [*field.get("patternProperties", {}).values()]
    inner += [field["additionalProperties"]] if isinstance(field.get("additionalProperties"), dict) else []
    return [model for part in inner for model in _models_of(part)]


def _section(place: str, schema: Schema, placed: dict[str, str]) -> str:
    head = f"({_anchor(place)})=\n## `{place}`" if place else "(top)=\n## The file"
    rows = [_row(name, field, schema, placed) for name, field in schema.get("properties", {}).items()]
    table = "\n".join(["| field | values | means |", "|:---|:---|:---|", *rows])
    return f"{head}\n\n{_cell(schema.get('description', ''), joined=False)}\n\n{table}\n"


def _row(name: str, field: Schema, schema: Schema, placed: dict[str, str]) -> str:
    is_needed = name in schema.get("required", [])
    shown = f"**`{name}`**" if is_needed else f"`{name}`"
    default = field.get("default")
    is_plain = default not in (None, [], {}, "") and not isinstance(default, dict)
    left_out = f"; `{json.dumps(default)}` if left out".replace('"', "") if is_plain else ""
    return f"| {shown} | {_cell(_values(field, placed) + left_out)} | {_cell(field.get('description', ''))} |"


def _cell(text: str, *, joined: bool = True) -> str:
    return (" ".join(text.split()) if joined else text).replace("|", "\\|")


def _anchor(place: str) -> str:
    return "study-" + "".join(letter if letter.isalnum() else "-" for letter in place).strip("-")


def _values(field: Schema, placed: dict[str, str]) -> str:
    """Say which values a field takes."""
    if "$ref" in field:
        model = field["$ref"].rsplit("/", 1)[1]
        return _SPACES[model] if model in _SPACES else f"[`{placed[model]}`](#{_anchor(placed[model])})"
    if several := field.get("anyOf") or field.get("oneOf"):
        kinds = [_values(part, placed) for part in several if part.get("type") != "null"]
        return " or ".join(dict.fromkeys(kind for kind in kinds if kind))
    if listed := field.get("enum") or [field[word] for word in ("const",) if word in field]:
        return ", ".join(f"`{json.dumps(value)}`".replace('"', "") for value in listed)
    if field.get("type") in {"array", "object"}:
        return _collection(field, placed)
    words = {"string": "text", "integer": "whole number", "number": "number", "boolean": "`true` or `false`"}
    return words.get(field.get("type", ""), "a value") + _pattern(field.get("pattern", "")) + _bounds(field)


def _collection(field: Schema, placed: dict[str, str]) -> str:
    """Say what a list or a mapping holds."""
    if field["type"] == "array":
        least = f", at least {field['minItems']}" if field.get("minItems", 0) > 1 else ""
        return f"a list of {_values(field['items'], placed)}{least}"
    inner = [*field.get("patternProperties", {}).values(), field.get("additionalProperties")]
    kinds = [_values(part, placed) for part in inner if isinstance(part, dict)]
    return "names, each with " + (" or ".join(filter(None, kinds)) or "values")


def _pattern(pattern: str) -> str:
    """Say which text fits, where that is short."""
    if pattern.startswith("^(") and pattern.endswith(")"):
        return " that begins with " + ", ".join(f"`{begin}`" for begin in pattern[2:-1].split("|"))
    return f" like `{pattern}`" if 0 < len(pattern) < 50 else ""


def _bounds(field: Schema) -> str:
    words = {
        "minimum": "at least",
        "exclusiveMinimum": "above",
        "maximum": "at most",
        "exclusiveMaximum": "below",
    }
    told = [
        f"{word} {field[rule]:,}"
        for rule, word in words.items()
        if rule in field and abs(field[rule]) < 2**62
    ]
    return " " + " and ".join(told) if told else ""


def _choices() -> list[str]:
    """Return a table for each field whose choice decides which others are read, with their defaults."""
    parts = [
        "## Which choice reads which fields",
        "",
        "A field that no choice reads is refused. Defaults are those of the choice.",
        "",
    ]
    for field, choices in READERS.items():
        rows = [
            f"| `{'import' if name == IMPORT else name}` | "
            + (", ".join(f"`{own}`{_given(default)}" for own, default in fields.items()) or "nothing more")
            + " |"
            for name, fields in choices.items()
        ]
        parts += [f"### `{field}` is", "", "| choice | reads |", "|:---|:---|", *rows, ""]
    return parts


def _given(default: object) -> str:
    return " (must be given)" if default is None else f" ({json.dumps(default)})".replace('"', "")
