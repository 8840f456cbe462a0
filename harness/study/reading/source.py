"""YAML as data: plain values, the line of every one of them, and nothing executed.

YAML 1.2 rules: `1e-4` is a number, `no` is a string. Duplicate keys, tags and aliases that loop are problems.
"""

import json
import re
import sys
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

_MOST_VALUES = 100_000
"""Of a whole file: aliases of aliases can multiply a few lines without end."""
DEEPEST = 50
"""Of values inside values; Python walks through some hundreds."""
TOO_DEEP = f"nested too deeply to be a study: {DEEPEST} values inside each other are the most"
_DIGITS = sys.float_info.max_10_exp
_LONGEST_TEXT = 80
"""Characters of a text in a message."""
_UNWRITABLE = re.compile("[\0\ud800-\udfff]")
"""What no command line, path or record can hold."""


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
        value = self.at(path, missing={})
        written = None if isinstance(value, dict | list) else json.dumps(value, default=str)
        self.problems.append(Problem(place=self.place(path), path=path, message=message, value=written))

    def at(self, path: Path, missing: Any = None) -> Any:
        """Return what stands at a path, overrides applied; `missing` where nothing does."""
        node = self.data
        for part in path:
            if isinstance(node, dict) or (isinstance(node, list) and part in range(len(node))):
                node = node.get(part, missing) if isinstance(node, dict) else node[cast("int", part)]
            else:
                return missing
        return node


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


class _Reader:
    """Turn YAML nodes into plain values while noting lines and problems."""

    def __init__(self, yaml: YAML, source: Source) -> None:
        self._constructor = yaml.constructor
        self._source = source
        self._open: set[int] = set()
        self._n_values = 0
        self._is_too_deep = False

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
        if len(self._open) >= DEEPEST:
            if not self._is_too_deep:
                self._source.report(path, TOO_DEEP)
            self._is_too_deep = True
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
            value = self._constructor.construct_object(node)
        except (ValueError, KeyError, IndexError):  # a number of thousands of digits, or another than its tag
            kind = "true or false" if str(node.tag) == f"{_STANDARD}bool" else "the number that it looks like"
            self._source.report(path, f"this value cannot be read as {kind}")
            return None
        if isinstance(value, int) and abs(value) > sys.float_info.max:
            self._source.report(path, f"this number is too large: {_DIGITS} digits are the most")
            return None
        if isinstance(value, str) and (unwritable := _unwritable(value)):
            self._source.report(path, unwritable)
            return None
        return value

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
        if unwritable := _unwritable(word):
            self._source.lines[(*path, "?")] = node.start_mark.line + 1
            self._source.report((*path, "?"), f"a key {unwritable}")
            return None
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


def _unwritable(text: str) -> str | None:
    """Return why no study can have a text, if so."""
    mark = _UNWRITABLE.search(text)
    if mark is None:
        return None
    if mark.group() == "\0":
        return "holds a NUL character, which no command line can hold, and no path"
    return f"must be text, but holds half of a character: {text[:_LONGEST_TEXT]!r}"


def _refused_tag(node: Node) -> str:
    """Return why a value with a tag is refused; most readers never wrote one."""
    tag = str(node.tag)
    if tag in _READ_AS:
        return f'YAML reads {node.value} as {_READ_AS[tag]}. Remedy: put it in quotes: "{node.value}"'
    return f"the tag {tag} is not allowed: a study file is plain data"
