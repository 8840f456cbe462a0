"""Which arithmetic training uses. torch's settings are put back afterwards: other code shares the process."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch


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

    The setting belongs to the calling thread (and those it starts); torch's default is put back.
    """
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(False)
