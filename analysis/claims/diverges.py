"""`diverges`, and times to a target that some runs miss: counts of runs, by exact binomial tests."""

from dataclasses import dataclass
from typing import Any

from analysis import selection, statistics
from analysis.claims.evidence import ENDED, Grounds, Kind, Untestable, unknown_arm
from analysis.claims.verdict import ALPHA, Reach, Ruling, Verdict
from analysis.statistics import power
from harness.study.claims import Diverges


@dataclass(frozen=True, kw_only=True)
class ShareVerdict(Verdict):
    """On which side of a share the share of some runs lies."""

    share: float
    low: float
    """Lower end of Wilson's interval."""
    high: float
    level: float
    """Confidence level of `low` and `high`."""

    def measured(self) -> str:
        """Return the share with its interval, in percent."""
        ends = f"{100 * self.low:.0f} to {100 * self.high:.0f}"
        return f"{100 * self.share:.0f} % ({ends}, {100 * self.level:.4g} % interval)"

    def why(self) -> str:
        """Return the reason, then the share that would have been shown, and the runs it takes."""
        outlook = self.reach.in_words("a true share of", "{:.2f}".format, is_as_measured=True, unit="runs")
        return "; ".join([self.reason, *outlook])

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

    @property
    def n(self) -> int:
        """Trials."""
        return self.trials

    @property
    def p(self) -> float:
        """Exact two-sided p against the share."""
        return statistics.binomial_p(self.hits, self.trials, self.share)

    def rule(self, alpha: float) -> ShareVerdict:
        """Return the verdict at a two-sided level; the interval is Wilson's at that level."""
        count = f"{self.hits} of {self.trials} {self.noun}"
        if self.p < alpha:
            is_more = self.hits > self.share * self.trials
            side = "more" if is_more else "fewer"
            reason = f"{count}, which is {side} than a share of {self.share:g} gives by chance"
            return self._verdict("supported" if is_more else "contradicted", reason, alpha, Reach())
        reason = f"{count}: too few runs to say on which side of a share of {self.share:g} the rate lies"
        return self._verdict("inconclusive", reason, alpha, self._reach(alpha))

    def _reach(self, alpha: float) -> Reach:
        """Return the share that so many runs would have shown, and the runs for the one measured."""
        measured = self.hits / self.trials
        needed = power.trials_to_find(true=measured, share=self.share, alpha=alpha)
        return Reach(
            detectable=power.detectable_share(n=self.trials, share=self.share, alpha=alpha),
            seeds_needed=needed,
            needed_for=measured if needed is not None else None,
        )

    def _verdict(self, ruling: Ruling, reason: str, alpha: float, outlook: Reach) -> ShareVerdict:
        low, high = statistics.wilson_interval(self.hits, self.trials, 1 - alpha)
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


def share_of(hits: int, trials: int, share: float, *, arm: str, noun: str) -> Share | Untestable:
    """Return the evidence of a count of an arm's runs, or why no count of so few decides anything."""
    if trials == 0:
        return Untestable(reason=f"no run of {arm} tells")
    smallest = statistics.smallest_binomial_p(trials, share)
    if smallest >= ALPHA:
        count = f"{hits} of {trials} {noun}"
        reason = f"{count}, and no outcome of {trials} runs has a p below {ALPHA:g} (at best {smallest:.2g})"
        return Untestable(reason=reason, n=trials)
    return Share(hits=hits, trials=trials, share=share, noun=noun)


def _measure(grounds: Grounds, spec: Diverges, _region: float | None) -> Share | Untestable:
    """Count the runs of an arm that diverged; of a grid, those of one point."""
    refused = unknown_arm(grounds.records, [spec.arm])
    if refused:
        return refused
    runs = selection.runs_of_one_configuration(grounds.records, spec.arm, spec.at)
    runs = runs[runs["status"].isin(ENDED)]
    hits = int((runs["status"] == "diverged").sum())
    return share_of(hits, len(runs), spec.more_than, arm=spec.arm, noun="runs diverged")


DIVERGES = Kind(
    measure=_measure,
    compared_arms=lambda spec, _: (spec.arm,),
    note="Rates: n runs, exact binomial test, Wilson's interval.",
)
