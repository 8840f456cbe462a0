"""A sweep over two hosts of a Slurm, which have nothing in common but a network and one folder."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import psutil
import pytest

from harness.records.folder import ResultsFolder
from tests.cluster.emulated_hosts import ADDRESSES
from tests.cluster.slurm_cluster import SlurmCluster
from tests.cluster.slurm_job import Job

pytestmark = [pytest.mark.full, pytest.mark.slow, pytest.mark.slurm, pytest.mark.ray, pytest.mark.data]


LONGER = ("--", "--set", "recipe.dataset=fashion_mnist", "--set", "recipe.batch_size=1024",
          "--set", "recipe.epochs=24", "--set", "search={sampler: random, trials: 3, early_stopping: none}",
          "--set", "resources={}")  # fmt: skip
"""Runs that last longer than one host may be later than the other, one on each host."""


@pytest.fixture
def job(slurm_hosts: SlurmCluster, tmp_path: Path) -> Iterator[Job]:
    """Return a job that is still to be submitted; it does not outlive its test."""
    yield Job(slurm_hosts, tmp_path / "a folder" / "drill")
    slurm_hosts.clear()


def test_a_sweep_uses_both_hosts_and_leaves_nothing_there(job: Job, drill_study: Path) -> None:
    """Its runs are on both, Ray asks for a token that only the owner can read, and then all of it is gone."""
    job.submit(drill_study, "--nodes", "2", "--gpus-per-node", "1", *LONGER)
    job.wait_for_runs(1)
    token = job.run_dir / "submit" / "token"
    assert stat.S_IMODE(token.stat().st_mode) == 0o600
    raylets = job.cluster.processes_of("raylet/raylet")
    assert [process.environ()["RAY_AUTH_MODE"] for process in raylets] == ["token", "token"]
    assert all("CPU,1" in line and "GPU,1" in line for line in (" ".join(p.cmdline()) for p in raylets))
    state = job.wait_for("completed", "failed")
    assert state["exit_code"] == 0, job.log
    assert job.events == ["started", "cluster_up", "ended"]
    runs = pd.read_parquet(ResultsFolder(job.run_dir).runs)
    assert len(runs) == 10
    assert set(runs["host"]) == {"hbn1", "hbn2"}
    assert not token.exists()
    assert_nothing_is_left(job)


def test_a_head_that_does_not_start_ends_the_job(job: Job, drill_study: Path) -> None:
    """After a bounded wait, with Ray's own words in the log."""
    job.submit(drill_study, "--nodes", "2", "--setup", "ulimit -n 24")
    state = job.wait_for("failed")
    assert state["exit_code"] == 2
    assert "error: Ray's head did not start on hbn1; it said:" in job.log
    assert "gcs_server" in job.log
    assert_nothing_is_left(job)


def assert_nothing_is_left(job: Job) -> None:
    """On the hosts only Slurm runs; their /tmp holds shared folders, and data in the tests' cache."""
    hosts = job.cluster.hosts
    assert hosts is not None
    daemons = [psutil.Process(job.cluster.daemons[host].pid) for host in ADDRESSES]
    names = {process.name() for daemon in daemons for process in daemon.children(recursive=True)}
    assert names <= {"unshare", "bash", "slurmd", "slurmstepd"}
    job.assert_nothing_runs()
    tmp = Path("/tmp")  # noqa: S108 - each host's own
    shared = {path.relative_to(tmp).parts[0] for path in hosts.shared if path.is_relative_to(tmp)}
    left = {path.name for host in hosts.private.iterdir() for path in host.iterdir()}
    assert left - {Path(os.environ["XDG_CACHE_HOME"]).name} == shared
