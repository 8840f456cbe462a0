"""Rules of an arm's domains: values that would be tried twice or never, and what a sampler cannot search."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

from harness.study.domains import Choices, Domain, Grid, OneOf, Range, as_choice
from harness.study.file import Search
from harness.study.reading.source import Path, Source
from harness.study.study import Arm
from harness.study.written import as_written

_UNCONDITIONAL = {"grid", "gp", "cmaes", "qmc"}
"""Samplers that need the same fields in every configuration."""

_OTHER_SAMPLERS = "Remedy: sampler: tpe, gp or qmc"


def check_domains(arm: Arm, search: Search | None, source: Source) -> None:
    """Note domains that no run could take a value of, or that this search cannot handle."""
    _check_values(arm, source)
    _check_overlaps(arm, source)
    if search is not None:
        _check_sampler(arm, search, source)


def origin(arm: Arm, field: str, source: Source) -> Path:
    """Return the path that gave an arm a field or parameter: its own, the template's, the recipe's."""
    own: Path = ("arms", arm.entry)
    if arm.is_program:
        places: tuple[Path, ...] = ((*own, "for_each", "parameters", field), (*own, "parameters", field))
    else:
        parts = field.split(".")
        places = ((*own, "for_each", *parts), (*own, *parts), ("recipe", *parts))
    return next((path for path in places if source.at(path) is not None), own)


def _all_domains(arm: Arm, source: Source) -> Iterator[tuple[Path, str, Domain]]:
    """Yield (path, field, domain) for every domain of an arm, those in branches too."""
    for field, domain in arm.space.items():
        path = origin(arm, field, source)
        yield path, field, domain
        if isinstance(domain, OneOf):
            for branch, own in domain.branches.items():
                inner = ((name, value) for name, value in own.items() if isinstance(value, Domain))
                yield from (((*path, "one_of", branch, name), name, value) for name, value in inner)


def _check_values(arm: Arm, source: Source) -> None:
    """Note values of domains that would be tried twice, or never."""
    for path, field, domain in _all_domains(arm, source):
        if repeated := _repeated(domain.listed):
            source.report(path, f"{field} lists {repeated}")
        if isinstance(domain, Range) and domain.last != domain.high:
            source.report(path, _uneven_step(field, domain))


def _repeated(listed: Sequence[Any]) -> str | None:
    """Return which value is listed again, in the same words or in others that a sampler cannot tell apart."""
    written: set[str] = set()
    chosen: dict[Any, Any] = {}
    for value in listed:
        text = json.dumps(value, sort_keys=True)
        if text in written:
            return f"{text} twice. Remedy: each value once"
        first = chosen.setdefault(as_choice(value), value)
        if first is not value:
            return (
                f"{as_written(first)} and {as_written(value)}, which a sampler cannot tell apart: the second "
                f"would never be tried. Remedy: one of them, or words in their place"
            )
        written.add(text)
    return None


def _uneven_step(field: str, domain: Range) -> str:
    """Return that a range's steps miss its upper bound, and what fits."""
    low, step, high, last = map(_short, (domain.low, domain.step, domain.high, domain.last))
    missed = f"{field} goes from {low} in steps of {step}, which miss high = {high}"
    if not domain.whole_steps:
        return f"{missed}: only {low} would be tried. Remedy: a step that divides high - low"
    return f"{missed} and end at {last}. Remedy: high: {last}, or a step that fits"


def _short(number: Any) -> str:
    """Return a number as a study file has it, a whole one without its fraction of nothing."""
    return as_written(number).removesuffix(".0")


def _check_overlaps(arm: Arm, source: Source) -> None:
    """Note fields of a branch that are searched outside of it too, or that another `one_of` gives as well."""
    forks = [(field, domain) for field, domain in arm.space.items() if isinstance(domain, OneOf)]
    given_by: dict[str, str] = {}
    for chooser, fork in forks:
        for branch, own in fork.branches.items():
            for field in own:
                path = (*origin(arm, chooser, source), "one_of", branch, field)
                other = given_by.setdefault(field, chooser)
                if other != chooser:
                    source.report(
                        path, f"the one_of of {other} gives {field} too. Remedy: leave one of them out"
                    )
                if field in arm.space:
                    message = f"arm {arm.name} also searches {field} outside of this one_of"
                    source.report(path, f"{message}. Remedy: give it in every branch and not outside")


def _check_sampler(arm: Arm, search: Search, source: Source) -> None:
    for path, field, domain in _all_domains(arm, source):
        if search.sampler == "grid" and isinstance(domain, Range):
            source.report(
                path, f"{field} is a range, which sampler: grid cannot list. Remedy: {{grid: [...]}}"
            )
        if search.sampler != "grid" and isinstance(domain, Grid):
            message = f"{field} is a grid, but the sampler is {search.sampler}. Remedy: {{choices: [...]}}"
            source.report(path, message)
        if search.sampler in _UNCONDITIONAL and isinstance(domain, OneOf):
            message = f"sampler: {search.sampler} knows no one_of. Remedy: sampler: tpe, or one arm a branch"
            source.report(path, message)
        if search.sampler == "cmaes" and isinstance(domain, Choices):
            message = (
                f"{field} has choices, but sampler: cmaes moves in numeric ranges only. {_OTHER_SAMPLERS}"
            )
            source.report(path, message)
    if search.sampler == "cmaes" and len(arm.space) == 1:
        field = next(iter(arm.space))
        message = f"arm {arm.name} searches only {field}, but cmaes needs two ranges. {_OTHER_SAMPLERS}"
        source.report(origin(arm, field, source), message)
