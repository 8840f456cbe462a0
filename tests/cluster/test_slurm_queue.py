"""What Slurm itself makes of a submission: refused, quoted, waiting, cancelled. No sweep is started."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.cluster.slurm import commands
from harness.cluster.slurm.job import SlurmTarget
from harness.cluster.status_log import Cause, StatusDetail, StatusLog
from harness.cluster.submit_folder import SubmitFolder, SubmitRecord
from harness.cluster.target import Request
from harness.study.reading.parse import parse_study
from harness.study.submission import SlurmSite
from tests.cluster.slurm_cluster import SlurmCluster
from tests.drill import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.slurm]

Submit = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def submit(slurm: SlurmCluster) -> Iterator[Submit]:
    """Return what `harness.submit` does for a user of the cluster; jobs it leaves are cancelled."""
    yield slurm.harness_submit
    slurm.clear()


@pytest.fixture
def study(tmp_path: Path, study_text: str) -> Path:
    """Return a study file."""
    path = tmp_path / "small.yaml"
    path.write_text(study_text)
    return path


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--nodes", "9"], "Requested node configuration is not available"),
        (["--cpus-per-node", "64"], "Requested node configuration is not available"),
        (["--partition", "nowhere"], "invalid partition specified: nowhere"),
        (["--sbatch-arg=--constraint=a100"], "Invalid feature specification"),
    ],
)
def test_what_can_never_run_is_refused(
    submit: Submit, slurm: SlurmCluster, study: Path, tmp_path: Path, arguments: list[str], told: str
) -> None:
    """Slurm itself would let most of these wait for ever; the message is Slurm's, with a remedy."""
    done = submit("slurm", str(study), "--run-dir", str(tmp_path / "run"), *arguments)
    assert done.returncode == 2
    assert told in done.stderr
    assert "Remedy: ask for what `sinfo` lists" in done.stderr
    assert "Traceback" not in done.stderr
    assert slurm.run("squeue", "-h") == ""


def test_a_dry_run_asks_slurm_and_submits_nothing(
    submit: Submit, slurm: SlurmCluster, study: Path, tmp_path: Path
) -> None:
    """The text it prints is the one that is submitted later, byte for byte."""
    arguments = ["slurm", str(study), "--run-dir", str(tmp_path / "run"), "--sbatch-arg=--hold"]
    shown = submit(*arguments, "--dry-run")
    assert shown.returncode == 0
    assert "Slurm: this job could start at" in shown.stderr
    assert slurm.run("squeue", "-h") == ""
    assert not (tmp_path / "run").exists()
    taken = json.loads(submit(*arguments, "--json").stdout)
    script = slurm.run("scontrol", "write", "batch_script", taken["id"], "-")
    assert shown.stdout.startswith(f"# {tmp_path / 'run' / 'submit' / 'job.sbatch'}\n{script}\n\n# ")


