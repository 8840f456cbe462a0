"""Weights of a trained network: as a file, and what they are known by.

A file holds tensors by name, and under one key of its metadata one JSON object: with more keys safetensors
writes them in any order, and equal weights would not be equal bytes.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from harness.errors import ResultsError, StudyError, unusable
from harness.training.data.input_norm import InputTransform
from harness.training.evaluation import Predictor

_KEY = "recipe_harness"


def digest(weights: Mapping[str, torch.Tensor]) -> str:
    """Return the SHA-256 over a network's weights and buffers, in the order of their names."""
    hashed = hashlib.sha256()
    for name, values in sorted(weights.items()):
        hashed.update(f"{name} {values.dtype} {tuple(values.shape)}\n".encode())
        hashed.update(values.detach().cpu().contiguous().numpy().tobytes())
    return hashed.hexdigest()


def weights_file(weights: Mapping[str, Any], facts: Mapping[str, Any]) -> bytes:
    """Return the content of a safetensors file; equal weights and facts give equal bytes.

    Args:
        weights: A network's `state_dict`.
        facts: What the metadata hold of it, as JSON can.

    Raises:
        StudyError: The network keeps other things than tensors, which such a file cannot hold.
    """
    others = [name for name, values in weights.items() if not isinstance(values, torch.Tensor)]
    if others:
        raise StudyError(
            f"the model's state_dict holds {', '.join(others)}, which is no tensor, and a safetensors file "
            f"holds nothing else. Remedy: confirm: {{keep: none}}"
        )
    alone = {name: values.detach().cpu().contiguous().clone() for name, values in weights.items()}
    return save(alone, metadata={_KEY: json.dumps(dict(facts), sort_keys=True)})


def kept_weights(predictor: Predictor, run: Mapping[str, Any]) -> bytes:
    """Return the file of a run's tested network, whose metadata say what it takes to use it.

    Args:
        predictor: The network, and how inputs enter it.
        run: Has at least the run's `run_id`, `arm`, `repeat`, `seed` and `configuration`.

    Raises:
        StudyError: See `weights_file`.
    """
    told = ("run_id", "arm", "repeat", "seed", "configuration")
    facts = {name: run[name] for name in told} | {"inputs": input_numbers(predictor.transform)}
    return weights_file(predictor.model.state_dict(), facts)


def read_weights(path: Path) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """Return what a file holds: tensors by name, on the CPU, and facts.

    Raises:
        ResultsError: It is missing, or no such file.
    """
    try:
        with safe_open(path, framework="pt") as file:
            facts = json.loads((file.metadata() or {}).get(_KEY, "{}"))
            names = list(file.keys())
            return {name: file.get_tensor(name) for name in names}, facts
    except OSError as error:
        raise ResultsError(unusable(path, "read", error)) from error
    except (SafetensorError, ValueError) as error:
        raise ResultsError(f"{path}: is no file of weights ({error}). Remedy: bring back a copy") from error


def input_numbers(transform: InputTransform) -> dict[str, Any]:
    """Return how inputs enter a network, `(inputs - center) * scale + shift`, in numbers as JSON has them."""
    named = {"center": transform.center, "scale": transform.scale, "shift": transform.shift}
    return {
        name: value.flatten().tolist() if isinstance(value, torch.Tensor) else value
        for name, value in named.items()
    }
