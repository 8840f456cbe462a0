"""Parts of a job's launcher and of its state, where no Slurm is needed."""

import math
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Literal

import pytest

from harness.cluster.launch import ray_nodes
from harness.cluster.launch.processes import Signals, node_folder, start_child
from harness.cluster.slurm import ray_cluster
from harness.cluster.slurm.allocation import Allocation
from harness.cluster.slurm.job_state import job_state
from harness.cluster.slurm.launcher import Launcher
from harness.cluster.slurm.ray_cluster import RayCluster, free_port
from harness.cluster.slurm.reasons import in_words
from harness.cluster.slurm.script import LauncherInstructions
from harness.cluster.slurm.steps import by_gpus, end_node, start_step, step_command
from harness.cluster.status_log import Cause, Happening, StatusDetail, StatusLog
from harness.cluster.submit_folder import SubmitFolder
from harness.errors import EnvironmentMismatchError, ResultsError
from tests import drill
from tests.cluster.slurm_commands import SlurmCommands

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


def test_orphans_of_a_sweep_are_ended(tmp_path: Path) -> None:
    """Also one whose parent is gone, and which has to be killed."""
    done = subprocess.run(
        [sys.executable, "-c", ORPHANS], capture_output=True, text=True, timeout=60, check=True
    )
    orphan, ended = map(int, done.stdout.split())
    assert ended == 1
    assert drill.is_gone(orphan)


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
    _, *words = ray_cluster._node_command(allocation, folder, "10.0.0.1:20042", allocation.gpus)
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
        (70, None, "failed", "a bug of the harness"),
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


@pytest.fixture
def slurm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SlurmCommands:
    """Return commands that know nothing of a job but that it runs."""
    commands = SlurmCommands(tmp_path / "bin", monkeypatch)
    commands.queue("RUNNING")
    return commands


@pytest.fixture
def launcher(tmp_path: Path, slurm: SlurmCommands) -> Iterator[Launcher]:
    """Return the launcher of a job on one node, which listens to the signals of this process."""
    listening = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1)
    before = {number: signal.getsignal(number) for number in listening}
    instructions = LauncherInstructions(
        name="small",
        run_dir=tmp_path / "run",
        working_dir=tmp_path,
        sweep=[],
        warn_before=120,
        on_timeout="requeue",
        max_restarts=5,
    )
    instructions.folder.root.mkdir(parents=True)
    ends_at = time.time() + 1800
    allocation = Allocation(job="7", restart=0, host="a", others=(), cpus=1, gpus=None, ends_at=ends_at)
    yield Launcher(instructions, allocation, Signals())
    for number, handler in before.items():
        signal.signal(number, handler)


def sweep_that(last_words: str) -> "subprocess.Popen[bytes]":
    """Start what does this on a SIGTERM, and listens for one."""
    command = f"trap '{last_words}' TERM; echo; while :; do sleep 0.05; done"
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb") as ready, os.fdopen(writing, "wb") as output:
        sweep = start_child(["sh", "-c", command], output=output)
        ready.readline()
    return sweep


ENDS_ITSELF = "trap - TERM; kill -TERM $$"


@pytest.mark.parametrize("words", ["exit 15", "exit 143", ENDS_ITSELF, "exit 2", "exit 75", "kill -KILL $$"])
@pytest.mark.parametrize(
    ("number", "said"),
    [(signal.SIGUSR1, "requeue 7\n"), (signal.SIGTERM, "")],
    ids=["warned", "told to end"],
)
def test_however_a_sweep_ends_that_was_told_to_it_was_interrupted(
    words: str, number: signal.Signals, said: str, launcher: Launcher, slurm: SlurmCommands
) -> None:
    """Ray's handlers exit with the signal's number while it starts; a preempted job is requeued even so."""
    sweep = sweep_that(words)
    os.kill(os.getpid(), number)
    assert launcher._attend(sweep, RayCluster(address="local")) == 75
    assert launcher._requeue() is bool(said)
    assert slurm.said("scontrol") == said