def test_flags_hold_in_a_shell_that_asks_otherwise(
    submit: Submit, slurm: SlurmCluster, study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For sbatch its variables win over the script's lines: another partition, an array, no requeue."""
    hostile = {"PARTITION": "high", "TIMELIMIT": "1", "JOB_NAME": "other", "ARRAY_INX": "1-2", "HOLD": "1"}
    for name, value in (hostile | {"NO_REQUEUE": "1", "SIGNAL": "USR2@9", "OPEN_MODE": "truncate"}).items():
        monkeypatch.setenv(f"SBATCH_{name}", value)
    for name in ("MEM_PER_NODE", "CPUS_PER_TASK", "RESTART_COUNT", "GPUS"):
        monkeypatch.setenv(f"SLURM_{name}", "77")
    arguments = ["--run-dir", str(tmp_path / "run"), "--partition", "low", "--time", "20"]
    done = submit("slurm", str(study), *arguments, "--sbatch-arg=--begin=now+60", "--json")
    assert "not heeded: SBATCH_ARRAY_INX, SBATCH_HOLD, SBATCH_JOB_NAME" in done.stderr
    job = json.loads(done.stdout)["id"]
    assert slurm.run("squeue", "-h", "-o", "%i %P %j %l") == f"{job} low small 20:00"
    told = slurm.run("scontrol", "show", "job", job, "--oneliner")
    assert "Requeue=1" in told
    assert "MinMemoryNode" not in told
    assert json.loads(submit("status", str(tmp_path / "run"), "--json").stdout)["reason"].startswith(
        "BeginTime"
    )


@pytest.mark.parametrize(
    ("asked", "gpus"),
    [
        ([], [0, 0]),
        (["--gpus=4"], [2, 2]),
        (["--gpus=3"], [1, 2]),
        (["--gpus=a100:2,h100:2"], [2, 2]),
        (["--gpus-per-node=h100:1"], [1, 1]),
        (["--gpus=a100:2"], [1, 1]),
        (["--gpus=4", "--cpus-per-gpu=1"], [2, 2]),
        (["--gpus-per-task=2"], [2, 2]),
        (["--gres=gpu:a100:1,gpu:h100:1"], [2, 2]),
        (["--gres=gpu:2", "--mem=700"], [2, 2]),
    ],
)
@pytest.mark.usefixtures("submit")  # which leaves no job to the next test
def test_each_node_has_its_gpus_however_they_were_asked_for(
    slurm: SlurmCluster, repository: Path, tmp_path: Path, asked: list[str], gpus: list[int]
) -> None:
    """A job's request of GPUs in all, or of types, is none that each step could repeat."""
    place = ["--partition=low", "--nodes=2", "--ntasks-per-node=1", f"--chdir={repository}"]
    command = f"--wrap=exec {sys.executable} -m tests.cluster.step_gpus"
    output = tmp_path / "out"
    job = slurm.run("sbatch", "--parsable", *place, f"--output={output}", *asked, command)
    wait_until(
        lambda: output.exists() and "done" in output.read_text(),
        lambda: "FAILED" in slurm.run("squeue", "-h", f"--jobs={job}", "--states=all", "-o", "%T"),
    )
    told = [line.split() for line in output.read_text().splitlines()[:-1]]
    assert {name for name, _, _ in told} == {"n1", "n2"}
    assert [counted for _, counted, _ in told] == [given for _, _, given in told]
    assert sorted(int(given) for _, _, given in told) == gpus


def test_a_time_over_the_partitions_limit_is_explained(
    submit: Submit, slurm: SlurmCluster, study: Path, tmp_path: Path
) -> None:
    """Slurm takes such a job, and never starts it."""
    run_dir = str(tmp_path / "run")
    assert submit("slurm", str(study), "--run-dir", run_dir, "--time", "02:00:00").returncode == 0
    wait_until(lambda: "PartitionTimeLimit" in slurm.run("squeue", "-h", "-o", "%r"))
    state = json.loads(submit("status", run_dir, "--json").stdout)
    assert state["phase"] == "pending"
    assert "its --time is over the partition's limit, so it never starts as it is. Remedy" in state["reason"]


def test_a_waiting_job_tells_why_and_can_be_cancelled(submit: Submit, study: Path, tmp_path: Path) -> None:
    """`status` gives Slurm's reason; after `cancel` the job is over, and a second `cancel` says so."""
    run_dir = str(tmp_path / "a run")
    submit("slurm", str(study), "--run-dir", run_dir, "--sbatch-arg=--hold")
    waiting = json.loads(submit("status", run_dir, "--json").stdout)
    assert waiting["phase"] == "pending"
    assert waiting["reason"].startswith("JobHeldUser: you hold it")
    assert submit("slurm", str(study), "--run-dir", run_dir).returncode == 2
    assert submit("cancel", run_dir).returncode == 0
    assert json.loads(submit("status", run_dir, "--json").stdout)["phase"] == "cancelled"
    assert "is over already: cancelled" in submit("cancel", run_dir).stdout


def test_a_sweep_that_is_refused_ends_its_job(
    submit: Submit, slurm: SlurmCluster, study: Path, tmp_path: Path
) -> None:
    """`--wait` gives the sweep's exit code, `logs` its words, and nothing is left running."""
    run_dir = tmp_path / "a run $(touch pwned)"
    arguments = ["slurm", str(study), "--run-dir", str(run_dir), "--name", "it's $(touch pwned)", "--wait"]
    done = submit(*arguments, "--cpus-per-node", "1", "--", "--set", "resources.cpu=50")
    assert done.returncode == 2, done.stderr
    assert "resources.cpu: a run asks for 50, but this machine has 1" in submit("logs", str(run_dir)).stdout
    state = json.loads(submit("status", str(run_dir), "--json").stdout)
    assert (state["phase"], state["exit_code"], state["name"]) == ("failed", 2, "it's $(touch pwned)")
    assert [event["event"] for event in state["events"]] == ["started", "cluster_up", "ended"]
    assert slurm.processes_of("harness.") == []
    assert not list(tmp_path.rglob("pwned"))


def test_setup_lines_run_first_and_end_the_job_when_they_fail(
    submit: Submit, study: Path, tmp_path: Path
) -> None:
    """A module that cannot be loaded is told, and no sweep starts without it."""
    run_dir = str(tmp_path / "run")
    setup = ["--setup", "echo first: $SLURM_JOB_NAME", "--setup", "cat /no/such/file"]
    done = submit("slurm", str(study), "--run-dir", run_dir, *setup, "--wait")
    assert done.returncode == 2
    log = submit("logs", run_dir).stdout
    assert log.startswith("first: small\n")
    assert "/no/such/file" in log
    assert "launcher" not in log


def test_a_job_that_slurm_has_forgotten_is_known_from_the_launchers_log(
    submit: Submit, study: Path, tmp_path: Path
) -> None:
    """Slurm remembers jobs for minutes; without a word in the log nobody knows what became of one."""
    folder = SubmitFolder(tmp_path / "run")
    folder.root.mkdir(parents=True)
    SubmitRecord.now("slurm", "99999", "small").write(folder.record)
    assert json.loads(submit("status", str(folder.run_dir), "--json").stdout)["phase"] == "unknown"
    log = StatusLog(folder.status_log, "99999")
    log.append("started", StatusDetail(nodes="n1"))
    log.append("ended", StatusDetail(exit_code=75, cause=Cause.TIME_LIMIT))
    state = json.loads(submit("status", str(folder.run_dir), "--json").stdout)
    assert (state["phase"], state["exit_code"]) == ("interrupted", 75)
    assert state["facts"]["nodes"] == "n1"


PRINTABLE = st.text(st.characters(exclude_categories=("C", "Z")) | st.just(" "), min_size=1, max_size=30)
QUOTES = st.sampled_from(["\\", '"', "'", "#", "$(touch pwned)", "a b", "%j", "é", "`x`", "--wrap=x"])


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(words=st.lists(QUOTES | PRINTABLE, min_size=1, max_size=4))
def test_slurm_reads_the_name_that_was_given(
    slurm: SlurmCluster, study_text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str]
) -> None:
    """Whatever quotes, backslashes and comment signs it holds."""
    name = "".join(words)
    if not name.strip():
        return
    study = parse_study(study_text, "small.yaml")
    settings_ = SlurmSite(sbatch_args=["--hold", f"--comment={name}"])
    script = SlurmTarget(settings_).render(Request(study=study, run_dir=tmp_path / "run", name=name))[
        "job.sbatch"
    ]
    path = tmp_path / "job.sbatch"
    path.write_text(script)
    monkeypatch.setenv("SLURM_CONF", slurm.environment["SLURM_CONF"])
    job = commands.submit(path, tmp_path, name)
    try:
        assert slurm.run("squeue", "-h", "-j", job, "-o", "<%j><%k>") == f"<{name}><{name}>"
    finally:
        commands.cancel(job)
    assert not (tmp_path / "pwned").exists()
