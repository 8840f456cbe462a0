"""Losses: which exist, for which task, and their settings. One row a loss.

Names only; `harness.training.losses` builds them.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from harness.recipe.imported import is_imported
from harness.recipe.metrics import TASK_METRICS, Task


@dataclass(frozen=True, kw_only=True, slots=True)
class LossSpec:
    """Describe one loss."""

    task: Task
    """What is predicted: a study's task follows from it."""
    hyperparameters: Mapping[str, float]
    """Every recipe field the loss reads, with its default."""
    source: str


LOSSES: dict[str, LossSpec] = {
    "cross_entropy": LossSpec(
        task="classification",
        hyperparameters={"label_smoothing": 0.0},
        source="Bridle 1990, Probabilistic Interpretation of Feedforward Classification Network Outputs; "
        "smoothing: Szegedy et al. 2016, Rethinking the Inception Architecture, section 7",
    ),
    "mse": LossSpec(
        task="regression",
        hyperparameters={},
        source="Gauss 1809, Theoria motus, section 179 (least squares); torch's mse_loss",
    ),
    "l1": LossSpec(
        task="regression",
        hyperparameters={},
        source="Laplace 1774, Memoire sur la probabilite des causes par les evenements; torch's l1_loss",
    ),
    "huber": LossSpec(
        task="regression",
        hyperparameters={"huber_delta": 1.0},
        source="Huber 1964, Robust Estimation of a Location Parameter; torch's huber_loss",
    ),
}


def task_of(loss: Any, metrics: Iterable[str]) -> Task | None:
    """Return what a loss predicts; of an imported one by the metrics beside it, None if they do not tell.

    Args:
        loss: As a recipe names it.
        metrics: Names of the study's metrics.
    """
    if not is_imported(loss):
        return LOSSES[loss].task
    names = set(metrics)
    return next((task for task, known in TASK_METRICS.items() if names & (set(known) - {"loss"})), None)
