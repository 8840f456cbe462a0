"""How long a training step takes on this machine: noted by sweeps and `--measure`, in the user's cache.

A step is noted with its share of the evaluation that follows each epoch, for what decides its time: model,
optimizer, shape of the data, threads, size of the batch. No torch.
"""

import json
import math
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Self

import numpy as np

from harness.recipe.data import DataFacts
from harness.recipe.imported import is_imported, reference_of
from harness.records.provenance import cpu_name, gpu_names, utc_now
from harness.study.file import Resources
from harness.training.machine_cache import note, noted

_FILE = "paces.json"

_DECIDING = ("model", "optimizer", "activation", "batch_norm", "input_norm", "loss", "augment", "precision")
"""Fields of a configuration by which steps of the same batch differ in time."""

Workload = str
"""What decides how long a step takes, but for the size of its batch; a key of the cache."""


class Noted(NamedTuple):
    """What a step took."""

    seconds: float
    """With its share of the evaluation after each epoch."""
    at: str
    """UTC, ISO 8601."""


def workload_of(configuration: Mapping[str, Any], facts: DataFacts, resources: Resources) -> Workload:
    """Return what decides the time of a run's steps."""
    fields = {name: configuration.get(name) for name in _DECIDING}
    if is_imported(configuration["optimizer"]):
        fields["optimizer"] = reference_of(configuration["optimizer"])
    if not isinstance(configuration.get("input_norm"), str):
        fields["input_norm"] = "constants"
    fields |= {
        "dropout": bool(configuration.get("dropout")),
        "clip": configuration.get("clip_norm") is not None,
    }
    data = {"shape": list(facts.shape), "n_outputs": facts.n_outputs}
    return json.dumps(fields | data | {"cpu": resources.cpu, "gpu": float(resources.gpu)}, sort_keys=True)


@dataclass
class Paces:
    """What is known of this machine."""

    known: dict[Workload, dict[int, Noted]] = field(default_factory=dict)
    """Of each workload, by the size of the batch."""

    @classmethod
    def read(cls) -> Self:
        """Read what was noted before; nothing where the file is not what we wrote."""
        try:
            known = {
                str(workload): {int(size): _noted(*each) for size, each in sizes.items()}
                for workload, sizes in noted(_FILE, _machine()).items()
            }
        except (ValueError, TypeError, AttributeError):
            return cls()
        return cls(known)

    def note(self, workload: Workload, batch_size: int, seconds: float) -> None:
        """Take what a step took now in place of what was known."""
        self.known.setdefault(workload, {})[batch_size] = Noted(seconds, utc_now())

    def keep(self) -> None:
        """Write what is known beside what is known of other machines that share this home.

        Raises:
            HarnessError: There is no cache, or it cannot be written.
        """
        note(_FILE, _machine(), self.known)

    def seconds(self, workload: Workload, batch_size: int) -> float | None:
        """Return what a step takes, between known sizes on a straight line; None outside of them."""
        known = self.known.get(workload, {})
        if not known or not min(known) <= batch_size <= max(known):
            return None
        sizes = sorted(known)
        return float(np.interp(batch_size, sizes, [known[size].seconds for size in sizes]))

    def since(self, workload: Workload) -> str:
        """Return when the oldest of what is known of a workload was noted."""
        return min(noted.at for noted in self.known[workload].values())


def _noted(seconds: Any, at: Any) -> Noted:
    if not 0 < float(seconds) < math.inf:
        raise ValueError(f"{seconds} is no time of a step")
    return Noted(float(seconds), str(at))


def _machine() -> str:
    return ", ".join([socket.gethostname(), cpu_name(), *gpu_names()])
