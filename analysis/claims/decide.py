"""From declared claims to verdicts: measure each, correct for their number, rule, flag what weakens it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from analysis import selection, statistics
from analysis.claims.ahead import BEST, BETTER
from analysis.claims.diverges import DIVERGES
from analysis.claims.equal import EQUAL
from analysis.claims.evidence import Evidence, Grounds, Kind, Untestable
from analysis.claims.faster import FASTER
from analysis.claims.optimum import OPTIMUM
from analysis.claims.trend import TREND
from analysis.claims.verdict import ALPHA, Flag, Statement, Verdict
from analysis.records import StudyRecords
from harness.declaration import UnknownClaim
from harness.manifest import CONFIRM_SEEDS
from harness.study.claims import Claim

KINDS: Mapping[str, Kind[Any]] = {
    "better": BETTER,
    "best": BEST,
    "equal": EQUAL,
    "faster": FASTER,
    "diverges": DIVERGES,
    "optimum": OPTIMUM,
    "trend": TREND,
}
"""Every kind of claim, as study files call it. A further kind is a model there, a file here, and a row."""

FEW_SEEDS = 5
"""Below this many, a verdict carries a flag."""


def decide(grounds: Grounds) -> list[Verdict]:
    """Return a verdict for every declared claim, in its order; none is ruled under a broken seal."""
    seal = grounds.records.seal
    if seal.state == "broken":
        reason = f"claims may have been changed after the first run: {seal.in_words()}"
        return [
            Verdict(ruling="not testable", reason=reason, n=0, claim=_statement(claim))
            for claim in grounds.claims
        ]
    verdicts = judge([_measure(grounds, claim) for claim in grounds.claims])
    arm_flags = _arm_flags(grounds)
    return [
        replace(verdict, claim=_statement(claim), flags=_flags(grounds, claim, verdict, arm_flags))
        for claim, verdict in zip(grounds.claims, verdicts, strict=True)
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


def _measure(grounds: Grounds, claim: Claim | UnknownClaim) -> Evidence | Untestable:
    if isinstance(claim, UnknownClaim):
        return Untestable(reason=claim.reason)
    evidence = KINDS[claim.kind].measure(grounds, claim.spec, claim.region)
    is_comparison = len(compared_arms(grounds.records, claim)) > 1
    if grounds.unequal_budgets and not isinstance(evidence, Untestable) and is_comparison:
        return Untestable(reason=f"unequal budgets: {'; '.join(grounds.unequal_budgets)}", n=evidence.n)
    return evidence


def compared_arms(records: StudyRecords, claim: Claim) -> Sequence[str]:
    """Return the arms of the study that a claim is about, in the study's order, templates expanded."""
    named = set(KINDS[claim.kind].compared_arms(claim.spec, records.declaration))
    return [arm for arm in records.arms if arm in named]


def _statement(claim: Claim | UnknownClaim) -> Statement:
    """Return what was claimed; of one that is not understood, its words and the kind it seems to be of."""
    if isinstance(claim, UnknownClaim):
        return Statement(says=claim.says, source=claim.source, kind=claim.kind)
    named = claim.spec.model_dump()
    return Statement(
        says=claim.says,
        source=claim.source,
        kind=claim.kind,
        metric=claim.metric,
        arm=named.get("arm"),
        than=named.get("than"),
        field=named.get("field") or named.get("over"),
    )


def _flags(
    grounds: Grounds, claim: Claim | UnknownClaim, verdict: Verdict, arm_flags: Mapping[str, list[Flag]]
) -> tuple[Flag, ...]:
    """Return the flags of a claim: those of its arms, of comparing them, and of its seeds."""
    if isinstance(claim, UnknownClaim):
        return ()
    arms = compared_arms(grounds.records, claim)
    of_arms = [flag for arm in arms for flag in arm_flags[arm]]
    return (*of_arms, *_comparison_flags(grounds, arms), *_seed_flags(grounds.records, verdict))


def _arm_flags(grounds: Grounds) -> dict[str, list[Flag]]:
    """Return the flags of each arm: where its rate lies, and whether its seeds diverged or failed."""
    records = grounds.records
    return {
        arm: _rate_flags(records, arm, choice)
        + _divergence_flags(records, arm)
        + _failure_flags(records, arm)
        for arm, choice in grounds.choices.items()
    }


def _rate_flags(records: StudyRecords, arm: str, choice: selection.Choice) -> list[Flag]:
    flags = []
    if choice.edge:
        detail = f"the chosen rate of {arm} is at the {choice.edge} edge of its range"
        flags.append(Flag(name="edge", arm=arm, detail=detail))
    if selection.is_stability_limited(records.runs_of("search", arm), choice):
        detail = f"the next larger rate that {arm} tried diverged"
        flags.append(Flag(name="next to divergence", arm=arm, detail=detail))
    return flags


def _divergence_flags(records: StudyRecords, arm: str) -> list[Flag]:
    confirm = records.runs_of("confirm", arm)
    diverged = int((confirm["status"] == "diverged").sum())
    detail = f"{diverged} of {len(confirm)} confirm runs of {arm} diverged"
    return [Flag(name="diverged seeds", arm=arm, detail=detail)] if diverged else []


def _failure_flags(records: StudyRecords, arm: str) -> list[Flag]:
    """Return the flag of measured runs that failed: seeds that every comparison of the arm goes without."""
    declared = records.declaration.arms[arm]
    is_grid = not declared.confirm_runs and records.declaration.search.sampler == "grid"
    measured = records.runs_of("search" if is_grid else "confirm", arm)
    failed = int((measured["status"] == "failed").sum())
    runs = "search runs" if is_grid else "confirm runs"
    detail = f"{failed} of {len(measured)} {runs} of {arm} failed and are missing in what it rests on"
    return [Flag(name="failed seeds", arm=arm, detail=detail)] if failed else []


def _comparison_flags(grounds: Grounds, arms: Sequence[str]) -> list[Flag]:
    """Return the flags of comparing several arms: other budgets, other batch sizes at one learning rate."""
    if len(arms) < 2:
        return []
    flags = []
    if grounds.unequal_budgets:
        flags.append(Flag(name="unequal budget", arm=None, detail="; ".join(grounds.unequal_budgets)))
    fixed = [grounds.records.declaration.arms[arm].fixed for arm in arms]
    sizes, rates = ([settings.get(field) for settings in fixed] for field in ("batch_size", "lr"))
    if len(set(sizes)) > 1 and len(set(rates)) == 1 and rates[0] is not None:
        detail = (
            "arms differ in batch size but share one learning rate, which suits some sizes and not others"
        )
        flags.append(Flag(name="rate not tuned", arm=None, detail=detail))
    return flags


def _seed_flags(records: StudyRecords, verdict: Verdict) -> list[Flag]:
    """Return the flags of too few seeds, and of seeds that were added with first results in sight."""
    flags = []
    if verdict.ruling != "not testable" and verdict.n < FEW_SEEDS:
        detail = f"a claim rests on {verdict.n} seeds, where an interval leans on the noise being normal"
        flags.append(Flag(name="few seeds", arm=None, detail=detail))
    added = [change for change in records.manifest.changes if change.field == CONFIRM_SEEDS]
    if added:
        told = "; ".join(change.in_words() for change in added)
        detail = f"the number of seeds was not fixed beforehand ({told})"
        flags.append(Flag(name="seeds added later", arm=None, detail=detail))
    return flags
