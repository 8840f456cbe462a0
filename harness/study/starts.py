"""Start points: configurations that a search tries first."""

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

from harness.study.domains import Domain, OneOf, Range


def domains_at(space: Mapping[str, Domain], point: Mapping[str, Any]) -> dict[str, Domain]:
    """Return the domains that a point may choose from: the space's, and those of the branches it names."""
    domains = dict(space)
    for field, domain in space.items():
        branch = domain.branches.get(str(point.get(field)), {}) if isinstance(domain, OneOf) else {}
        domains |= {name: own for name, own in branch.items() if isinstance(own, Domain)}
    return domains


def member(domain: Domain, value: Any) -> Any:
    """Return a value as a domain holds it (0 in a range of fractions is 0.0); None where it does not."""
    if isinstance(domain, Range):
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        is_inside = is_number and domain.low <= value <= domain.high
        if (
            not is_inside
            or (domain.is_integer and not isinstance(value, int))
            or not _is_on_step(domain, value)
        ):
            return None
        return value if domain.is_integer else float(value)
    listed = (
        own for own in domain.listed if own == value and isinstance(own, bool) == isinstance(value, bool)
    )
    return next(listed, None)


def _is_on_step(domain: Range, value: float) -> bool:
    if domain.step is None:
        return True
    low, step = Fraction(str(domain.low)), Fraction(str(domain.step))
    return (Fraction(str(value)) - low) % step == 0


def started_in(
    space: Mapping[str, Domain], points: Sequence[Mapping[str, Any]]
) -> tuple[dict[str, Any], ...]:
    """Return start points with their values as a space's domains hold them; what does not fit stays."""
    started = []
    for point in points:
        domains = domains_at(space, point)
        fitting = {name: member(domains[name], value) for name, value in point.items() if name in domains}
        started.append({**point, **{name: value for name, value in fitting.items() if value is not None}})
    return tuple(started)
