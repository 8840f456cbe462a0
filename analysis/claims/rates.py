"""`diverges`, and times to a target that some runs miss: counts of runs, by exact binomial tests."""

from dataclasses import dataclass

from analysis import statistics
from analysis.claims.verdict import ALPHA, Ruling, Untestable, Verdict
from analysis.statistics import power


@dataclass(frozen=True, kw_only=True)
class Rate:
    """A count of runs against a share."""

    hits: int
    trials: int
    share: float
    """The claim says that more than this share are hits."""
    arm: str
    than: str | None
    metric: str | None
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

    def rule(self, alpha: float) -> Verdict:
        """Return the verdict at a two-sided level; the interval is Wilson's at that level."""
        found = f"{self.hits} of {self.trials} {self.noun}"
        if self.p < alpha:
            is_more = self.hits > self.share * self.trials
            side = "more" if is_more else "fewer"
            reason = f"{found}, which is {side} than a share of {self.share:g} gives by chance"
            return self._verdict("supported" if is_more else "contradicted", reason, alpha)
        reason = f"{found}: too few runs to say on which side of a share of {self.share:g} the rate lies"
        return self._verdict("inconclusive", reason, alpha)

    def _verdict(self, ruling: Ruling, reason: str, alpha: float) -> Verdict:
        low, high = statistics.wilson_interval(self.hits, self.trials, 1 - alpha)
        is_open = ruling == "inconclusive"
        seen = power.detectable_share(n=self.trials, share=self.share, alpha=alpha) if is_open else None
        target = self.hits / self.trials
        needed = power.trials_to_find(true=target, share=self.share, alpha=alpha) if is_open else None
        return Verdict(
            ruling=ruling,
            reason=reason,
            n=self.trials,
            metric=self.metric,
            arm=self.arm,
            than=self.than,
            quantity="share",
            effect=target,
            low=low,
            high=high,
            level=1 - alpha,
            detectable=seen,
            seeds_needed=needed,
            needed_for=target if needed is not None else None,
        )


def rate(
    hits: int,
    trials: int,
    share: float,
    *,
    arm: str,
    noun: str,
    than: str | None = None,
    metric: str | None = None,
) -> Rate | Untestable:
    """Return the evidence of a count, or why no count of so few trials decides anything."""
    if trials == 0:
        return Untestable(reason=f"no run of {arm} tells")
    smallest = statistics.smallest_binomial_p(trials, share)
    if smallest >= ALPHA:
        found = f"{hits} of {trials} {noun}"
        reason = f"{found}, and no outcome of {trials} runs has a p below {ALPHA:g} (at best {smallest:.2g})"
        return Untestable(reason=reason, n=trials)
    return Rate(hits=hits, trials=trials, share=share, arm=arm, than=than, metric=metric, noun=noun)
