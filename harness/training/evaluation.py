"""Measuring a model on images it does not learn from."""

from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional

from harness.training.arithmetic import fp32_arithmetic
from harness.training.data.arrays import LabelledImages
from harness.training.data.pixels import PixelTransform

_EVALUATION_BATCH = 2000
"""Large enough to keep the matrix products efficient, small enough to stay in a CPU's caches."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Predictor:
    """A trained model with the pixel transform it was trained on."""

    model: nn.Module
    transform: PixelTransform


@torch.no_grad()
@fp32_arithmetic()
def evaluate(
    predictor: Predictor, data: LabelledImages, indices: torch.Tensor | None = None
) -> tuple[float, float]:
    """Return mean cross-entropy (nats) and accuracy (0 to 1) over all images, or those at the indices.

    Means are over samples, not over batches: a smaller last batch weighs what it holds.
    """
    predictor.model.eval()
    chosen = torch.arange(len(data), device=data.labels.device) if indices is None else indices
    loss_sum = torch.zeros((), dtype=torch.float64, device=data.labels.device)
    n_correct = torch.zeros((), dtype=torch.int64, device=data.labels.device)
    for batch in torch.split(chosen, _EVALUATION_BATCH):
        labels = data.labels.index_select(0, batch)
        logits = predictor.model(predictor.transform(data.images.index_select(0, batch)))
        loss_sum += functional.cross_entropy(logits, labels, reduction="sum")
        n_correct += (logits.argmax(dim=1) == labels).sum()
    return loss_sum.item() / len(chosen), n_correct.item() / len(chosen)
