"""A real Slurm for the tests that need one."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.components import require
from tests.cluster.emulated_hosts import can_emulate_hosts, emulated_hosts
from tests.cluster.slurm_cluster import SlurmCluster, has_slurm, one_at_a_time, slurm_cluster


@pytest.fixture(scope="session")
def machine() -> Iterator[None]:
    """Keep this machine's emulated networks for this test run."""
    require(
        "Slurm",
        has_slurm(),
        "slurmctld, slurmd and munged are started by root; "
        "apt-get install slurmctld slurmd slurm-client munge",
    )
    with one_at_a_time():
        yield


@pytest.fixture(scope="session")
def slurm(machine: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SlurmCluster]:
    """Run a Slurm whose two nodes are this machine."""
    with slurm_cluster(tmp_path_factory.mktemp("slurm") / "cluster") as cluster:
        yield cluster


@pytest.fixture(scope="session")
def slurm_hosts(
    machine: None, repository: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[SlurmCluster]:
    """Run a Slurm of two emulated hosts that share this test run's temporary folder and the harness."""
    require(
        "emulated hosts",
        can_emulate_hosts(),
        "network and process namespaces need root with all its rights, and the ip command",
    )
    shared = (tmp_path_factory.getbasetemp(), repository, Path(sys.prefix))
    with (
        emulated_hosts(shared) as hosts,
        slurm_cluster(tmp_path_factory.mktemp("slurm") / "cluster", hosts) as cluster,
    ):
        yield cluster
