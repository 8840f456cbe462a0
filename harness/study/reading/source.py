"""YAML as data: plain values, the line of every one of them, and nothing executed.

YAML 1.2 rules: `1e-4` is a number, `no` is a string. Duplicate keys, tags and aliases that loop are problems.
"""

from dataclasses import dataclass, field
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, SequenceNode

from harness.study.reading.problems import Problem

Path = tuple[str | int, ...]
"""Where a value stands in the document: keys and list positions from the top."""

_PLAIN_TAGS = {f"tag:yaml.org,2002:{kind}" for kind in ("null", "bool", "int", "float", "str", "map", "seq")}


@dataclass
class Source:
    """Hold a study file's values and where each was written."""

    name: str
    """What messages call the file."""
    data: Any
    """Dicts, lists and scalars only."""
    lines: dict[Path, int] = field(default_factory=dict)
    """Line (from 1) of each key or list entry."""
    overrides: dict[Path, str] = field(default_factory=dict)
    """The `--set` argument behind each overridden path."""
    problems: list[Problem] = field(default_factory=list)

    def place(self, path: Path) -> str:
        """Return `file:line` of a path, or the `--set` argument that gave it; of its parent where unknown."""
        for length in range(len(path), -1, -1):
            prefix = path[:length]
            if prefix in self.overrides:
                return f"--set {self.overrides[prefix]}"
            if prefix in self.lines:
                return f"{self.name}:{self.lines[prefix]}"
        return self.name

    def report(self, path: Path, message: str) -> None:
        """Note a problem at a path."""
        self.problems.append(Problem(place=self.place(path), path=path, message=message))


def read_source(text: str, name: str) -> Source:
    """Read YAML text; what is wrong with it is noted in the source's `problems`.

    Args:
        text: The file's content.
        name: What messages call the file.
    """
    source = Source(name=name, data=None)
    yaml = YAML(typ="safe", pure=True)
    try:
        root = yaml.compose(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        source.lines[()] = mark.line + 1 if mark else 1
        source.report((), f"not valid YAML: {error.problem or error.context}")
        return source
    except YAMLError as error:
        source.report((), f"not valid YAML: {error}")
        return source
    source.lines[()] = 1
    source.data = None if root is None else _Reader(yaml, source).read(root, ())
    return source


def set_value(source: Source, argument: str) -> None:
    """Apply one `--set key.subkey=value`; the value is YAML, mappings on the way are made as needed."""
    dotted, separator, text = argument.partition("=")
    if not separator or not dotted:
        source.problems.append(Problem(f"--set {argument}", (), "not of the form key.subkey=value"))
        return
    value = read_source(text, f"--set {argument}")
    if value.problems:
        source.problems.extend(value.problems)
        return
    path = tuple(int(part) if part.isdigit() else part for part in dotted.split("."))
    node = source.data
    for depth, part in enumerate(path[:-1]):
        child = _child(node, part)
        if child is None and isinstance(node, dict):
            child = node[part] = {}
        node = child
        if not isinstance(node, dict | list):
            where = ".".join(str(p) for p in path[: depth + 1])
            source.problems.append(Problem(f"--set {argument}", path, f"{where} has nothing below it to set"))
            return
    last = path[-1]
    if isinstance(node, dict) or (isinstance(node, list) and isinstance(last, int) and last < len(node)):
        node[last] = value.data  # type: ignore[index]
        source.overrides[path] = argument
    else:
        source.problems.append(Problem(f"--set {argument}", path, f"the list has no entry {last!r} to set"))


def _child(node: Any, part: str | int) -> Any:
    if isinstance(node, dict):
        return node.get(part)
    if isinstance(node, list) and isinstance(part, int) and part < len(node):
        return node[part]
    return None


class _Reader:
    """Turn YAML nodes into plain values while noting lines and problems."""

    def __init__(self, yaml: YAML, source: Source) -> None:
        self._constructor = yaml.constructor
        self._source = source
        self._open: set[int] = set()

    def read(self, node: Node, path: Path) -> Any:
        """Return the node's plain value; anything else is a problem and reads as None."""
        if str(node.tag) not in _PLAIN_TAGS:
            self._source.report(path, f"the tag {node.tag} is not allowed: a study file is plain data")
            return None
        if id(node) in self._open:
            self._source.report(path, "this alias contains itself")
            return None
        self._open.add(id(node))
        try:
            return self._read_plain(node, path)
        finally:
            self._open.remove(id(node))

    def _read_plain(self, node: Node, path: Path) -> Any:
        if isinstance(node, MappingNode):
            return self._read_mapping(node, path)
        if isinstance(node, SequenceNode):
            return [self._read_entry(child, (*path, i)) for i, child in enumerate(node.value)]
        return self._constructor.construct_object(node)

    def _read_entry(self, node: Node, path: Path) -> Any:
        self._source.lines[path] = node.start_mark.line + 1
        return self.read(node, path)

    def _read_mapping(self, node: MappingNode, path: Path) -> dict[Any, Any]:
        result: dict[Any, Any] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            key = self.read(key_node, path)
            if not isinstance(key, str | int | float | bool):
                self._source.lines[path] = line
                self._source.report(path, f"the key {key!r} is not a plain word")
                continue
            here = (*path, key if isinstance(key, str | int) else str(key))
            if key in result:
                first = self._source.lines[here]
                self._source.lines[here] = line
                self._source.report(here, f"the key {key!r} was already given on line {first}")
                continue
            self._source.lines[here] = line
            result[key] = self.read(value_node, here)
        return result
