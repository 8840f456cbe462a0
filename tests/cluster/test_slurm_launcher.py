"""Parts of a job's launcher and of its state, where no Slurm is needed."""

import socket
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from harness.cluster.launch import ray_nodes
from harness.cluster.launch.processes import node_folder
from harness.cluster.slurm import ray_cluster
from harness.cluster.slurm.allocation import Allocation
from harness.cluster.slurm.commands import seconds_of
from harness.cluster.slurm.job import job_state
from harness.cluster.slurm.ray_cluster import free_port
from harness.cluster.slurm.script import LauncherInstructions
from harness.cluster.submit_folder import Cause, Happening, StatusDetail, StatusLog, SubmitFolder
from harness.errors import EnvironmentMismatchError, ResultsError

ORPHANS = """
import subprocess
from harness.cluster.launch.processes import adopt_orphans, end_descendants
adopt_orphans()
# The shell ends at once; its child is nobody's child but for the adoption, and shrugs a SIGTERM off.
shell = "sh -c 'trap \\"\\" TERM; echo $$; exec sleep 600' &"
with subprocess.Popen(["sh", "-c", shell], stdout=subprocess.PIPE, text=True) as parent:
    print(parent.stdout.readline())  # only now it shrugs
    parent.stdout.close()
print(end_descendants(1.0))
"""


@pytest.mark.parametrize(
    ("told", "seconds"),
    [
        ("0:07", 7),
        ("2:00", 120),
        ("1:00:01", 3601),
        ("2-03:00:00", 183600),
        ("UNLIMITED", None),
        ("NOT_SET", None),
        ("", None),
    ],
)
def test_the_time_left_is_read_as_slurm_writes_it(told: str, seconds: int | None) -> None:
    """Days, hours, minutes and seconds; words mean that nobody knows."""
    assert seconds_of(told) == seconds


def test_orphans_of_a_sweep_are_ended(tmp_path: Path) -> None:
    """Also one whose parent is gone, and which has to be killed."""
    done = subprocess.run(
        [sys.executable, "-c", ORPHANS], capture_output=True, text=True, timeout=60, check=True
    )
    orphan, ended = map(int, done.stdout.split())
    assert ended == 1
    assert not psutil.pid_exists(orphan)


def test_jobs_that_follow_each_other_look_for_ports_in_places_of_their_own() -> None:
    """A port that is in use is passed over, and where all are, the message says which."""
    job = 1999
    first = free_port(job)
    assert free_port(job + 1) != first
    with socket.socket() as one, socket.socket() as other:
        one.bind(("", first + 2))
        one.listen()
        second = free_port(job)
        assert second == first + 3
        other.bind(("", second))
        other.listen()
        with pytest.raises(EnvironmentMismatchError, match=rf"ports {first} to {first + 5} of .* are in use"):
            free_port(job)


def test_a_nodes_folder_is_private_short_and_gone_afterwards(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever a site calls its temporary folder: Ray's sockets need a short path."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    with node_folder("12345678") as folder:
        assert folder.stat().st_mode & 0o777 == 0o700
        assert len(str(folder)) <= 24
        (folder / "socket").touch()
    assert not folder.exists()


def test_the_processes_of_a_cluster_take_the_commands_they_are_started_with(tmp_path: Path) -> None:
    """A node gets its job's id, address, CPUs and GPUs; without GPUs of Slurm's Ray looks for itself."""
    allocation = Allocation(job="7", restart=0, host="a", others=("b",), cpus=4, gpus=None)
    folder = SubmitFolder(tmp_path)
    _, *words = ray_cluster._node_command(allocation, folder, "10.0.0.1:20042")
    assert words[:3] == ["-u", "-m", ray_nodes.__name__]
    options = ray_nodes._parser().parse_args([*words[3:], "--head"])
    assert (options.job, options.address, options.cpus, options.gpus) == ("7", "10.0.0.1:20042", 4, None)
    command = ray_nodes.ray_command(options, tmp_path)
    assert {"--head", "--node-ip-address=10.0.0.1", "--port=20042", "--num-cpus=4"} <= set(command)
    assert not any(word.startswith("--num-gpus") for word in command)


def test_a_launcher_outside_of_a_job_is_refused() -> None:
    """With the command that makes one."""
    with pytest.raises(EnvironmentMismatchError, match=r"runs inside a Slurm job only\. Remedy"):
        Allocation.of_environment({})


def test_a_damaged_plan_is_told(tmp_path: Path) -> None:
    """A missing one too."""
    path = tmp_path / "plan.json"
    with pytest.raises(ResultsError, match="cannot be read"):
        LauncherInstructions.read(path)
    path.write_text('{"name": 1}')
    with pytest.raises(ResultsError, match="cannot be read"):
        LauncherInstructions.read(path)


@pytest.mark.parametrize(
    ("events", "phase"),
    [
        ([], "pending"),
        (["started"], "running"),
        (["started", "cluster_up", "warned", "interrupted", "requeued"], "pending"),
        (["requeued", "started"], "running"),
    ],
)
def test_where_slurm_cannot_be_asked_nothing_is_called_over(
    events: list[Happening], phase: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The launcher's own log says what is last known."""
    monkeypatch.setenv("PATH", str(tmp_path))
    folder = SubmitFolder(tmp_path)
    folder.root.mkdir()
    for event in events:
        StatusLog(folder.status_log, "7").append(event)
    state = job_state("7", folder)
    assert (state.phase, state.is_over) == (phase, False)
    assert "last known: squeue: cannot be run" in state.reason


@pytest.mark.parametrize(
    ("code", "cause", "phase", "told"),
    [
        (0, None, "completed", ""),
        (1, None, "failed", "some runs failed"),
        (2, None, "failed", "refused or could not start"),
        (75, Cause.TIME_LIMIT, "interrupted", "time limit; `resume` finishes it"),
        (75, Cause.TOLD_TO_END, "cancelled", "told to end; `resume` finishes it"),
        (137, None, "failed", "the sweep ended with exit code 137"),
    ],
)
def test_how_a_launcher_ended_is_known_without_slurm(
    code: int, cause: Cause | None, phase: str, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its last word decides, and words of earlier jobs of the same folder do not."""
    monkeypatch.setenv("PATH", str(tmp_path))
    folder = SubmitFolder(tmp_path)
    folder.root.mkdir()
    StatusLog(folder.status_log, "6").append("ended", StatusDetail(exit_code=3))
    StatusLog(folder.status_log, "7").append("ended", StatusDetail(exit_code=code, cause=cause))
    state = job_state("7", folder)
    assert (state.phase, state.exit_code) == (phase, code)
    assert told in state.reason
