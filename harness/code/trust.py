"""Whether a study's code may run. Trust is given on the command line, for files as they are; none is kept.

Source: the way of direnv, which trusts a path with its content and not a name.
"""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping

from harness.code.named import NamedCode, named_code
from harness.code.resolve import entrust
from harness.code.sources import hash_sources
from harness.errors import StudyError
from harness.study.study import Study

OPTION = "--trust"

ANY = "\0"
"""What `--trust` without a hash gives: the files as they are now. No typed argument can hold it."""


def trust_sha256(code: NamedCode, sources: Mapping[str, str]) -> str:
    """Return the SHA-256 over what a study names and the hashes of all its files."""
    named = {"references": list(code.references), "commands": [list(words) for words in code.commands]}
    text = json.dumps({**named, "sources": dict(sources)}, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()


def trust_lines(study: Study) -> list[str]:
    """Return what somebody who is to trust a study looks at; none where it names no code.

    Raises:
        StudyError: A module is found nowhere, or in a place that nothing vouches for.
    """
    code = named_code(study)
    if code.is_empty:
        return []
    sources = hash_sources(code)
    return [*_lines(code, sources), f"trust sha256: {trust_sha256(code, sources)}"]


def check_trusted(study: Study, given: str | None) -> dict[str, str]:
    """Refuse code that nobody trusts, before anything of it is imported or started.

    Args:
        study: The parsed study.
        given: What came with `--trust`: a hash, or `ANY`; None where the option was not given.

    Returns: The hashes of all files, as `sources_of` has them; none where the study names no code.

    Raises:
        StudyError: The study names code and is not trusted, or its files are not those that were; it names
            none, and a hash of something was given.
    """
    code = named_code(study)
    if code.is_empty:
        if given not in {None, ANY}:
            raise StudyError(f"{OPTION}={given}: this study names no code. Remedy: leave it out")
        return {}
    sources = hash_sources(code)
    sha256 = trust_sha256(code, sources)
    listed = "\n".join(_lines(code, sources))
    if given is None:
        raise StudyError(
            f"{study.path}: names code of its own, which would run with your rights. Nothing was imported or "
            f"started.\n{listed}\n  Remedy: look at it, then {OPTION}, "
            f"or {OPTION}={sha256} for these files only",
            place=study.path,
        )
    if given not in {ANY, sha256}:
        is_hash = re.fullmatch("[0-9a-f]{64}", given)
        rule = "is not the hash of this code as it is now" if is_hash else "is no SHA-256, of 64 hex digits"
        raise StudyError(
            f"{OPTION}={given}: {rule}. Nothing was imported or "
            f"started.\n{listed}\n  trust sha256: {sha256}\n  Remedy: look at "
            f"{'what has changed' if is_hash else 'it'}, then {OPTION}={sha256}"
        )
    entrust(code, sources)
    return sources


def _lines(code: NamedCode, sources: Mapping[str, str]) -> Iterator[str]:
    yield f"code of {code.folder}:"
    yield from (f"  imports   {reference}" for reference in code.references)
    yield from (f"  starts    {' '.join(words)}" for words in code.commands)
    yield from (f"  {digest}  {name}" for name, digest in sources.items())
