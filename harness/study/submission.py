"""What a study asks of a cluster: the `submit:` section, and what a site or a flag may add to it.

A study file is data, also when it comes from somebody else: what a shell, a scheduler or a container would
carry out or take as its own option is for the user's own site profile and flags (`*Site`), not for a study.
"""

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Discriminator, Field, Tag, WithJsonSchema


def _one_line(text: str) -> str:
    if not text.strip() or not text.isprintable():
        raise ValueError(f"must be one line of printable text, but is {text!r}")
    return text


OneLine = Annotated[str, AfterValidator(_one_line)]
"""Text that stands in a line of a script or of a manifest."""


def _quantity_kind(value: object) -> str:
    kinds = {str: "<text>", int: "<count>", bool: "<count>"}
    return kinds.get(type(value), "<number>")


Quantity = Annotated[
    Annotated[OneLine, Tag("<text>")]
    | Annotated[int, Field(ge=1), Tag("<count>")]
    | Annotated[float, Field(gt=0), Tag("<number>")],
    Discriminator(_quantity_kind),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string"},
                {"minimum": 1, "type": "integer"},
                {"exclusiveMinimum": 0, "type": "number"},
            ]
        }
    ),
]
"""A number, or one with a unit as the cluster writes it."""

Count = Annotated[int, Field(ge=1)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, use_attribute_docstrings=True)


class SlurmSettings(_Section):
    """A Slurm job. What is left out becomes no directive: the site's own defaults hold."""

    nodes: Count | None = None
    """Nodes of the job; 1 if left out."""
    cpus_per_node: Count | None = None
    """CPUs of each node, for Ray and the runs."""
    gpus_per_node: Count | None = None
    """GPUs of each node."""
    mem: Quantity | None = None
    """Memory of each node, as Slurm writes it: 16G."""
    time: Quantity | None = None
    """Time limit, as Slurm writes it: 04:00:00, or minutes."""
    partition: OneLine | None = None
    """Partition, or several with commas."""
    account: OneLine | None = None
    """Account that is charged."""
    qos: OneLine | None = None
    """Quality of service."""
    warn_before: Annotated[int, Field(ge=30)] | None = None
    """Seconds before the time limit, and before a preemption, at which the sweep ends in good order; 120 if
    left out."""
    on_timeout: Literal["requeue", "stop"] | None = None
    """What happens at the time limit; `requeue` if left out."""
    max_restarts: Annotated[int, Field(ge=0)] | None = None
    """Requeues after which the job ends for good; 5 if left out."""


class SlurmSite(SlurmSettings):
    """What a site profile and flags may say beyond a study."""

    sbatch_args: list[OneLine] = []
    """Further options of sbatch, such as `--constraint=a100`; the last word on each."""
    setup: list[OneLine] = []
    """Shell lines before the start, such as `module load cuda`; run as they are."""
    python: OneLine | None = None
    """The interpreter on the nodes; the one that submits if left out."""


class RaySettings(_Section):
    """A Ray Job on a cluster that runs already."""

    entrypoint_cpus: Annotated[float, Field(ge=0)] | None = None
    """CPUs kept for the driver; 0 if left out."""


class RaySite(RaySettings):
    """What a site profile and flags may say beyond a study."""

    address: OneLine | None = None
    """The cluster's dashboard: http://HOST:8265."""
    working_dir: OneLine | None = None
    """Folder that is shipped to the cluster, without data and results, or the address of a zip file; `none`
    where the cluster has the harness. This checkout's code if left out."""
    env: dict[str, str] = {}
    """Environment variables of the driver and the runs."""


class KubeRaySettings(_Section):
    """A Ray cluster of its own in Kubernetes, made for the study and removed after it."""

    workers: Annotated[int, Field(ge=0)] | None = None
    """Worker pods beside the head; 1 if left out."""
    worker_cpu: Quantity | None = None
    """CPUs of a worker pod, as Kubernetes writes them."""
    worker_memory: Quantity | None = None
    """Memory of a worker pod: 8Gi."""
    worker_gpu: Count | None = None
    """GPUs of a worker pod."""


class KubeRaySite(KubeRaySettings):
    """What a site profile and flags may say beyond a study."""

    image: OneLine | None = None
    """Container image that holds this harness and Ray."""
    storage: OneLine | None = None
    """Where results are kept: `pvc:NAME`, or an address of an object storage."""
    namespace: OneLine | None = None
    """Namespace in Kubernetes; that of the current context if left out."""
    service_account: OneLine | None = None
    """Service account of the pods, for one that may use the object storage."""
    secret: OneLine | None = None
    """Secret whose entries become the driver's environment: credentials of the object storage."""
    env: dict[str, str] = {}
    """Environment variables of the driver and the runs, such as the endpoint of an object storage."""
    head_memory: Quantity | None = None
    """Memory of the driver's pod: 4Gi if left out."""


class Submission(_Section):
    """What a study asks of each kind of cluster."""

    slurm: SlurmSettings = SlurmSettings()
    ray: RaySettings = RaySettings()
    kuberay: KubeRaySettings = KubeRaySettings()


class Profile(_Section):
    """A site's own answers, from `~/.config/harness/cluster.yaml`."""

    slurm: SlurmSite = SlurmSite()
    ray: RaySite = RaySite()
    kuberay: KubeRaySite = KubeRaySite()
