"""Sweeps as jobs of a real Slurm: beside each other, preempted, out of time, cancelled, killed."""

import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from harness.manifest import Manifest
from harness.records.folder import ResultsFolder
from harness.records.recovery import recover_journal
from tests import drill
from tests.cluster.slurm_cluster import SlurmCluster
from tests.cluster.slurm_job import Job
from tests.processes import held

pytestmark = [pytest.mark.slow, pytest.mark.slurm, pytest.mark.ray]


@pytest.fixture
def job(slurm: SlurmCluster, tmp_path: Path) -> Iterator[Job]:
    """Return a job that is still to be submitted; it does not outlive its test."""
    yield Job(slurm, tmp_path / "drill")
    slurm.clear()


@pytest.fixture(scope="module")
def neighbours(
    slurm: SlurmCluster, drill_study: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Job, Job]:
    """Run the drill twice at once on one node: to its end, and until it is cancelled."""
    folder = tmp_path_factory.mktemp("neighbours")
    first, second = (Job(slurm, folder / name / "drill") for name in ("first", "second"))
    for each in (first, second):
        each.submit(drill_study, "--sbatch-arg=--nodelist=n1")
    second.wait_for_runs(1)
    second.command("cancel", str(second.run_dir))
    first.wait_for("completed")
    return first, second


def test_two_sweeps_on_one_node_do_not_meet(neighbours: tuple[Job, Job], undisturbed: ResultsFolder) -> None:
    """Each keeps to its own CPU and Ray, both run at once, and their numbers are those of one alone."""
    first, second = neighbours
    alone = drill.outcome(undisturbed)
    assert first.outcome == alone
    assert second.outcome.items() < alone.items()
    spans = []
    for each in neighbours:
        assert Manifest.read(each.results.manifest).slots == 1
        assert each.state["facts"]["nodes"] == "n1"
        at = {event["event"]: event["at"] for event in each.state["events"]}
        spans.append((at["started"], at["ended"]))
        each.assert_nothing_is_left()
    assert max(start for start, _ in spans) < min(end for _, end in spans)
    assert first.events == ["started", "cluster_up", "ended"]


def test_cancel_ends_a_sweep_in_good_order(neighbours: tuple[Job, Job]) -> None:
    """It is not requeued, its journal is whole, and nothing is left running."""
    _, cancelled = neighbours
    state = cancelled.state
    assert (state["phase"], state["exit_code"]) == ("cancelled", 75)
    assert cancelled.events == ["started", "cluster_up", "warned", "interrupted", "ended"]
    assert "the sweep ends in good order" in cancelled.log
    assert recover_journal(cancelled.results).loss is None
    cancelled.assert_nothing_is_left()


def test_a_preempted_sweep_goes_on_after_its_requeue(
    job: Job, drill_study: Path, undisturbed: ResultsFolder
) -> None:
    """A job of higher priority takes its node; later it ends with the undisturbed runs and numbers."""
    job.submit(drill_study)
    job.wait_for_runs(1)
    with held(job.workers()):  # it would end before Slurm has thought about it
        urgent = ["--partition=high", "--nodes=2", "--ntasks-per-node=1", "--cpus-per-task=2"]
        job.cluster.run("sbatch", *urgent, "--output=/dev/null", "--wrap=sleep 1")
        job.wait_for_event("warned")
    waiting = job.wait_for("pending")
    assert waiting["reason"].partition(":")[0] in {"BeginTime", "None", "Priority", "Resources"}
    alone, ended_before = drill.outcome(undisturbed), job.outcome
    assert 1 <= len(ended_before) < len(alone)
    job.cluster.run("scontrol", "update", f"JobId={waiting['id']}", "StartTime=now")
    state = job.wait_for("completed", "failed")
    assert (state["exit_code"], state["facts"]["restarts"]) == (0, "1")
    assert job.outcome == alone
    assert ended_before.items() <= job.outcome.items()
    told = ["started", "cluster_up", "warned", "interrupted", "requeued", "started", "cluster_up", "ended"]
    assert job.events == told
    assert "SIGUSR1: preemption; the sweep ends in good order" in job.log
    job.assert_nothing_is_left()


@pytest.mark.parametrize("how", ["preempted", pytest.param("cancelled", marks=pytest.mark.full)])
def test_a_sweep_that_is_told_to_end_while_its_ray_starts_was_interrupted(
    how: str, job: Job, drill_study: Path
) -> None:
    """A handler of Ray's takes the signal then; the job is requeued or cancelled as at any other time."""
    job.submit(drill_study)
    drill.wait_until(lambda: bool(job.cluster.processes_of("gcs_server")))
    if how == "preempted":
        job.cluster.run("scancel", "--batch", "--signal=USR1", job.state["id"])
        job.wait_for("pending")
        assert job.events == ["started", "cluster_up", "warned", "interrupted", "requeued"]
    else:
        job.command("cancel", str(job.run_dir))
        assert (job.state["phase"], job.state["exit_code"]) == ("cancelled", 75)
    job.assert_nothing_is_left()


@pytest.mark.full
def test_at_the_time_limit_a_sweep_ends_in_good_order_and_resume_finishes_it(
    job: Job, drill_study: Path, undisturbed: ResultsFolder
) -> None:
    """With `on_timeout: stop` the job is over, and a second one goes on where the journal ends."""
    # The whole job is in the time before the limit. Slurm is told to warn later, and we do so earlier.
    limits = ["--time", "30", "--warn-before", "1750", "--sbatch-arg=--signal=B:USR1@60"]
    job.submit(drill_study, *limits, "--on-timeout", "stop")
    job.wait_for_runs(1)
    job.cluster.run("scancel", "--batch", "--signal=USR1", job.state["id"])
    state = job.wait_for("interrupted", "completed")
    assert (state["phase"], state["exit_code"]) == ("interrupted", 75)
    assert state["reason"] == "time limit; `resume` finishes it"
    assert job.events == ["started", "cluster_up", "warned", "interrupted", "ended"]
    job.assert_nothing_is_left()
    job.command("resume", str(job.run_dir), "--wait")
    assert job.outcome == drill.outcome(undisturbed)
    assert job.state["earlier"] == [state["id"]]


@pytest.mark.full
def test_a_sweep_that_is_killed_leaves_nothing_running(job: Job, drill_study: Path) -> None:
    """As by a node that is out of memory: its Ray is ended, and the job's exit code tells of the signal."""
    job.submit(drill_study)
    job.wait_for_runs(1)
    (driver,) = job.cluster.processes_of("-m harness.sweep")
    driver.send_signal(signal.SIGKILL)
    state = job.wait_for("failed")
    assert state["exit_code"] == 128 + signal.SIGKILL
    assert "the sweep was ended by SIGKILL" in job.log
    job.assert_nothing_is_left()


@pytest.mark.full
def test_a_launcher_that_is_killed_takes_its_sweep_with_it(job: Job, drill_study: Path) -> None:
    """Slurm ends what a dead launcher leaves; the state says that it could write no more."""
    job.submit(drill_study)
    job.wait_for_runs(1)
    (launcher,) = job.cluster.processes_of("harness.cluster.slurm.launcher")
    launcher.send_signal(signal.SIGKILL)
    state = job.wait_for("failed")
    assert "the launcher did not end by itself" in state["reason"]
    psutil.wait_procs(job.cluster.processes_of("harness"), timeout=20)
    job.assert_nothing_runs()
    for folder in Path("/tmp").glob(f"j{state['id']}-*"):  # noqa: S108 - what nobody was left to remove
        shutil.rmtree(folder)
