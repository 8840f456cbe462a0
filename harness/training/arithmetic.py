"""Which arithmetic training uses. torch's settings are put back afterwards: other code shares the process."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch

_DTYPES = {"bf16": torch.bfloat16}
"""Of a recipe's `precision`, what autocast computes in; float32 is what torch does by itself."""


def computed(
    model: Callable[[torch.Tensor], torch.Tensor], inputs: torch.Tensor, precision: str
) -> torch.Tensor:
    """Return a model's outputs, computed in a precision; those in a shorter type are widened to float32.

    Losses and metrics are taken of what this returns, outside of autocast. Weights, and so gradients and the
    optimizer's state, are float32 in any case.

    Args:
        model: From inputs to outputs; what else than a tensor it returns is passed on.
        inputs: `(B, *shape)`, float32.
        precision: The recipe's field.

    Source: Micikevicius et al. 2018, Mixed Precision Training, section 3.1 (a master copy of the weights).
    Its scaling of losses (3.2) is for float16: bfloat16 has the exponents of float32.
    """
    if precision not in _DTYPES:
        return model(inputs)
    dtype = _DTYPES[precision]
    with torch.autocast(inputs.device.type, dtype=dtype):
        outputs = model(inputs)
    return outputs.float() if isinstance(outputs, torch.Tensor) and outputs.dtype == dtype else outputs


@contextmanager
def fp32_arithmetic() -> Iterator[None]:
    """Let cuDNN compute convolutions in full float32, the same way each time.

    Left alone, it rounds their inputs to TF32's 10 bits, and may choose other algorithms in the next run.
    """
    with torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False):
        yield


@contextmanager
def denormals_flushed() -> Iterator[None]:
    """Let numbers too small for full precision be zero: moments of dead pixels decay into such slow ones.

    The setting belongs to the calling thread, whose default is put back; other threads keep what they were
    started with. torch starts those that share an operation with the first large one, so who trains with
    several threads sets this before any tensor is made.
    """
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(False)
