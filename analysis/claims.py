"""Decide the claims a study declared before its data. Verdicts are computed here; prose only quotes them.

The rules for `better: {arm, than, metric}`:

1. Values are those of completed confirm runs, paired over the seeds both arms share.
2. *not testable*: unknown kind, arm or metric; arms with unequal budgets (`analysis.budget`); a confirm run
   that diverged in either arm, which voids its mean; fewer than two shared seeds; a difference that is the
   same non-zero number for every seed, which is no sample of anything. (A t-test has no smallest attainable
   p from two pairs on; what few seeds cannot show comes out as *inconclusive*.)
3. The p-values of the study's testable claims are Holm-adjusted. Each interval is drawn at the level at which
   Holm's procedure tested its claim, so that interval and decision always agree.
4. *equivalent*: the interval lies inside the equivalence region of the metric, fixed beforehand. This goes
   before 5: a difference can be real and too small to matter.
5. *supported* or *contradicted*: the interval excludes zero; but an arm whose learning rate lies at the
   edge of its range is not called worse, since a wider range may mend it: *inconclusive* then.
6. *inconclusive*: everything else, with the difference that 80 % power would have found.

A further kind of claim is one function and one row of `KINDS`.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

import pandas as pd

from analysis import budget, selection, statistics
from analysis.load import StudyRecords

ALPHA = 0.05
"""Chance of at least one wrong "supported" or "contradicted" in a study whose arms are all equal."""

Ruling = Literal["supported", "contradicted", "equivalent", "inconclusive", "not testable"]


@dataclass(frozen=True, kw_only=True)
class Metric:
    """A column of the runs that a claim may name."""

    label: str
    sign: int
    """+1 where more is better, -1 where less is."""
    equivalence: float | None
    """Half-width of the region in which two arms count as equal; None where none is declared."""
    scale: float = 1.0
    """Factor from the files' unit to the readers' one."""
    unit: str = ""
    """The readers' unit of a difference, with its leading space."""


def _accuracy(label: str) -> Metric:
    return Metric(label=label, sign=1, equivalence=0.002, scale=100.0, unit=" pp")


def _loss(label: str) -> Metric:
    return Metric(label=label, sign=-1, equivalence=None)


METRICS: dict[str, Metric] = {
    "test_accuracy": _accuracy("test accuracy"),
    "val_accuracy": _accuracy("validation accuracy"),
    "train_accuracy": _accuracy("training accuracy"),
    "test_loss": _loss("test loss"),
    "val_loss": _loss("validation loss"),
    "train_loss": _loss("training loss"),
}


@dataclass(frozen=True, kw_only=True)
class Contrast:
    """What was measured for a claim that can be tested."""

    arm: str
    than: str
    metric: str
    difference: statistics.PairedDifference
    """`arm` minus `than`, in the metric's unit."""


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """A decided claim. Differences are `arm` minus `than`, in the metric's unit (accuracies in [0, 1])."""

    says: str
    source: str | None
    kind: str
    arm: str | None
    than: str | None
    metric: str | None
    ruling: Ruling
    reason: str
    n: int
    """Seeds that both arms share; 0 where nothing could be paired."""
    difference: float | None = None
    low: float | None = None
    high: float | None = None
    level: float | None = None
    """Confidence level of `low` and `high`."""
    p: float | None = None
    p_adjusted: float | None = None
    """Holm over the study's testable claims."""
    equivalence: float | None = None
    detectable: float | None = None
    """Smallest difference that 80 % power would have found; where the interval leaves it open."""

    def as_row(self) -> dict[str, Any]:
        """Return the fields in order, for tables and JSON."""
        return asdict(self)


@dataclass(frozen=True, kw_only=True)
class _Untestable:
    """Why a claim cannot be tested, and on how many shared seeds it would have rested."""

    reason: str
    n: int = 0


def _measure_better(records: StudyRecords, spec: Mapping[str, Any]) -> Contrast | _Untestable:
    """Pair two arms over the confirm seeds they share."""
    arm, than, metric = (str(spec.get(key)) for key in ("arm", "than", "metric"))
    unknown = [name for name in (arm, than) if name not in records.arms]
    if unknown:
        return _Untestable(reason=f"the study has no arm {unknown[0]!r}; it has {', '.join(records.arms)}")
    if metric not in METRICS:
        return _Untestable(reason=f"metric {metric!r} is not one of {', '.join(METRICS)}")
    confirm = records.runs_of("confirm")
    diverged = confirm.loc[(confirm["status"] == "diverged") & confirm["arm"].isin([arm, than]), "arm"]
    if not diverged.empty:
        names = " and ".join(dict.fromkeys(diverged))
        return _Untestable(reason=f"a confirm run of {names} diverged, which voids the mean")
    first, second = (_values(confirm, name, metric) for name in (arm, than))
    difference = statistics.paired_difference(first, second)
    if difference is None:
        return _too_few_seeds(len(first.keys() & second.keys()))
    reason = _weakness(difference)
    if reason is not None:
        return _Untestable(reason=reason, n=difference.n)
    return Contrast(arm=arm, than=than, metric=metric, difference=difference)


def _weakness(difference: statistics.PairedDifference) -> str | None:
    """Return why differences over several seeds still allow no verdict, or None."""
    if difference.deviation == 0 and difference.mean != 0:
        return "the difference is the same for every seed: no variation to judge by"
    return None


