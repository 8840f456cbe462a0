"""Is bfloat16 faster than float32 on a device? Measured once a machine, and kept in the user's cache.

A processor's list of features does not tell: some compute in bfloat16 slower than in float32, and torch does
so on any. Nothing here imports torch before it measures.
"""

import math
import socket
import time
from functools import cache
from pathlib import Path
from typing import NamedTuple

from harness.code.named import NamedCode
from harness.code.process import ask
from harness.errors import EnvironmentMismatchError, HarnessError
from harness.records.provenance import cpu_name, gpu_names, utc_now
from harness.study.study import Study
from harness.training.machine_cache import note, noted

LEAST_SPEEDUP = 1.2
"""Below, bfloat16 costs digits and saves no time worth them."""

_FILE = "bf16.json"
_SHAPES = {"cpu": (512, 784, 300), "cuda": (4096, 4096, 4096)}
"""Samples, inputs and outputs of the linear layer that is timed: the first of `fcn`, and one that is large
enough for a GPU to be at work."""
_ROUNDS = 30


class Speedup(NamedTuple):
    """What a layer takes in float32, divided by what it takes in bfloat16."""

    ratio: float
    at: str
    """When it was measured: UTC, ISO 8601."""

    @property
    def is_enough(self) -> bool:
        """Whether a recipe may ask for bfloat16."""
        return self.ratio >= LEAST_SPEEDUP


def known_speedup(device: str) -> Speedup | None:
    """Return what was measured on this machine before; None where nothing was.

    Args:
        device: `cpu` or `cuda`.
    """
    match noted(_FILE, _name(device)):
        case [int() | float() as ratio, str() as at] if 0 < ratio < math.inf:
            return Speedup(float(ratio), at)
        case _:
            return None


def measured_speedup(device: str) -> Speedup:
    """Measure now, in a second or two, and keep it where there is a cache.

    A CPU is measured with one thread: several wait for each other where other work runs beside.

    Args:
        device: `cpu` or `cuda`.
    """
    speedup = Speedup(_ratio(device), utc_now())
    try:
        note(_FILE, _name(device), speedup)
    except HarnessError:
        return speedup  # to be measured again the next time
    return speedup


def asked_speedup(device: str) -> Speedup:
    """Let a process of its own measure: this one stays without torch."""
    ratio, at = ask(NamedCode(folder=Path()), {}, f"{__name__}:measured_speedup", device)
    return Speedup(float(ratio), str(at))


def arms_of(study: Study) -> list[str]:
    """Return the arms that can train in bfloat16; of a program nobody knows."""
    has_programs = study.trial is not None
    return [arm.name for arm in study.arms if not has_programs and "bf16" in arm.values_of("precision")]


def device_of(study: Study) -> str:
    """Return what a study's runs train on: `cpu` or `cuda`."""
    return "cuda" if study.resources.gpu else "cpu"


@cache
def check_own_device(device: str) -> None:
    """Refuse to train in bfloat16 where this process has no fast one: a worker asks, once.

    Raises:
        EnvironmentMismatchError: It has none.
    """
    speedup = known_speedup(device) or measured_speedup(device)
    if not speedup.is_enough:
        raise EnvironmentMismatchError(f"precision: {in_words(device, speedup)}")


def in_words(device: str, speedup: Speedup) -> str:
    """Return what was measured, and where it is too little the rule and the remedy."""
    samples, n_inputs, n_outputs = _SHAPES[device]
    told = (
        f"bf16 is {speedup.ratio:.2g} times as fast as fp32 on {_name(device)} (a layer of {n_inputs} to "
        f"{n_outputs} units over {samples} samples, forward and backward, measured {speedup.at})"
    )
    if speedup.is_enough:
        return told
    return (
        f"{told}, and is used from {LEAST_SPEEDUP:g} times on. Remedy: precision: fp32, or a machine that "
        f"computes in bf16 (CPUs with AVX512_BF16 or AMX, GPUs since NVIDIA Ampere); --dry-run --measure "
        f"measures again"
    )


@cache
def _name(device: str) -> str:
    """Name this machine's device."""
    own = cpu_name() if device == "cpu" else next(iter(gpu_names()), device)
    return f"{socket.gethostname()}, {own}"


def _ratio(device: str) -> float:
    """Time a layer in both precisions by turns; return the ratio of the shortest times."""
    import torch

    from harness.training.arithmetic import computed

    samples, n_inputs, n_outputs = _SHAPES[device]
    layer = torch.nn.Linear(n_inputs, n_outputs, device=device)
    inputs = torch.zeros(samples, n_inputs, device=device)

    now = time.process_time if device == "cpu" else time.perf_counter  # other work hardly counts on a CPU

    def seconds(precision: str) -> float:
        started = now()
        (gradient,) = torch.autograd.grad(computed(layer, inputs, precision).sum(), [layer.weight])
        gradient[0, 0].item()  # waits for a GPU
        return now() - started

    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        rounds = [(seconds("fp32"), seconds("bf16")) for _ in range(_ROUNDS)][1:]  # the first one sets up
    finally:
        torch.set_num_threads(n_threads)
    return min(full for full, _ in rounds) / min(short for _, short in rounds)
