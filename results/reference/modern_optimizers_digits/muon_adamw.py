"""Muon for a network's hidden weights and AdamW for the rest, as modern_optimizers.yaml imports it.

Needs pytorch-optimizer (Apache-2.0): torch's own Muon takes matrices and no kernels.
"""

from collections.abc import Iterable

from pytorch_optimizer import Muon
from torch import nn


def muon_adamw(
    params: Iterable[nn.Parameter], lr: float, weight_decay: float = 0.0, momentum: float = 0.95
) -> Muon:
    """Return Muon over all weights but the output layer's, with AdamW over that and over biases and norms.

    One learning rate and one weight decay serve both, as Muon's steps are scaled to the size of AdamW's.

    Args:
        params: In the order of the layers: the last matrix is the output layer's.
        lr: Of both.
        weight_decay: Of both, decoupled.
        momentum: Muon's, as Nesterov's.

    Source: Jordan et al. 2024, Muon: An optimizer for hidden layers in neural networks (which weights, five
        Newton-Schulz steps); Liu et al. 2025, Muon is Scalable for LLM Training, section 2.2 (the scale).
    """
    parameters = list(params)
    *hidden, _ = (parameter for parameter in parameters if parameter.ndim >= 2)
    ids = {id(parameter) for parameter in hidden}
    rest = [parameter for parameter in parameters if id(parameter) not in ids]
    groups = [{"params": hidden, "use_muon": True}, {"params": rest, "use_muon": False}]
    return Muon(
        groups,
        lr=lr,
        momentum=momentum,
        weight_decay=weight_decay,
        use_adjusted_lr=True,
        adamw_lr=lr,
        adamw_betas=(0.9, 0.999),
        adamw_wd=weight_decay,
        adamw_eps=1e-8,
    )