@pytest.mark.parametrize(
    ("left", "on_timeout", "cause", "is_requeued"),
    [
        (1800.0, "stop", Cause.PREEMPTION, True),
        (math.inf, "stop", Cause.PREEMPTION, True),
        (200.0, "requeue", Cause.TIME_LIMIT, True),
        (200.0, "stop", Cause.TIME_LIMIT, False),
        (-600.0, "stop", Cause.TIME_LIMIT, False),
        (None, "stop", Cause.TIME_LIMIT, False),
        (None, "requeue", Cause.TIME_LIMIT, True),
    ],
    ids=["preempted", "no limit", "limit", "limit, stop", "limit extended, stop", "unknown, stop", "unknown"],
)
def test_a_warning_ends_the_sweep_before_slurm_is_asked_anything(
    left: float | None,
    on_timeout: Literal["requeue", "stop"],
    cause: Cause,
    is_requeued: bool,  # noqa: FBT001 - a parameter of the test
    launcher: Launcher,
    slurm: SlurmCommands,
) -> None:
    """A grace time is short, and a controller that preempts many jobs is slow; the job knows its own end."""
    for name in ("squeue", "sacct"):
        slurm.write(name, 'touch "$BIN/asked"; exit 1\n')
    ends_at = None if left is None else time.time() + left
    allocation = replace(launcher._allocation, ends_at=ends_at)
    instructions = launcher._instructions.model_copy(update={"on_timeout": on_timeout})
    warned = Launcher(instructions, allocation, launcher._signals)
    sweep = sweep_that("exit 75")
    os.kill(os.getpid(), signal.SIGUSR1)
    assert warned._attend(sweep, RayCluster(address="local")) == 75
    assert not (slurm.folder / "asked").exists()
    (event,) = StatusLog(instructions.folder.status_log).events()
    assert event.detail.cause == cause
    assert warned._requeue() is is_requeued
    assert bool(slurm.said("scontrol")) is is_requeued


@pytest.mark.parametrize("code", [0, 1])
def test_a_sweep_that_is_done_when_it_is_told_to_end_is_done(code: int, launcher: Launcher) -> None:
    """Its own code stands: it has nothing left to go on with."""
    sweep = sweep_that(f"exit {code}")
    os.kill(os.getpid(), signal.SIGUSR1)
    assert launcher._attend(sweep, RayCluster(address="local")) == code


@pytest.mark.parametrize(("words", "code"), [("exit 2", 2), ("exit 15", 15), (ENDS_ITSELF, 143)])
def test_a_sweep_that_ends_by_itself_is_not_called_interrupted(
    words: str, code: int, launcher: Launcher
) -> None:
    """Nobody told the job to end."""
    sweep = sweep_that(words)
    sweep.terminate()
    assert launcher._attend(sweep, RayCluster(address="local")) == code


def test_a_full_disk_keeps_no_job_from_its_requeue(
    launcher: Launcher, slurm: SlurmCommands, capfd: pytest.CaptureFixture[str]
) -> None:
    """The log cannot be written; what it would say is in the job's output."""
    log = SubmitFolder(launcher._instructions.run_dir).status_log
    log.symlink_to("/dev/full")
    sweep = sweep_that("exit 75")
    os.kill(os.getpid(), signal.SIGUSR1)
    assert launcher._attend(sweep, RayCluster(address="local")) == 75
    assert launcher._requeue()
    assert "'requeued' is not noted there (No space left on device)" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("then", "is_requeued"), [("kill -TERM $$", True), ("echo 'Job is on hold' >&2; exit 1", False)]
)
def test_a_requeue_that_ends_the_command_that_asks_for_it_has_been_taken(
    then: str,
    is_requeued: bool,  # noqa: FBT001 - a parameter of the test
    launcher: Launcher,
    slurm: SlurmCommands,
) -> None:
    """Slurm ends every process of the job, and `scontrol` may wait for its answer then."""
    slurm.write("scontrol", then)
    sweep = sweep_that("exit 75")
    os.kill(os.getpid(), signal.SIGUSR1)
    assert launcher._attend(sweep, RayCluster(address="local")) == 75
    assert launcher._requeue() is is_requeued


