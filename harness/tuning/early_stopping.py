"""ASHA for one arm, fed with this arm's runs only, in the stopping variant of Ray Tune.

A slow starter in one arm is thus never stopped by a fast one in another. Decisions are those of Ray's own
scheduler to the last bit, which sorts all that a rung holds again at every report: of 10,000 runs that costs
more than all else together. Nothing here needs Ray, so that a dry run can ask it too.
"""

from bisect import insort
from math import floor, log

from harness.study.file import EarlyStopping


class Rung:
    """What runs reached at one number of epochs."""

    def __init__(self, epochs: int, reduction_factor: int) -> None:
        self.epochs = epochs
        self.reached: dict[str, float] = {}
        """Run id to what it reached, larger is better."""
        self._ranked: list[float] = []
        """The same, ascending."""
        self._quantile = (1 - 1 / reduction_factor) * 100 / 100  # as percentages in Ray, for the same bits

    def record(self, run_id: str, value: float) -> None:
        """Take what a run reached."""
        self.reached[run_id] = value
        insort(self._ranked, value)

    def cutoff(self) -> float | None:
        """Return what a run must reach to go on; None of an empty rung.

        Source: quantile 7 of Hyndman and Fan 1996, Sample Quantiles in Statistical Packages, in numpy's
        order of operations.
        """
        if not self._ranked:
            return None
        place = (len(self._ranked) - 1) * self._quantile
        below = floor(place)
        if below + 1 >= len(self._ranked):
            return self._ranked[-1]
        share = place - below
        low, high = self._ranked[below], self._ranked[below + 1]
        return low + (high - low) * share if share < 0.5 else high - (high - low) * (1 - share)


class ArmEarlyStopping:
    """Decide after each epoch whether a run of one arm goes on."""

    def __init__(self, settings: EarlyStopping, mode: str, max_epochs: int) -> None:
        """Start with empty rungs.

        Args:
            settings: Grace period and reduction factor.
            mode: `min` or `max`.
            max_epochs: Epochs of the longest run; rungs stand below it.
        """
        self._sign = 1.0 if mode == "max" else -1.0
        first, factor = min(settings.grace_epochs, max_epochs), settings.reduction_factor
        count = int(log(max_epochs / first) / log(factor) + 1)
        self.rungs = [Rung(first * factor**number, factor) for number in reversed(range(count))]
        """The highest first."""

    def should_stop(self, run_id: str, epoch: int, value: float) -> bool:
        """Record a run's value at an epoch; return whether ASHA stops the run.

        The value is recorded at the highest rung that the run has reached and not been recorded at.

        Args:
            run_id: The run.
            epoch: Epochs finished, below the run's full length.
            value: The search metric, finite.
        """
        open_rungs = (each for each in self.rungs if epoch >= each.epochs and run_id not in each.reached)
        rung = next(open_rungs, None)
        if rung is None:
            return False
        cutoff = rung.cutoff()
        rung.record(run_id, self._sign * value)
        return cutoff is not None and self._sign * value < cutoff
