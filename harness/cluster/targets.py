"""The kinds of clusters there are, one row each."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from harness.cluster.record import TargetName
from harness.cluster.target import Target
from harness.study.submission import KubeRaySite, RaySite, SlurmSite


def _slurm(settings: Any = None) -> Target:
    from harness.cluster.slurm.target import SlurmTarget

    return SlurmTarget(settings)


def _ray(settings: Any = None) -> Target:
    from harness.cluster.ray_jobs.target import RayTarget

    return RayTarget(settings)


def _kuberay(settings: Any = None) -> Target:
    from harness.cluster.kuberay.target import KubeRayTarget

    return KubeRayTarget(settings)


@dataclass(frozen=True, kw_only=True)
class TargetSpec:
    """One kind of cluster."""

    summary: str
    settings: type[BaseModel]
    """What may be set for it; each field is a flag of the command."""
    make: Callable[..., Target]
    """With settings to submit, without to look after what was submitted. Imports what the target needs."""


TARGETS: Mapping[TargetName, TargetSpec] = {
    "slurm": TargetSpec(summary="a job of Slurm", settings=SlurmSite, make=_slurm),
    "ray": TargetSpec(summary="a job on a Ray cluster that exists", settings=RaySite, make=_ray),
    "kuberay": TargetSpec(
        summary="a Ray cluster of its own in Kubernetes", settings=KubeRaySite, make=_kuberay
    ),
}