SHOW = 'case "$*" in "show hostnames"*) echo "$3" | tr "," "\\n";; *) cat "$BIN/details";; esac\n'
DETAILS = """\
   TresPerNode=gres:gpu:a100:1
     Nodes=a CPU_IDs=0-1 Mem=1000 GRES=gpu:a100:2(IDX:0-1)
     Nodes=b CPU_IDs=0 Mem=500 GRES=gpu:a100:1(IDX:0),gpu:h100:1(IDX:3),shard:a100:4(IDX:1)
     Nodes=c CPU_IDs=0 Mem=500 GRES=gpu:a100:1(IDX:0),gpu:h100:1(IDX:1)
     Nodes=d CPU_IDs=0 Mem=500 GRES=gpu:2(IDX:0-1)
     Nodes=e CPU_IDs=0 Mem=500 GRES=
"""


def test_each_node_gets_the_gpus_that_slurm_gave_it(slurm: SlurmCommands) -> None:
    """By type; a job's `--gpus=6` is no request of its steps, and nodes with the same share one."""
    slurm.write("scontrol", SHOW)
    (slurm.folder / "details").write_text(DETAILS)
    job = {"SLURM_JOB_ID": "7", "SLURM_JOB_NODELIST": "a,b,c,d,e", "SLURMD_NODENAME": "a"}
    given = {"SLURM_GPUS_ON_NODE": "2", "SLURM_GPUS": "6", "SLURM_JOB_CPUS_PER_NODE": "2,1(x4)"}
    allocation = Allocation.of_environment(job | given)
    groups = {gpus.request: (gpus.count, nodes) for gpus, nodes in by_gpus(allocation).items() if gpus}
    assert groups == {"gpu:a100:1,gpu:h100:1": (2, ["b", "c"]), "gpu:2": (2, ["d"]), "none": (0, ["e"])}
    (slurm.folder / "details").write_text(
        DETAILS.replace("TresPerNode=gres:gpu:a100:1", "TresPerJob=gres:gpu:6")
    )
    assert Allocation.of_environment(job | given).gpus_of["b"].request == "gpu:2"
    words = step_command(allocation, ["b", "c"], allocation.gpus_of["b"], ["run"])
    assert {"--jobid=7", "--nodes=2", "--nodelist=b,c", "--gres=gpu:a100:1,gpu:h100:1"} <= set(words)


def test_numbers_of_a_login_shell_are_not_the_jobs(slurm: SlurmCommands) -> None:
    """A job that loads the user's environment has them, where Slurm itself sets none."""
    slurm.write("scontrol", SHOW)
    (slurm.folder / "details").write_text("Restarts=0 CPUs/Task=1\n     Nodes=a CPU_IDs=0-3 Mem=1000 GRES=\n")
    job = {"SLURM_JOB_ID": "7", "SLURM_JOB_NODELIST": "a", "SLURMD_NODENAME": "a"}
    inherited = {"SLURM_RESTART_COUNT": "5", "SLURM_CPUS_PER_TASK": "64", "SLURM_GPUS_ON_NODE": "8"}
    allocation = Allocation.of_environment(job | inherited | {"SLURM_JOB_CPUS_PER_NODE": "4"})
    assert (allocation.restart, allocation.cpus, allocation.gpus) == (0, 4, None)


@pytest.mark.parametrize(
    ("told", "ends_at"),
    [
        ("EndTime=2026-11-22T10:33:14", datetime.fromisoformat("2026-11-22T10:33:14").timestamp()),
        ("EndTime=Unknown", math.inf),
        ("EndTime=tomorrow", None),
        ("", None),
    ],
)
def test_a_job_knows_from_its_start_when_its_time_is_over(
    told: str, ends_at: float | None, slurm: SlurmCommands
) -> None:
    """`Unknown` is Slurm's word for a job without a limit."""
    slurm.write("scontrol", SHOW)
    (slurm.folder / "details").write_text(f"   StartTime=2026-11-22T10:13:14 {told} Deadline=N/A\n")
    job = {"SLURM_JOB_ID": "7", "SLURM_JOB_NODELIST": "a", "SLURMD_NODENAME": "a"}
    assert Allocation.of_environment(job).ends_at == ends_at


