"""Sweeps as jobs of a real Slurm: beside each other, preempted, out of time, cancelled, killed."""

import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from harness.records.folder import ResultsFolder
from harness.records.manifest import Manifest
from harness.records.recovery import recover_journal
from tests.cluster.slurm_cluster import SlurmCluster
from tests.cluster.slurm_job import STUDY, Job

pytestmark = [pytest.mark.slow, pytest.mark.slurm, pytest.mark.ray, pytest.mark.data]


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a small real study."""
    path = tmp_path_factory.mktemp("study") / "drill.yaml"
    path.write_text(STUDY)
    return path


@pytest.fixture
def job(slurm: SlurmCluster, tmp_path: Path) -> Iterator[Job]:
    """Return a job that is still to be submitted; it does not outlive its test."""
    yield Job(slurm, tmp_path / "drill")
    slurm.clear()


@pytest.fixture(scope="module")
def neighbours(slurm: SlurmCluster, study: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Job, Job]:
    """Run the study twice at once on one node, undisturbed otherwise."""
    folder = tmp_path_factory.mktemp("neighbours")
    first, second = (Job(slurm, folder / name / "drill") for name in ("first", "second"))
    for each in (first, second):
        each.submit(study, "--sbatch-arg=--nodelist=n1")
    for each in (first, second):
        each.wait_for("completed")
    return first, second


def test_two_sweeps_on_one_node_do_not_meet(neighbours: tuple[Job, Job]) -> None:
    """Each keeps to its own CPU and Ray, both run at once, and they come to the same numbers."""
    first, second = neighbours
    assert first.outcome == second.outcome
    assert len(first.outcome) == 12
    spans = []
    for each in neighbours:
        assert Manifest.read(ResultsFolder(each.run_dir).manifest).slots == 1
        assert each.state["facts"]["nodes"] == "n1"
        events = {event["event"]: event["at"] for event in each.state["events"]}
        assert list(events) == ["started", "cluster_up", "ended"]
        spans.append((events["started"], events["ended"]))
        each.assert_nothing_is_left()
    assert max(start for start, _ in spans) < min(end for _, end in spans)


def test_a_preempted_sweep_goes_on_after_its_requeue(
    job: Job, study: Path, neighbours: tuple[Job, Job]
) -> None:
    """A job of higher priority takes its node; later it ends with the undisturbed runs and numbers."""
    job.submit(study)
    job.wait_for_runs(1)
    urgent = ["--partition=high", "--nodes=2", "--ntasks-per-node=1", "--cpus-per-task=2"]
    job.cluster.run("sbatch", *urgent, "--output=/dev/null", "--wrap=sleep 1")
    waiting = job.wait_for("pending")
    assert waiting["reason"].partition(":")[0] in {"BeginTime", "None", "Priority", "Resources"}
    ended_before = job.outcome
    assert 1 <= len(ended_before) < 12
    job.cluster.run("scontrol", "update", f"JobId={waiting['id']}", "StartTime=now")
    state = job.wait_for("completed", "failed")
    assert (state["exit_code"], state["facts"]["restarts"]) == (0, "1")
    assert job.outcome == neighbours[0].outcome
    assert ended_before.items() <= job.outcome.items()
    told = ["started", "cluster_up", "warned", "interrupted", "requeued", "started", "cluster_up", "ended"]
    assert job.events == told
    assert "SIGUSR1: preemption; the sweep ends in good order" in job.log
    job.assert_nothing_is_left()


def test_at_the_time_limit_a_sweep_ends_in_good_order_and_resume_finishes_it(
    job: Job, study: Path, neighbours: tuple[Job, Job]
) -> None:
    """With `on_timeout: stop` the job is over, and a second one goes on where the journal ends."""
    # The whole job is in the time before the limit. Slurm is told to warn later, and we do so earlier.
    limits = ["--time", "30", "--warn-before", "1750", "--sbatch-arg=--signal=B:USR1@60"]
    job.submit(study, *limits, "--on-timeout", "stop")
    job.wait_for_runs(1)
    job.cluster.run("scancel", "--batch", "--signal=USR1", job.state["id"])
    state = job.wait_for("interrupted", "completed")
    assert (state["phase"], state["exit_code"]) == ("interrupted", 75)
    assert state["reason"] == "time limit; `resume` finishes it"
    assert job.events == ["started", "cluster_up", "warned", "interrupted", "ended"]
    job.assert_nothing_is_left()
    job.command("resume", str(job.run_dir), "--wait")
    assert job.outcome == neighbours[0].outcome
    assert job.state["earlier"] == [state["id"]]


def test_cancel_ends_a_sweep_in_good_order(job: Job, study: Path) -> None:
    """It is not requeued, its journal is whole, and nothing is left running."""
    job.submit(study)
    job.wait_for_runs(1)
    job.command("cancel", str(job.run_dir))
    state = job.state
    assert (state["phase"], state["exit_code"]) == ("cancelled", 75)
    assert job.events == ["started", "cluster_up", "warned", "interrupted", "ended"]
    assert "the sweep ends in good order" in job.log
    assert recover_journal(ResultsFolder(job.run_dir)).loss is None
    job.assert_nothing_is_left()


def test_a_sweep_that_is_killed_leaves_nothing_running(job: Job, study: Path) -> None:
    """As by a node that is out of memory: its Ray is ended, and the job's exit code tells of the signal."""
    job.submit(study)
    job.wait_for_runs(1)
    (driver,) = job.cluster.processes_of("-m harness.sweep")
    driver.send_signal(signal.SIGKILL)
    state = job.wait_for("failed")
    assert state["exit_code"] == 128 + signal.SIGKILL
    assert "the sweep was ended by SIGKILL" in job.log
    job.assert_nothing_is_left()


def test_a_launcher_that_is_killed_takes_its_sweep_with_it(job: Job, study: Path) -> None:
    """Slurm ends what a dead launcher leaves; the state says that it could write no more."""
    job.submit(study)
    job.wait_for_runs(1)
    (launcher,) = job.cluster.processes_of("harness.cluster.slurm.launcher")
    launcher.send_signal(signal.SIGKILL)
    state = job.wait_for("failed")
    assert "the launcher did not end by itself" in state["reason"]
    psutil.wait_procs(job.cluster.processes_of("harness"), timeout=20)
    job.assert_nothing_runs()
    for folder in Path("/tmp").glob(f"j{state['id']}-*"):  # noqa: S108 - what nobody was left to remove
        shutil.rmtree(folder)
