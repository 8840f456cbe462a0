"""Measuring a model on samples it does not learn from."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import torch
from torch import nn

from harness.training.arithmetic import computed, fp32_arithmetic
from harness.training.data.arrays import Samples
from harness.training.data.input_norm import InputTransform
from harness.training.losses import Loss, matched
from harness.training.metrics import Measure

EVALUATION_BATCH = 2000
"""Large enough to keep the matrix products efficient, small enough to stay in a CPU's caches."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Predictor:
    """A trained model with the transform of inputs and the loss that it was trained on."""

    model: nn.Module
    transform: InputTransform
    loss: Loss
    precision: str = "fp32"
    """What the model is trained in, and is evaluated in."""

    def outputs(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return what the model makes of inputs that are transformed already."""
        return computed(self.model, inputs, self.precision)


@dataclass(frozen=True, kw_only=True, eq=False)
class Evaluation:
    """How a model does on `n` samples."""

    loss: float
    """Mean over samples; of cross-entropy in nats."""
    accuracy: float | None
    """Share of right classes, in [0, 1]; None where numbers are predicted."""
    predicted: torch.Tensor | None
    """`(n,)`, int64: the class of the highest logit of each sample, on the samples' device."""
    metrics: Mapping[str, float]
    """What was to be measured besides, by name."""


@torch.no_grad()
@fp32_arithmetic()
def evaluate(
    predictor: Predictor,
    data: Samples,
    indices: torch.Tensor | None = None,
    measures: Mapping[str, Measure] = MappingProxyType({}),
) -> Evaluation:
    """Measure a model on all samples, or those at the indices.

    Means are over samples, not over batches: a smaller last batch weighs what it holds.

    Args:
        predictor: The model.
        data: Samples.
        indices: `(n,)` int64; all by default.
        measures: What to measure besides loss and accuracy, on all outputs at once.
    """
    predictor.model.eval()
    chosen = torch.arange(len(data), device=data.device) if indices is None else indices
    loss_sum = torch.zeros((), dtype=torch.float64, device=data.device)
    n_correct = torch.zeros((), dtype=torch.int64, device=data.device)
    predicted, outputs = [], []
    for batch in torch.split(chosen, EVALUATION_BATCH):
        targets = data.targets.index_select(0, batch)
        output = predictor.outputs(predictor.transform(data.inputs.index_select(0, batch)))
        output = matched(output, targets)
        loss_sum += predictor.loss.total(output, targets)
        if data.is_classified:
            predicted.append(output.argmax(dim=1))
            n_correct += (predicted[-1] == targets).sum()
        if measures:
            outputs.append(output)
    together = (torch.cat(outputs), data.targets.index_select(0, chosen)) if measures else ()
    return Evaluation(
        loss=loss_sum.item() / len(chosen),
        accuracy=n_correct.item() / len(chosen) if data.is_classified else None,
        predicted=torch.cat(predicted) if data.is_classified else None,
        metrics={name: measure(*together) for name, measure in measures.items()},
    )
