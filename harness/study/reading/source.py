"""YAML as data: plain values, the line of every one of them, and nothing executed.

YAML 1.2 rules: `1e-4` is a number, `no` is a string. Duplicate keys, tags and aliases that loop are problems.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from ruamel.yaml.reader import ReaderError

from harness.study.reading.problems import Problem

Path = tuple[str | int, ...]
"""Where a value stands in the document: keys and list positions from the top."""

SET = "--set"
"""What the place of an override's problem begins with."""

_STANDARD = "tag:yaml.org,2002:"
_PLAIN_TAGS = {f"{_STANDARD}{kind}" for kind in ("null", "bool", "int", "float", "str", "map", "seq")}
_MERGE = f"{_STANDARD}merge"
_READ_AS = {f"{_STANDARD}timestamp": "a date", f"{_STANDARD}value": "a key of YAML's own"}
"""What YAML takes a plain word for, without a tag being written."""

_MOST_DIGITS = 9
"""Of a position in a list."""
_MOST_VALUES = 100_000
"""Of a whole file: aliases of aliases can multiply a few lines without end."""


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
    added: set[Path] = field(default_factory=set)
    """The overridden paths that held nothing before."""
    problems: list[Problem] = field(default_factory=list)

    def place(self, path: Path) -> str:
        """Return `file:line` of a path, or the `--set` argument that gave it; of its parent where unknown."""
        for length in range(len(path), -1, -1):
            prefix = path[:length]
            if prefix in self.overrides:
                return f"{SET} {self.overrides[prefix]}"
            if prefix in self.lines:
                return f"{self.name}:{self.lines[prefix]}"
        return self.name

    def report(self, path: Path, message: str) -> None:
        """Note a problem at a path."""
        value = self._written_at(path)
        self.problems.append(Problem(place=self.place(path), path=path, message=message, value=value))

    def _written_at(self, path: Path) -> str | None:
        """Return the single value that stands at a path, as JSON; None where there is none."""
        node = self.data
        for part in path:
            if isinstance(node, dict) or (isinstance(node, list) and part in range(len(node))):
                node = node.get(part, {}) if isinstance(node, dict) else node[cast("int", part)]
            else:
                return None
        return None if isinstance(node, dict | list) else json.dumps(node, default=str)


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
    except ReaderError as error:
        source.lines[()] = text.count("\n", 0, error.position) + 1
        character = repr(text[error.position : error.position + 1])
        source.report((), f"not valid YAML: holds the character {character}, which no text has")
        return source
    except YAMLError as error:
        source.report((), f"not valid YAML: {error}")
        return source
    except RecursionError:
        source.report((), "nested too deeply to be a study")
        return source
    source.lines[()] = 1
    source.data = None if root is None else _Reader(yaml, source).read(root, ())
    return source


def set_value(source: Source, argument: str) -> None:
    """Apply one `--set key.subkey=value`; the value is YAML, mappings on the way are made as needed."""
    dotted, separator, text = argument.partition("=")
    if not separator or not dotted:
        source.problems.append(Problem(f"{SET} {argument}", (), "not of the form key.subkey=value"))
        return
    value = read_source(text, f"{SET} {argument}")
    *parents, last = dotted.split(".")
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


class _Reader:
    """Turn YAML nodes into plain values while noting lines and problems."""

    def __init__(self, yaml: YAML, source: Source) -> None:
        self._constructor = yaml.constructor
        self._source = source
        self._open: set[int] = set()
        self._n_values = 0

    def read(self, node: Node, path: Path) -> Any:
        """Return the node's plain value; anything else is a problem and reads as None."""
        self._n_values += 1
        if self._n_values >= _MOST_VALUES:
            if self._n_values == _MOST_VALUES:
                self._source.report(path, f"this file holds more than {_MOST_VALUES} values")
            return None
        if str(node.tag) not in _PLAIN_TAGS:
            self._source.report(path, _refused_tag(node))
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
        try:
            return self._constructor.construct_object(node)
        except ValueError:  # Python reads no number of thousands of digits
            self._source.report(path, "this value cannot be read as the number that it looks like")
            return None

    def _read_entry(self, node: Node, path: Path) -> Any:
        self._source.lines[path] = node.start_mark.line + 1
        return self.read(node, path)

    def _read_mapping(self, node: MappingNode, path: Path) -> dict[Any, Any]:
        result: dict[Any, Any] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            key = self._read_key(key_node, path)
            if key is None:
                continue
            here = (*path, key)
            if key in result:
                first = self._source.lines[here]
                self._source.lines[here] = line
                self._source.report(here, f"the key {key!r} was already given on line {first}")
                continue
            self._source.lines[here] = line
            result[key] = self.read(value_node, here)
        return result

    def _read_key(self, node: Node, path: Path) -> str | None:
        """Return a key; None, with its problem noted, where nothing could be named so."""
        if not isinstance(node, ScalarNode):
            self._source.lines[(*path, "?")] = node.start_mark.line + 1
            self._source.report((*path, "?"), "a key must be a plain word, not a list or a mapping")
            return None
        word = str(node.value)
        here = (*path, word)
        if str(node.tag) == f"{_STANDARD}str":
            return word
        self._source.lines.setdefault(here, node.start_mark.line + 1)
        if str(node.tag) == _MERGE:
            message = "merge keys are not read. Remedy: put what arms share into recipe, or write it out here"
            self._source.report(here, message)
            return None
        if str(node.tag) in _PLAIN_TAGS:
            self._source.report(
                here, f'{word or "nothing"} is no text here. Remedy: put it in quotes: "{word}"'
            )
            return word
        self._source.report(here, _refused_tag(node))
        return None


def _refused_tag(node: Node) -> str:
    """Return why a value with a tag is refused; most readers never wrote one."""
    tag = str(node.tag)
    if tag in _READ_AS:
        return f'YAML reads {node.value} as {_READ_AS[tag]}. Remedy: put it in quotes: "{node.value}"'
    return f"the tag {tag} is not allowed: a study file is plain data"