def test_a_dead_srun_is_told_at_once_in_its_own_words(slurm: SlurmCommands, tmp_path: Path) -> None:
    """While the head is still waited for, as nobody will join it."""
    slurm.write("srun", "echo 'srun: error: Unable to create step: Invalid generic resource' >&2; exit 3\n")
    folder = SubmitFolder(tmp_path)
    allocation = Allocation(job="7", restart=0, host="a", others=("b",), cpus=1, gpus=None)
    folder.root.mkdir()
    step = start_step(allocation, ["b"], None, ["run"], folder.root / "ray-srun-0.log")
    head = subprocess.Popen(["sleep", "600"])
    cluster = RayCluster(address="127.0.0.1:1", head=head, steps=[step])
    told = r"(?s)exit code 3.*Invalid generic resource.*Remedy"
    try:
        with pytest.raises(EnvironmentMismatchError, match=told):
            ray_cluster._wait_for_head(cluster, folder, lambda: False)
    finally:
        head.kill()
        head.wait()
        end_node(step.process)


def test_a_step_sees_no_request_of_its_job(
    slurm: SlurmCommands, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor one of a login shell: `SLURM_GPUS` of two nodes can be met by none of them."""
    slurm.write("srun", "env\n")
    monkeypatch.setenv("SLURM_GPUS", "4")
    monkeypatch.setenv("SLURM_MEM_PER_NODE", "999999")
    allocation = Allocation(job="7", restart=0, host="a", others=("b",), cpus=1, gpus=None)
    step = start_step(allocation, ["b"], None, ["run"], tmp_path / "log")
    end_node(step.process)
    assert "PATH=" in (tmp_path / "log").read_text()
    assert "SLURM_" not in (tmp_path / "log").read_text()


@pytest.mark.parametrize(
    ("reason", "told"),
    [
        (
            "PartitionTimeLimit",
            "its --time is over the partition's limit, so it never starts as it is. Remedy",
        ),
        ("PartitionNodeLimit", "so it never starts as it is. Remedy"),
        ("QOSMaxWallDurationPerJobLimit", "its --time is over the limit of one job, so it never starts"),
        ("AssocMaxNodePerJobLimit", "it asks for more than the limit of one job, so it never starts"),
        ("QOSGrpCpuLimit", "it starts when jobs end"),
        ("ReqNodeNotAvail, UnavailableNodes:n[1-2]", "a node that it needs is down or reserved"),
        ("DependencyNeverSatisfied", "so it never starts"),
        ("JobHeldAdmin", "the site holds it"),
    ],
)
def test_a_waiting_job_is_explained(reason: str, told: str) -> None:
    """Slurm's word first, for whom it is enough."""
    words = in_words(reason, has_run=False)
    assert words.startswith(f"{reason}: ")
    assert told in words


def test_a_job_that_begins_later_is_not_called_requeued() -> None:
    """Slurm has one word for both."""
    assert "--begin" in in_words("BeginTime", has_run=False)
    assert "requeued job" in in_words("BeginTime", has_run=True)
    assert in_words("Whatever", has_run=False) == "Whatever"


@pytest.mark.ray
def test_a_node_whose_ray_cannot_start_gives_up_while_the_head_answers(tmp_path: Path) -> None:
    """Its own words are in its log; it does not try for as long as one that waits for its head."""
    refused = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}  # a switch that the launcher takes away
    with socket.create_server(("127.0.0.1", 0)) as head:
        address = f"127.0.0.1:{head.getsockname()[1]}"
        node = [sys.executable, "-m", ray_nodes.__name__, "--address", address, "run", "--job=7", "--cpus=1"]
        environment = os.environ | refused
        with subprocess.Popen(
            [*node, f"--logs={tmp_path}"], stdin=subprocess.PIPE, env=environment
        ) as process:
            assert process.wait(timeout=120) == 1
    (log,) = tmp_path.glob("ray-*.log")
    assert "not supported" in log.read_text()
