"""What is answered of studies that were submitted to a cluster."""

from typing import Any, Literal

from harness.json_output.answer import Answer, Part, Place


class Job(Part):
    """How a submitted study is doing."""

    phase: Literal["pending", "running", "completed", "interrupted", "failed", "cancelled", "unknown"]
    reason: str
    """In the cluster's words; empty where it gives none."""
    exit_code: int | None
    """Of the sweep, once it is over."""
    facts: dict[str, str]
    """What else the cluster tells: nodes, restarts, start."""


class SubmitDryRun(Answer):
    """`submit TARGET STUDY --dry-run`: what would be submitted."""

    command: Literal["submit --dry-run"] = "submit --dry-run"
    run_dir: Place
    files: dict[str, str]
    """By their paths, the one to look at first."""
    answer: str | None
    """What the cluster said of them; null where it could not be asked."""


class _OfJob(Part):
    """Which submitted job an answer is about."""

    run_dir: Place
    target: Literal["slurm", "ray", "kuberay"]
    id: str
    name: str
    submitted_at: str
    """UTC, ISO 8601."""
    where: dict[str, str]
    """What else is needed to find it again."""
    earlier: list[str]
    """Ids of the submissions before this one."""


class Submitted(_OfJob, Answer):
    """`submit TARGET STUDY` and `submit resume`: which job it is."""

    command: Literal["submit", "submit resume"]
    job: Job | None
    """How it ended, with `--wait`; null before."""


class Status(_OfJob, Answer):
    """`submit status`: how a submitted study is doing."""

    command: Literal["submit status"] = "submit status"
    phase: Literal["pending", "running", "completed", "interrupted", "failed", "cancelled", "unknown"]
    reason: str
    """In the cluster's words; empty where it gives none."""
    exit_code: int | None
    """Of the sweep, once it is over."""
    facts: dict[str, str]
    """What else the cluster tells: nodes, restarts, start."""
    runs: dict[str, int]
    """How many runs ended, by status."""
    events: list[dict[str, Any]]
    """What the launcher lived through: `at`, `event`, `host`, `detail`."""
