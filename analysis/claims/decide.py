"""From declared claims to verdicts: measure each, correct for their number, rule."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from pydantic import ValidationError

from analysis import budget, statistics
from analysis.claims.flags import arm_flags, comparison_flags, seed_flags
from analysis.claims.kinds import compared_arms, measure
from analysis.claims.verdict import ALPHA, Evidence, Flag, Untestable, Verdict
from analysis.records import StudyRecords
from harness.study.claims import KINDS, Claim


def decide(records: StudyRecords) -> list[Verdict]:
    """Return a verdict for every claim of the manifest, in its order."""
    unequal = budget.inequalities(records)
    claims = [_parsed(declared) for declared in records.manifest.claims]
    verdicts = judge([c if isinstance(c, Untestable) else _measure(records, c, unequal) for c in claims])
    flags = arm_flags(records)
    return [
        replace(
            verdict,
            says=_text(declared.get("says")) or "",
            source=_text(declared.get("source")),
            **_about(declared, claim, verdict),
            flags=_flags(records, claim, verdict, flags, unequal),
        )
        for declared, claim, verdict in zip(records.manifest.claims, claims, verdicts, strict=True)
    ]


def judge(measured: Sequence[Evidence | Untestable]) -> list[Verdict]:
    """Return the verdicts of one study's claims, Holm-adjusted over those that can be tested."""
    p_values = [evidence.p for evidence in measured if not isinstance(evidence, Untestable)]
    steps = iter(zip(statistics.holm(p_values), statistics.holm_alphas(p_values, ALPHA), strict=True))
    verdicts = []
    for evidence in measured:
        if isinstance(evidence, Untestable):
            verdicts.append(Verdict(ruling="not testable", reason=evidence.reason, n=evidence.n))
        else:
            p_adjusted, alpha = next(steps)
            verdicts.append(replace(evidence.rule(alpha), p=evidence.p, p_adjusted=p_adjusted))
    return verdicts


def _parsed(declared: Mapping[str, Any]) -> Claim | Untestable:
    try:
        return Claim.model_validate(declared)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        reason = f"{place}: {first['msg']}" if place else first["msg"]
        return Untestable(reason=f"not a claim that this version decides ({reason})")


def _measure(records: StudyRecords, claim: Claim, unequal: list[str]) -> Evidence | Untestable:
    evidence = measure(records, claim)
    if unequal and not isinstance(evidence, Untestable) and len(compared_arms(records, claim)) > 1:
        return Untestable(reason=f"unequal budgets: {'; '.join(unequal)}", n=evidence.n)
    return evidence


def _about(declared: Mapping[str, Any], claim: Claim | Untestable, verdict: Verdict) -> dict[str, Any]:
    """Return what was claimed, as far as the verdict does not say it more exactly."""
    if isinstance(claim, Untestable):
        return {"kind": next((kind for kind in KINDS if kind in declared), "none")}
    named = {role: getattr(claim.spec, role, None) for role in ("arm", "than", "metric")}
    field = getattr(claim.spec, "field", None) or getattr(claim.spec, "over", None)
    told = {role: name for role, name in named.items() if getattr(verdict, role) is None}
    return told | {"kind": claim.kind, "field": field}


def _flags(
    records: StudyRecords,
    claim: Claim | Untestable,
    verdict: Verdict,
    flags: Mapping[str, list[Flag]],
    unequal: list[str],
) -> tuple[Flag, ...]:
    """Return the flags of a claim: those of its arms, of comparing them, and of its seeds."""
    if isinstance(claim, Untestable):
        return ()
    arms = compared_arms(records, claim)
    own = [flag for arm in arms for flag in flags[arm]]
    return (*own, *comparison_flags(records, arms, unequal), *seed_flags(records, verdict))


def _text(value: Any) -> str | None:
    return None if value is None else str(value)
