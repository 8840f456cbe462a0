"""`diverges`, and times to a target that some runs miss: counts of runs, by exact binomial tests."""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any

from analysis import selection, statistics
from analysis.claims.evidence import (
    ENDED,
    Grounds,
    Kind,
    Levels,
    Outcome,
    Paths,
    Sides,
    Untestable,
    unknown_arm,
)
from analysis.claims.parts import Reach
from analysis.claims.verdict import ALPHA, Ruling, Verdict
from analysis.design import confirmed, counts_searches
from analysis.statistics import share_power
from analysis.statistics.sequential import PValues
from harness.study.claim_kinds import Diverges


@dataclass(frozen=True, kw_only=True)
class ShareVerdict(Verdict):
    """On which side of a share the share of some runs lies."""

    share: float
    low: float
    """Lower end of Clopper and Pearson's interval."""
    high: float
    level: float
    """Confidence level of `low` and `high`."""

    def measured(self) -> str:
        """Return the share with its interval, in percent."""
        ends = f"{100 * self.low:.0f} to {100 * self.high:.0f}"
        return f"{100 * self.share:.0f} % ({ends}, {100 * self.level:.4g} % interval)"

    def outlook(self) -> list[str]:
        """Return the share that would have been shown."""
        return self.reach.in_words("a true share of", "{:.2f}".format, "runs")

    def findings(self) -> dict[str, Any]:
        """Return what was measured, by its column."""
        return {
            "quantity": "share",
            "effect": self.share,
            "low": self.low,
            "high": self.high,
            "level": self.level,
        }


@dataclass(frozen=True, kw_only=True)
class Share:
    """A count of runs against a share."""

    hits: int
    trials: int
    share: float
    """The claim says that more than this share are hits."""
    noun: str
    """What a hit is, for `3 of 10 <noun>`."""
    missing: int = 0
    """Runs that failed: each may have been a hit or not."""
    growing: frozenset[str] = frozenset()
    """Arms whose further replicates would add to it."""
    left_open: Mapping[Outcome, str] = field(default_factory=dict)
    """Why an outcome leaves the claim open, by those that do."""

    has_region = False

    @property
    def n(self) -> int:
        """Trials."""
        return self.trials

    def p_values(self, *, kindest: bool = False) -> Mapping[Hashable, PValues]:
        """Return the exact two-sided p against the share, on the side where the count lies."""
        trials = self.trials + self.missing
        of_each = [_sides_of(hits, trials, self.share) for hits in (self.hits, self.hits + self.missing)]
        choose = min if kindest else max
        return {None: PValues(*(choose(column) for column in zip(*of_each, strict=True)))}

    def sides(self, paths: Paths) -> Sides:
        """Return the levels at which the share is larger and smaller."""
        return Sides(paths[None].ahead, paths[None].behind)

    def is_futile(self, _levels: Levels) -> bool:
        """Return False: counts may yet turn."""
        return False

    def needs(self, _levels: Levels) -> frozenset[str]:
        """Return the arms that are counted."""
        return self.growing

    def tell(self, outcome: Outcome, levels: Levels) -> ShareVerdict:
        """Return the verdict of an outcome; the interval is Clopper and Pearson's."""
        count = f"{self.hits} of {self.trials} {self.noun}"
        if outcome in self.left_open:
            return self._verdict("inconclusive", f"{count}; {self.left_open[outcome]}", levels.alpha, Reach())
        if outcome in {"claimed", "against"}:
            side = "more" if outcome == "claimed" else "fewer"
            reason = f"{count}, which is {side} than a share of {self.share:g} gives by chance"
            ruling: Ruling = "supported" if outcome == "claimed" else "contradicted"
            return self._verdict(ruling, reason, levels.alpha, Reach())
        reason = f"{count}: too few runs to say on which side of a share of {self.share:g} the rate lies"
        least = share_power.detectable_share(n=self.trials, share=self.share, alpha=levels.alpha)
        return self._verdict("inconclusive", reason, levels.alpha, Reach(detectable=least))

    def _verdict(self, ruling: Ruling, reason: str, alpha: float, outlook: Reach) -> ShareVerdict:
        low, high = statistics.clopper_pearson(self.hits, self.trials, 1 - alpha)
        return ShareVerdict(
            ruling=ruling,
            reason=reason,
            n=self.trials,
            share=self.hits / self.trials,
            low=low,
            high=high,
            level=1 - alpha,
            reach=outlook,
        )


def _sides_of(hits: int, trials: int, share: float) -> PValues:
    """Return the exact p of a count, for the side on which it lies."""
    p = statistics.binomial_p(hits, trials, share)
    return PValues(p, 1.0) if hits > share * trials else PValues(1.0, p)


def share_of(
    hits: int,
    trials: int,
    share: float,
    *,
    arm: str,
    noun: str,
    missing: int = 0,
    growing: frozenset[str] = frozenset(),
    left_open: Mapping[Outcome, str] | None = None,
) -> Share | Untestable:
    """Return the evidence of a count of an arm's runs, or why no count of so few decides anything."""
    if trials == 0:
        return Untestable(reason=f"no run of {arm} tells")
    smallest = statistics.smallest_binomial_p(trials + missing, share)
    if smallest >= ALPHA:
        count = f"{hits} of {trials} {noun}"
        reason = f"{count}, and no outcome of {trials} runs has a p below {ALPHA:g} (at best {smallest:.2g})"
        return Untestable(reason=reason, n=trials)
    return Share(
        hits=hits,
        trials=trials,
        share=share,
        noun=noun,
        missing=missing,
        growing=growing,
        left_open=left_open or {},
    )


def _measure(grounds: Grounds, spec: Diverges, _region: float | None, n: int) -> Share | Untestable:
    """Count an arm's replicates whose first run diverged; of a grid, the runs of one point that did.

    The confirm runs of one search share what it chose, and so their fate. The first of each diverges as often
    as any other run of the arm, and independently of other searches, as the test presumes.
    """
    records, arm = grounds.records, spec.arm
    refused = unknown_arm(records, [arm])
    if refused:
        return refused
    is_confirmed = bool(records.declaration.arms[arm].confirm_runs) and not spec.at
    if is_confirmed:
        groups = confirmed(records, arm, n)
        statuses = [status for group in groups for status in group.runs["status"].head(1)]
        statuses += ["failed" for group in groups if group.is_lost]
    else:
        statuses = selection.runs_of_one_configuration(records, arm, spec.at)["status"].tolist()
    is_of_searches = is_confirmed and counts_searches(records, arm)
    return share_of(
        statuses.count("diverged"),
        sum(status in ENDED for status in statuses),
        spec.more_than,
        arm=arm,
        noun="repeats diverged in their first confirm run" if is_of_searches else "runs diverged",
        missing=statuses.count("failed"),
        growing=frozenset({arm}) if is_confirmed else frozenset(),
    )


DIVERGES = Kind(
    measure=_measure,
    compared_arms=lambda spec, _: (spec.arm,),
    note="Rates: n runs, exact binomial test, Clopper and Pearson's interval.",
)
