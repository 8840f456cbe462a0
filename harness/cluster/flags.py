"""The flags of `harness.submit` that stand for settings: one for each field of a target's settings."""

import argparse
from typing import Any, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

_METAVARS = {
    "address": "http://HOST:PORT",
    "image": "IMAGE",
    "mem": "16G",
    "namespace": "NAMESPACE",
    "python": "PATH",
    "setup": "LINE",
    "storage": "pvc:NAME|URI",
    "time": "04:00:00",
    "worker_memory": "8Gi",
    "working_dir": "DIR",
}
"""Where the field's name alone does not show what a value looks like."""


def add_flags(parser: argparse.ArgumentParser, settings: type[BaseModel]) -> None:
    """Add a flag for every field; one that holds a list or a mapping may be repeated."""
    group = parser.add_argument_group(
        "settings", "over those of the study, which are over the site profile's"
    )
    for name, field in settings.model_fields.items():
        kind = _kind(field)
        flag = "--" + name.replace("_", "-")
        text = (field.description or "").replace("%", "%%")
        described: dict[str, Any] = {"dest": f"flag.{name}", "help": text}
        if kind is list:
            group.add_argument(
                flag.removesuffix("s"), action="append", metavar=_metavar(name, "ARG"), **described
            )
        elif kind is dict:
            group.add_argument(flag, action="append", metavar="KEY=VALUE", type=_pair, **described)
        elif choices := _choices(field):
            group.add_argument(flag, choices=choices, **described)
        else:
            group.add_argument(
                flag,
                metavar=_metavar(name, "N" if kind in {int, float} else name.upper()),
                type=kind if kind in {int, float} else str,
                **described,
            )


def given(options: argparse.Namespace) -> dict[str, Any]:
    """Return the settings that flags gave: field to value."""
    values = {
        name.removeprefix("flag."): value
        for name, value in vars(options).items()
        if name.startswith("flag.") and value is not None
    }
    return {name: dict(value) if _is_pairs(value) else value for name, value in values.items()}


def _kind(field: FieldInfo) -> type:
    """Return what a flag's text is turned into; text where a field takes both numbers and text."""
    inner = [kind for kind in _members(field.annotation) if kind is not type(None)]
    return inner[0] if len(inner) == 1 and isinstance(inner[0], type) else str


def _members(annotation: Any) -> list[Any]:
    """Return the alternatives of a type: unions opened, annotations dropped, containers without contents."""
    if hasattr(annotation, "__metadata__"):
        return _members(annotation.__origin__)
    origin = get_origin(annotation)
    if origin in {list, dict}:
        return [origin]
    parts = [member for part in get_args(annotation) for member in _members(part)]
    return list(dict.fromkeys(parts)) or [annotation]


def _choices(field: FieldInfo) -> list[str]:
    return [member for member in _members(field.annotation) if isinstance(member, str)]


def _metavar(name: str, otherwise: str) -> str:
    return _METAVARS.get(name, otherwise)


def _pair(text: str) -> tuple[str, str]:
    key, separator, value = text.partition("=")
    if not separator or not key:
        raise argparse.ArgumentTypeError(f"must have the form KEY=VALUE, but is {text!r}")
    return key, value


def _is_pairs(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and isinstance(value[0], tuple)
