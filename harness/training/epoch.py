"""What a run reports after each epoch. Importable without torch."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class EpochRecord:
    """What one epoch gave. Losses are means over samples, in nats; None where not measured."""

    epoch: int
    """From 1."""
    step: int
    """Optimizer steps since the run began."""
    lr: float
    """Learning rate of the epoch's last step."""
    train_loss: float
    """Measured while training, so before each step; not finite in the epoch that diverged."""
    train_accuracy: float
    val_loss: float | None
    val_accuracy: float | None
    seconds: float
    """Spent in optimizer steps, evaluation excluded."""
