"""Weights of a trained network: what they are known by."""

import hashlib

from torch import nn


def digest(model: nn.Module) -> str:
    """Return the SHA-256 over a network's weights and buffers, in the order of their names."""
    hashed = hashlib.sha256()
    for name, values in sorted(model.state_dict().items()):
        hashed.update(f"{name} {values.dtype} {tuple(values.shape)}\n".encode())
        hashed.update(values.detach().cpu().contiguous().numpy().tobytes())
    return hashed.hexdigest()
