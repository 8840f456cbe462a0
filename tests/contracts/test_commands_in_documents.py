"""Every command that a document shows is one that exists, with options that it takes."""

import argparse
import re
import shlex
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from pathlib import Path

import pytest

from docs.generators.commands import parser_of, parsers
from docs.generators.pages import MADE
from harness.commands.console import PROGRAM
from harness.commands.trusting import with_trust

REPOSITORY = Path(__file__).parents[2]
GENERATED = {f"docs/{name}" for name in MADE}
PAGES = sorted(
    place
    for path in (*REPOSITORY.glob("*.md"), *(REPOSITORY / "docs").rglob("*.md"))
    if (place := path.relative_to(REPOSITORY).as_posix()) not in GENERATED
)

_BLOCK = re.compile(r"^```(?P<kind>\w*)\n(?P<text>.*?)^```|(?:^    [^\n]*\n)+", re.MULTILINE | re.DOTALL)
_INLINE = re.compile(r"`((?:recipe-harness|python -m (?:harness|analysis)|make) [^`]+)`")
_ENVIRONMENT = re.compile(r"^(?:[A-Z_]+=\S+ )*")
_STANDS_FOR = {"SHA": "0" * 64, "N": "1"}
"""What placeholders of a document may stand for, where a command's parser looks closely."""


def commands_of(text: str) -> Iterator[str]:
    """Yield the command lines of a document, of its blocks and within its sentences."""
    for block in _BLOCK.finditer(text):
        body = block["text"] if block["text"] is not None else block[0]
        for line in body.replace("\\\n", " ").splitlines():
            words = _ENVIRONMENT.sub("", line.strip().removeprefix("$ "))
            if words.startswith((f"{PROGRAM} ", "python -m harness", "python -m analysis", "make ")):
                yield words.partition("  #")[0].partition(" # ")[0]
    for shown in _INLINE.findall(_BLOCK.sub("", text)):
        if not re.search(r"[{|]|\.\.\.|COMMAND|MODULE", shown):
            yield shown


@cache
def _parser(module: str) -> argparse.ArgumentParser:
    return parser_of(import_module(module).main)


@cache
def _parsers() -> dict[str, argparse.ArgumentParser]:
    return parsers()


def check(command: str) -> None:
    """Read a command line as the command would, or look for the target of make."""
    words = [_STANDS_FOR.get(word, word) for word in shlex.split(re.sub(r"\bSHA256\b", "0" * 64, command))]
    words = words[: words.index("--")] if "--" in words else words
    words = words[: words.index(">")] if ">" in words else words
    words = words[: words.index("|")] if "|" in words else words
    if words[0] == "make":
        targets = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
        assert all(
            re.search(rf"^{word}:", targets, re.MULTILINE) or "=" in word or word == ".venv"
            for word in words[1:]
        )
        return
    if words[0] == PROGRAM:
        if words[1] == "--version":
            return
        parser, rest = _parsers()[f"{PROGRAM} {words[1]}"], words[2:]
    else:
        parser, rest = _parser(words[2]), words[3:]
    if rest:  # else it is only named
        parser.parse_args(with_trust(rest))


@pytest.mark.parametrize("page", PAGES)
def test_every_command_of_a_document_can_be_read(page: str, capsys: pytest.CaptureFixture[str]) -> None:
    """By the parser of the command that it names."""
    wrong = []
    for command in commands_of((REPOSITORY / page).read_text(encoding="utf-8")):
        try:
            check(command)
        except (SystemExit, KeyError, ModuleNotFoundError, AssertionError, IndexError) as error:
            wrong.append(f"{command}: {error!r} {capsys.readouterr().err[-300:]}")
    assert not wrong
