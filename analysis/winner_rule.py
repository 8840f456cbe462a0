"""The rule by which a search named its winners, read from the manifest: as a value, and in words."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import fsum

from harness.declaration import Manifest


@dataclass(frozen=True, kw_only=True)
class WinnerRule:
    """What stands for a run of full length when a search compares its runs."""

    metric: str
    sign: int
    """+1 where more is better, -1 where less is."""
    is_best_epoch: bool
    """Whether a run counts by its best epoch, whose network confirm runs are tested with."""
    average_epochs: int
    """Epochs at the end of a run over which the metric is averaged otherwise; 1 for the last one alone."""
    seeds: int
    """Search runs of a configuration, over whose values the metric is averaged."""

    @classmethod
    def of(cls, manifest: Manifest) -> "WinnerRule":
        """Return a study's rule."""
        search = manifest.search.filled()
        return cls(
            metric=search.metric,
            sign=-1 if search.mode == "min" else 1,
            is_best_epoch=search.winner == "best",
            average_epochs=search.average_epochs,
            seeds=search.seeds,
        )

    def value(self, values: Sequence[float]) -> float:
        """Return what a run counts by.

        Args:
            values: Shape `(epochs,)`: the metric after each epoch, finite, at least one.
        """
        if self.is_best_epoch:
            return self.sign * max(self.sign * value for value in values)
        last = values[-self.average_epochs :]
        return fsum(last) / len(last)

    def in_words(self) -> str:
        """Return the rule, such as `val_accuracy, mean of the last 5 epochs`."""
        if self.is_best_epoch:
            words = f"{self.metric} at its best epoch"
        elif self.average_epochs > 1:
            words = f"{self.metric}, mean of the last {self.average_epochs} epochs"
        else:
            words = f"{self.metric} at the last epoch"
        return words + (f", averaged over {self.seeds} search seeds" if self.seeds > 1 else "")

    def values_in_words(self) -> str:
        """Return a sentence on what the losses and accuracies of a run are."""
        if self.is_best_epoch:
            return (
                f"Values are those of each run's {self.epoch_in_words()}, whose network was tested: its own "
                f"{self.metric} is the best of many and so optimistic. Losses are means over samples, "
                "training loss as measured while training."
            )
        return (
            "Losses are means over the samples of the last epoch, training loss as measured while training."
        )

    def epoch_in_words(self) -> str:
        """Return the epoch whose values stand in a run's row."""
        return f"epoch with the best {self.metric}" if self.is_best_epoch else "last epoch"
