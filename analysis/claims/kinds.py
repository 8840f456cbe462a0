"""Which function measures which kind of claim. A further kind is a model, a function, and a case here."""

from collections.abc import Sequence

from analysis import selection
from analysis.claims import values
from analysis.claims.ahead import measure_ahead
from analysis.claims.equal import measure_equal
from analysis.claims.optimum import measure_optimum
from analysis.claims.rates import Rate, rate
from analysis.claims.times import measure_faster
from analysis.claims.trend import measure_trend
from analysis.claims.verdict import Evidence, Untestable
from analysis.records import StudyRecords
from harness.study.claims import Best, Better, Claim, Diverges, Equal, Faster, Optimum, Trend


def measure(records: StudyRecords, claim: Claim) -> Evidence | Untestable:
    """Return what was measured for a claim, or why it cannot be tested."""
    evidence: Evidence | Untestable
    match claim.spec:
        case Better() as spec:
            evidence = measure_ahead(records, spec.arm, [spec.than], spec.metric, claim.region)
        case Best() as spec:
            rivals = [arm for arm in records.arms if arm != spec.arm]
            evidence = measure_ahead(records, spec.arm, rivals, spec.metric, claim.region)
        case Equal() as spec:
            evidence = measure_equal(records, spec.arms, spec.metric, claim.region)
        case Faster() as spec:
            evidence = measure_faster(records, spec, claim.region)
        case Diverges() as spec:
            evidence = values.unknown_arm(records, [spec.arm]) or _count_diverged(records, spec)
        case Optimum() as spec:
            evidence = measure_optimum(records, spec)
        case Trend() as spec:
            evidence = measure_trend(records, spec, claim.region)
    return evidence


def _count_diverged(records: StudyRecords, spec: Diverges) -> Rate | Untestable:
    """Count the runs of an arm that diverged; of a grid, those of one point."""
    runs = selection.runs_of_one_configuration(records, spec.arm, spec.at)
    runs = runs[runs["status"].isin(values.ENDED)]
    hits = int((runs["status"] == "diverged").sum())
    return rate(hits, len(runs), spec.more_than, arm=spec.arm, noun="runs diverged")


def compared_arms(records: StudyRecords, claim: Claim) -> Sequence[str]:
    """Return the arms of the study that a claim is about, templates expanded."""
    if claim.best is not None:
        return records.arms
    roles = [getattr(claim.spec, role, None) for role in ("arm", "than")]
    named = {*roles, *(getattr(claim.spec, "arms", None) or [])}
    may_be_template = isinstance(claim.spec, Optimum | Trend)
    return [
        arm for arm in records.arms if arm in named or (may_be_template and arm.partition("@")[0] in named)
    ]
