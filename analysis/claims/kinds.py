"""Every kind of claim, the arms that a claim is about, and what its ruling holds of."""

from collections.abc import Mapping, Sequence
from typing import Any

from analysis.claims.ahead import BEST, BETTER
from analysis.claims.diverges import DIVERGES
from analysis.claims.equal import EQUAL
from analysis.claims.evidence import Grounds, Kind
from analysis.claims.faster import FASTER
from analysis.claims.monotone import MONOTONE
from analysis.claims.optimum import OPTIMUM
from analysis.claims.reaches import REACHES
from analysis.claims.trend import TREND
from analysis.claims.verdict import Scope
from analysis.design import searches
from analysis.records import StudyRecords
from harness.declaration import Declaration
from harness.study.claims import AVERAGE, EVERY, Claim
from harness.study.datasets import name_on

KINDS: Mapping[str, Kind[Any]] = {
    "better": BETTER,
    "best": BEST,
    "equal": EQUAL,
    "faster": FASTER,
    "diverges": DIVERGES,
    "optimum": OPTIMUM,
    "trend": TREND,
    "monotone": MONOTONE,
    "reaches": REACHES,
}
"""Every kind of claim, as study files call it. A further kind is a model there, a file here, and a row."""

_RESPONSES = {"optimum", "trend", "monotone"}


def compared_arms(records: StudyRecords, claim: Claim) -> Sequence[str]:
    """Return the arms of the study that a claim is about, in the study's order, templates expanded."""
    return compared_in(records.declaration, claim)


def compared_in(declaration: Declaration, claim: Claim) -> Sequence[str]:
    """Return the arms that a claim is about, as `compared_arms` does."""
    if declaration.datasets:
        names = list(declaration.datasets) if claim.on in {None, EVERY, AVERAGE} else [claim.on]
        parts = {name: declaration.on(name) for name in names if name in declaration.datasets}
        return [name_on(arm, name) for name, part in parts.items() for arm in compared_in(part, claim)]
    named = set(KINDS[claim.kind].compared_arms(claim.spec, declaration))
    return [arm for arm in declaration.arms if arm in named]


def scope_of(grounds: Grounds, claim: Claim) -> Scope:
    """Return whether a claim is about how arms are searched and trained, or about what one search chose."""
    records = grounds.records
    arms = compared_arms(records, claim)
    plain = {records.declaration.plain_name(arm) for arm in arms}
    is_measured = claim.kind in _RESPONSES and getattr(claim.spec, "arm", None) in plain
    is_point = claim.kind == "diverges" and getattr(claim.spec, "at", None) is not None
    is_chosen = any(searches(records, arm) for arm in arms) and not (is_measured or is_point)
    return "configuration" if is_chosen and grounds.design.unit == "seed" else "procedure"