KINDS: dict[str, Callable[[StudyRecords, Mapping[str, Any]], Contrast | _Untestable]] = {
    "better": _measure_better,
}
"""Kind of claim to the function that measures it."""


def decide(records: StudyRecords) -> list[Verdict]:
    """Return a verdict for every claim of the manifest, in its order."""
    claims = records.manifest.claims
    unequal = budget.inequalities(records)
    measured = [_measure(records, claim, unequal) for claim in claims]
    contrasts = [m for m in measured if isinstance(m, Contrast)]
    p_values = [contrast.difference.p for contrast in contrasts]
    corrected = iter(zip(statistics.holm(p_values), statistics.holm_alphas(p_values, ALPHA), strict=True))
    edged = {arm: choice.edge for arm, choice in selection.choices(records).items()}
    verdicts = []
    for claim, outcome in zip(claims, measured, strict=True):
        if isinstance(outcome, Contrast):
            verdicts.append(_rule(claim, outcome, *next(corrected), edged))
        else:
            verdicts.append(_refuse(claim, outcome))
    return verdicts


def _measure(records: StudyRecords, claim: Mapping[str, Any], unequal: list[str]) -> Contrast | _Untestable:
    kind, spec = _kind_of(claim)
    if kind not in KINDS or not isinstance(spec, Mapping):
        return _Untestable(reason=f"claims of kind {kind!r} are not decided by this version")
    outcome = KINDS[kind](records, spec)
    if unequal and isinstance(outcome, Contrast):
        return _Untestable(reason=f"unequal budgets: {'; '.join(unequal)}", n=outcome.difference.n)
    return outcome


def _kind_of(claim: Mapping[str, Any]) -> tuple[str, Any]:
    """Return the first key of a claim that is not a text about it, with its value."""
    return next(((key, claim[key]) for key in claim if key not in {"says", "source"}), ("none", None))


def _values(confirm: pd.DataFrame, arm: str, metric: str) -> dict[int, float]:
    """Return seed to value over an arm's completed confirm runs."""
    rows = confirm[(confirm["arm"] == arm) & (confirm["status"] == "completed")].dropna(subset=[metric])
    return {int(seed): float(value) for seed, value in zip(rows["seed"], rows[metric], strict=True)}


def _too_few_seeds(shared: int) -> _Untestable:
    if shared == 0:
        return _Untestable(reason="the arms share no completed confirm seed")
    return _Untestable(reason="single seed: it shows no spread, so nothing can be concluded from it", n=1)


def _refuse(claim: Mapping[str, Any], outcome: _Untestable) -> Verdict:
    kind, spec = _kind_of(claim)
    named = spec if isinstance(spec, Mapping) else {}
    arm, than, metric = (named.get(key) for key in ("arm", "than", "metric"))
    return Verdict(
        says=_text(claim.get("says")) or "",
        source=_text(claim.get("source")),
        kind=kind,
        arm=_text(arm),
        than=_text(than),
        metric=_text(metric),
        ruling="not testable",
        reason=outcome.reason,
        n=outcome.n,
    )


def _rule(
    claim: Mapping[str, Any],
    contrast: Contrast,
    p_adjusted: float,
    alpha: float,
    edged: Mapping[str, selection.Side | None],
) -> Verdict:
    metric, difference = METRICS[contrast.metric], contrast.difference
    half_width = difference.half_width(1 - alpha)
    low, high = difference.mean - half_width, difference.mean + half_width
    ruling, reason = _ruling(contrast, low, high, edged)
    is_open = ruling == "inconclusive" and low <= 0 <= high
    return Verdict(
        says=_text(claim.get("says")) or "",
        source=_text(claim.get("source")),
        kind=_kind_of(claim)[0],
        arm=contrast.arm,
        than=contrast.than,
        metric=contrast.metric,
        ruling=ruling,
        reason=reason,
        n=difference.n,
        difference=difference.mean,
        low=low,
        high=high,
        level=1 - alpha,
        p=difference.p,
        p_adjusted=p_adjusted,
        equivalence=metric.equivalence,
        detectable=statistics.detectable_difference(
            n=difference.n, deviation=difference.deviation, alpha=alpha
        )
        if is_open
        else None,
    )


def _ruling(
    contrast: Contrast, low: float, high: float, edged: Mapping[str, selection.Side | None]
) -> tuple[Ruling, str]:
    metric = METRICS[contrast.metric]
    region = metric.equivalence
    if region is not None and -region < low and high < region:
        shown = f"±{metric.scale * region:g}{metric.unit}"
        return "equivalent", f"the whole interval lies within {shown}, declared too small to matter"
    if low <= 0 <= high:
        return "inconclusive", "the interval contains zero and is too wide to show equivalence"
    arm_is_ahead = metric.sign * contrast.difference.mean > 0
    behind = contrast.than if arm_is_ahead else contrast.arm
    if edged[behind] is not None:
        return "inconclusive", (
            f"{behind} is behind, but its learning rate lies at the {edged[behind]} edge of its range: "
            f"a wider range may mend it"
        )
    if arm_is_ahead:
        return "supported", "the interval excludes zero on the side claimed"
    return "contradicted", "the interval excludes zero on the other side"


def _text(value: Any) -> str | None:
    return None if value is None else str(value)
