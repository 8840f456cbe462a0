"""What a node of a study asks for: checked before anything is submitted, so that nothing waits for ever."""

import math
import re
from dataclasses import dataclass

from harness.errors import EnvironmentMismatchError
from harness.study.study import Study
from harness.study.submission import KubeRaySite

DEFAULT_CPUS = 4
"""CPUs of a worker pod where nobody says. Ray would otherwise count all CPUs of the machine, others' too."""

DEFAULT_MEMORY = "8Gi"
"""Memory of a worker pod where nobody says."""

_CPU = re.compile(r"(?P<whole>\d+(\.\d{1,3})?)|(?P<thousandths>\d+)m")
_MEMORY = re.compile(r"(?P<number>\d+(\.\d+)?)(?P<unit>([KMGTP]i)|[kMGTP]|)")
_UNITS = {"": 1, "k": 1000, "Ki": 1024}
_UNITS |= {f"{unit}": 1000**power for power, unit in enumerate("MGTP", start=2)}
_UNITS |= {f"{unit}i": 1024**power for power, unit in enumerate("MGTP", start=2)}
_LEAST_MEMORY = 256 * 1024**2


@dataclass(frozen=True, kw_only=True)
class NodeResources:
    """CPUs, memory and GPUs of one pod, as Kubernetes writes them."""

    cpu: str
    memory: str
    gpus: int

    def as_limits(self) -> dict[str, str]:
        """Return them as a container's `requests` and `limits`."""
        return {"cpu": self.cpu, "memory": self.memory} | (
            {"nvidia.com/gpu": str(self.gpus)} if self.gpus else {}
        )


def node_resources(settings: KubeRaySite, study: Study) -> NodeResources:
    """Return what each node that trains asks for.

    Raises:
        EnvironmentMismatchError: A quantity is none, or not even one run fits on such a node.
    """
    run = study.resources
    cpu = str(max(DEFAULT_CPUS, run.cpu) if settings.worker_cpu is None else settings.worker_cpu)
    memory = checked_memory("worker_memory", settings.worker_memory or DEFAULT_MEMORY)
    gpus = math.ceil(run.gpu) if settings.worker_gpu is None else settings.worker_gpu
    # KubeRay tells Ray the limit rounded up.
    for name, asked, there, remedy in (
        ("cpu", run.cpu, math.ceil(_cpus(cpu)), f"--worker-cpu {run.cpu}"),
        ("gpu", run.gpu, gpus, f"--worker-gpu {math.ceil(run.gpu)}"),
    ):
        if asked > there:
            raise EnvironmentMismatchError(
                f"worker_{name} = {there}: a run asks for resources.{name} = {asked:g}, so none would ever "
                f"start. Remedy: {remedy}"
            )
    return NodeResources(cpu=cpu, memory=memory, gpus=gpus)


def _cpus(text: str) -> float:
    match = _CPU.fullmatch(text)
    cpus = 0.0 if match is None else float(match["whole"] or int(match["thousandths"]) / 1000)
    if cpus <= 0:
        raise EnvironmentMismatchError(
            f"worker_cpu = {text!r}: must be a number of CPUs above 0, such as 4, 0.5 or 500m. "
            f"Remedy: --worker-cpu {DEFAULT_CPUS}"
        )
    return cpus


def checked_memory(setting: str, value: str | float) -> str:
    """Return an amount of memory as Kubernetes writes it.

    Raises:
        EnvironmentMismatchError: It is none, or too little to start Ray with.
    """
    text = str(value)
    match = _MEMORY.fullmatch(text)
    if match is None or float(match["number"]) * _UNITS[match["unit"]] < _LEAST_MEMORY:
        raise EnvironmentMismatchError(
            f"{setting} = {text!r}: must be at least 256Mi, with a unit of Kubernetes (Mi, Gi, M, G; a "
            f"bare number counts bytes). Remedy: --{setting.replace('_', '-')} {DEFAULT_MEMORY}"
        )
    return text
