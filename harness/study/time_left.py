"""How long the rest of a study takes at its pace: an epoch of one arm may take many times another's."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(kw_only=True)
class Trained:
    """Epochs of an arm, of all sessions."""

    epochs: int = 0
    seconds: float = 0.0
    """What their steps took, added up."""


def seconds_left(
    left: Mapping[str, float], trained: Mapping[str, Trained], done: Mapping[str, int], elapsed: float
) -> float | None:
    """Return how long what is left takes, if the clock goes on as it did for what a session has done.

    Args:
        left: Epochs still to be trained, by arm.
        trained: What is known of how long an arm's epochs take; an arm without any has average ones.
        done: Epochs that this session trained, by arm.
        elapsed: Seconds on the clock in which it did, runs beside each other and all else included.

    Returns:
        Seconds; None where the session has trained nothing.
    """
    epochs = sum(arm.epochs for arm in trained.values())
    average = sum(arm.seconds for arm in trained.values()) / max(1, epochs)
    lengths = {name: arm.seconds / arm.epochs for name, arm in trained.items() if arm.epochs}

    def worth(counts: Mapping[str, float]) -> float:
        return sum(count * (lengths.get(name, average) or 1.0) for name, count in counts.items())

    worked = worth(done)
    return worth(left) * elapsed / worked if worked else None
