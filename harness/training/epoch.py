"""What a run reports after each epoch. Importable without torch."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True, slots=True)
class EpochRecord:
    """What one epoch gave. Losses are means over samples, in nats; None where not measured."""

    epoch: int
    """From 1."""
    step: int | None = None
    """Optimizer steps since the run began."""
    lr: float | None = None
    """Learning rate of the epoch's last step."""
    train_loss: float | None = None
    """Measured while training, so before each step; not finite in the epoch that diverged."""
    train_accuracy: float | None = None
    val_loss: float | None = None
    val_accuracy: float | None = None
    seconds: float
    """Spent in optimizer steps, evaluation excluded."""
    metrics: Mapping[str, float | None] = field(default_factory=dict)
    """Values by their name in records (`val_rmse`) that have no field of their own; of a program, all."""

    def value(self, name: str) -> float | None:
        """Return a metric by its name in records; None where it was not measured."""
        own: float | None = self.metrics[name] if name in self.metrics else getattr(self, name, None)
        return own
