"""The `--set` arguments: dotted keys and values, applied to what was read before anything is checked."""

from collections.abc import Sequence
from typing import Any, cast

from harness.errors import nearest
from harness.study.reading.problems import Problem
from harness.study.reading.source import DEEPEST, SET, TOO_DEEP, Path, Source, read_source

_MOST_DIGITS = 9
"""Of a position in a list."""


def set_value(source: Source, argument: str) -> None:
    """Apply one `--set key.subkey=value`; the value is YAML, mappings on the way are made as needed."""
    dotted, separator, text = argument.partition("=")
    if not separator or not dotted:
        source.problems.append(Problem(f"{SET} {argument}", (), "not of the form key.subkey=value"))
        return
    value = read_source(text, f"{SET} {argument}")
    *parents, last = dotted.split(".")
    if len(parents) >= DEEPEST:
        source.problems.append(Problem(f"{SET} {argument}", (), TOO_DEEP))
        return
    if unknown := _unknown_arm(source, parents):
        source.problems.append(Problem(f"{SET} {argument}", tuple(parents[:2]), unknown))
        return
    node, path = _below(source, parents)
    if not isinstance(node, dict | list):
        where = ".".join(str(part) for part in path)
        hint = f"{where} has nothing below it to set, it is {node!r}. Remedy: --set {where}=... as a whole"
        source.problems.append(Problem(value.name, path, hint))
        return
    key = _key(node, last)
    if key is None:
        source.problems.append(Problem(value.name, (*path, last), f"the list has no entry {last!r} to set"))
        return
    path = (*path, key)
    for problem in value.problems:
        source.problems.append(Problem(value.name, (*path, *problem.path), problem.message))
    if _child(node, key) is None:
        source.added.add(path)
    node[key] = value.data  # type: ignore[index]
    _replace_lines(source, path, argument)


def _unknown_arm(source: Source, parents: Sequence[str]) -> str | None:
    """Return that the arm of which a dotted key sets a field is not there: it would be made of that alone."""
    arms = source.at(("arms",))
    if parents[:1] != ["arms"] or len(parents) == 1 or not isinstance(arms, dict) or parents[1] in arms:
        return None
    name = parents[1]
    return f"there is no arm {name!r}. {nearest(name, arms)}. Remedy for a new one: --set arms.{name}={{...}}"


def _below(source: Source, parts: Sequence[str]) -> tuple[Any, Path]:
    """Return what stands below the parts of a dotted key, and its path; mappings are made as needed."""
    node, path = source.data, cast("Path", ())
    for part in parts:
        if not isinstance(node, dict | list):
            break
        key = _key(node, part)
        path = (*path, part if key is None else key)
        if isinstance(node, dict) and node.get(key) is None:
            node[key] = {}
        node = None if key is None else node[key]
    return node, path


def _key(node: dict[str, Any] | list[Any], part: str) -> str | int | None:
    """Return what a part of a dotted key means at its place: a name, or a position that a list has."""
    if isinstance(node, dict):
        return part
    has_entry = part.isascii() and part.isdigit() and len(part) < _MOST_DIGITS and int(part) < len(node)
    return int(part) if has_entry else None


def _child(node: dict[str, Any] | list[Any], key: str | int) -> Any:
    if isinstance(node, dict):
        return node.get(str(key))
    return node[key] if isinstance(key, int) else None


def _replace_lines(source: Source, path: Path, argument: str) -> None:
    """Let an argument be the place of a path and of all below it; tell earlier ones that it undoes."""
    for below in [other for other in source.lines if other[: len(path)] == path]:
        del source.lines[below]
    for below in [other for other in source.overrides if other[: len(path)] == path]:
        earlier = source.overrides.pop(below)
        if earlier != argument:
            message = f"{SET} {argument} comes later and replaces it. Remedy: leave one of them out"
            source.problems.append(Problem(f"{SET} {earlier}", below, message))
    source.overrides[path] = argument
