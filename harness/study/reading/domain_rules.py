"""Rules of an arm's domains: values that would be tried twice or never, and what a sampler cannot search."""

import json
from collections.abc import Iterator

from harness.study.domains import Choices, Domain, Grid, OneOf, Range
from harness.study.file import Search
from harness.study.reading.source import Path, Source
from harness.study.study import Arm

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
        return next((path for path in places if path in source.lines or path in source.overrides), own)
    parts = field.split(".")
    for path in ((*own, "for_each", *parts), (*own, *parts), ("recipe", *parts)):
        if path in source.lines or path in source.overrides:
            return path
    return own


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
        written = [json.dumps(value, sort_keys=True) for value in domain.listed]
        twice = next((value for value in written if written.count(value) > 1), None)
        if twice is not None:
            source.report(path, f"{field} lists {twice} twice. Remedy: each value once")
        if isinstance(domain, Range) and domain.last != domain.high:
            source.report(path, _uneven_step(field, domain))


def _uneven_step(field: str, domain: Range) -> str:
    """Return that a range's steps miss its upper bound, and what fits."""
    missed = (
        f"{field} goes from {domain.low:g} in steps of {domain.step:g}, which miss high = {domain.high:g}"
    )
    if not domain.whole_steps:
        return f"{missed}: only {domain.low:g} would be tried. Remedy: a step that divides high - low"
    return f"{missed} and end at {domain.last:g}. Remedy: high: {domain.last:g}, or a step that fits"


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
