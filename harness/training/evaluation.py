"""Measuring a model on samples it does not learn from."""

from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional

from harness.training.arithmetic import fp32_arithmetic
from harness.training.data.arrays import Samples
from harness.training.data.input_norm import InputTransform

_EVALUATION_BATCH = 2000
"""Large enough to keep the matrix products efficient, small enough to stay in a CPU's caches."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Predictor:
    """A trained model with the transform of inputs that it was trained on."""

    model: nn.Module
    transform: InputTransform


@dataclass(frozen=True, kw_only=True, eq=False)
class Evaluation:
    """How a model does on `n` samples."""

    loss: float
    """Mean cross-entropy, in nats."""
    accuracy: float
    """Share of right classes, in [0, 1]."""
    predicted: torch.Tensor
    """`(n,)`, int64: the class of the highest logit of each sample, on the samples' device."""


def evaluate(predictor: Predictor, data: Samples, indices: torch.Tensor | None = None) -> tuple[float, float]:
    """Return mean cross-entropy (nats) and accuracy (0 to 1) over all samples, or those at the indices."""
    evaluation = classify(predictor, data, indices)
    return evaluation.loss, evaluation.accuracy


@torch.no_grad()
@fp32_arithmetic()
def classify(predictor: Predictor, data: Samples, indices: torch.Tensor | None = None) -> Evaluation:
    """Do `evaluate`, and keep each sample's predicted class.

    Means are over samples, not over batches: a smaller last batch weighs what it holds.
    """
    predictor.model.eval()
    chosen = torch.arange(len(data), device=data.device) if indices is None else indices
    loss_sum = torch.zeros((), dtype=torch.float64, device=data.device)
    n_correct = torch.zeros((), dtype=torch.int64, device=data.device)
    predicted = []
    for batch in torch.split(chosen, _EVALUATION_BATCH):
        labels = data.targets.index_select(0, batch)
        logits = predictor.model(predictor.transform(data.inputs.index_select(0, batch)))
        loss_sum += functional.cross_entropy(logits, labels, reduction="sum")
        predicted.append(logits.argmax(dim=1))
        n_correct += (predicted[-1] == labels).sum()
    return Evaluation(
        loss=loss_sum.item() / len(chosen),
        accuracy=n_correct.item() / len(chosen),
        predicted=torch.cat(predicted),
    )
