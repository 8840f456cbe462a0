"""What surrounds a submission: the shell's variables, a second one, a refusal, signals, a full disk.

Slurm's commands are shell scripts here: what Slurm itself makes of a job is tested with a real one.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib import metadata
from pathlib import Path

import pytest

from harness.cluster.exclusive import in_place
from harness.cluster.slurm.job import SlurmTarget
from harness.cluster.slurm.script import output_path
from harness.cluster.status_log import StatusLog
from harness.cluster.submission import hand_over, prepare
from harness.cluster.submit_folder import SubmitFolder, SubmitRecord
from harness.cluster.target import Request
from harness.commands.submit import main
from harness.errors import ResultsError
from harness.records.folder import ResultsFolder
from harness.study.reading.parse import parse_study
from tests.cluster.slurm_commands import SlurmCommands
from tests.drill import wait_until

SUBMIT = (sys.executable, "-m", "harness.submit")


@pytest.fixture
def slurm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SlurmCommands:
    """Return commands that take every job, and tell nothing of it."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    return SlurmCommands(tmp_path / "bin", monkeypatch)


@pytest.fixture
def study(tmp_path: Path, study_text: str) -> Path:
    """Return a study file."""
    path = tmp_path / "small.yaml"
    path.write_text(study_text)
    return path


@pytest.fixture
def folder(tmp_path: Path) -> SubmitFolder:
    """Return where results go; it does not exist yet."""
    return SubmitFolder(tmp_path / "run")


@pytest.fixture
def arguments(study: Path, folder: SubmitFolder) -> list[str]:
    """Return those of a submission."""
    return ["slurm", str(study), "--run-dir", str(folder.run_dir)]


def contents(folder: Path) -> dict[str, bytes]:
    """Return every file below a folder."""
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_variables_of_the_shell_ask_slurm_for_nothing(
    slurm: SlurmCommands,
    arguments: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Neither sbatch nor the job sees them; where Slurm is stays known, and those of sbatch are named."""
    for name in ("SBATCH_PARTITION", "SBATCH_ARRAY_INX", "SBATCH_NO_REQUEUE", "SBATCH_SIGNAL"):
        monkeypatch.setenv(name, "1")
    for name in ("SLURM_MEM_PER_NODE", "SLURM_CPUS_PER_TASK", "SLURM_RESTART_COUNT", "SRUN_CPUS_PER_TASK"):
        monkeypatch.setenv(name, "7")
    monkeypatch.setenv("SLURM_CONF", "/etc/a.conf")
    monkeypatch.setenv("SLURM_JWT", "me")
    assert main(arguments) == 0
    seen = {name for name in slurm.environment if name.startswith(("SBATCH_", "SLURM_", "SRUN_"))}
    assert seen == {"SLURM_CONF", "SLURM_JWT"}
    told = "not heeded: SBATCH_ARRAY_INX, SBATCH_NO_REQUEUE, SBATCH_PARTITION, SBATCH_SIGNAL of this shell"
    assert told in capsys.readouterr().err


def test_other_variables_of_the_shell_hide_no_job(
    slurm: SlurmCommands, arguments: list[str], folder: SubmitFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`squeue` and `scancel` have such variables too: a filter of states, a question that nobody answers."""
    assert main(arguments) == 0
    slurm.write("squeue", 'env > "$BIN/asked"\necho "RUNNING|None|n1|30:00|N/A"\n')
    for name in ("SQUEUE_PARTITION", "SQUEUE_STATES", "SLURM_TIME_FORMAT", "SCANCEL_INTERACTIVE"):
        monkeypatch.setenv(name, "x")
    assert main(["status", str(folder.run_dir)]) == 0
    asked = (slurm.folder / "asked").read_text()
    assert not any(word in asked for word in ("SQUEUE_", "SCANCEL_", "SLURM_TIME_FORMAT"))


def test_a_dry_run_changes_nothing_that_resume_uses(
    slurm: SlurmCommands, arguments: list[str], folder: SubmitFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    """With other flags, in the folder of a submission that is over."""
    assert main([*arguments, "--cpus-per-node", "2"]) == 0
    slurm.queue("COMPLETED")
    before = contents(folder.run_dir)
    assert main([*arguments, "--cpus-per-node", "64", "--python", "/no/such", "--dry-run"]) == 0
    assert "--cpus-per-task=64" in capsys.readouterr().out
    assert contents(folder.run_dir) == before
    assert main(["resume", str(folder.run_dir)]) == 0
    assert "--cpus-per-task=2" in (slurm.folder / "tested").read_text()


def test_a_refused_submission_puts_back_what_resume_uses(
    slurm: SlurmCommands, arguments: list[str], folder: SubmitFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    """Slurm may take a job when asked whether it would, and refuse it then."""
    assert main([*arguments, "--cpus-per-node", "2"]) == 0
    slurm.queue("COMPLETED")
    before = contents(folder.run_dir)
    slurm.after_taking_a_job("echo 'sbatch: error: your limit is reached' >&2; exit 1")
    assert main([*arguments, "--cpus-per-node", "64", "--", "--set", "recipe.epochs=2"]) == 2
    assert "your limit is reached" in capsys.readouterr().err
    assert contents(folder.run_dir) == before


def test_the_runs_of_a_compressed_journal_are_counted(
    slurm: SlurmCommands,
    arguments: list[str],
    folder: SubmitFolder,
    repository: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A study that is over may be kept so."""
    assert main(arguments) == 0
    slurm.queue("COMPLETED")
    reference = ResultsFolder(repository / "results" / "reference" / "dropout_published")
    shutil.copy(reference.compressed_journal, folder.run_dir)
    capsys.readouterr()
    assert main(["status", str(folder.run_dir)]) == 0
    assert re.search(r"runs ended: \d+ completed", capsys.readouterr().out)


BANNER = 'printf "Welcome to 2 clusters\\n\\n"; '


def test_a_sites_banner_before_the_id_hides_no_job(
    slurm: SlurmCommands, arguments: list[str], folder: SubmitFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    """The job runs, and needs the files that were written for it."""
    slurm.after_taking_a_job(f"{BANNER} echo 41;")
    slurm.write("squeue", f"{BANNER} echo 'RUNNING|None|n1|30:00|N/A'")
    assert main(arguments) == 0
    assert SubmitRecord.read(folder.record).id == "7"
    assert (folder.root / "job.sbatch").exists()
    capsys.readouterr()
    assert main(["status", str(folder.run_dir)]) == 0
    assert "slurm job 7 (small): running" in capsys.readouterr().out


def test_an_sbatch_that_tells_no_id_may_have_taken_the_job(
    slurm: SlurmCommands, arguments: list[str], folder: SubmitFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    """It reads these files when it starts."""
    slurm.after_taking_a_job("echo Submitted batch job 7; exit 0")
    assert main(arguments) == 2
    told = capsys.readouterr().err
    assert "sbatch told no id (Submitted batch job 7), and may have taken the job all the same" in told
    assert "Remedy: `squeue --me --name=small` shows it then" in told
    assert {"job.sbatch", "plan.json", "study.yaml"} <= {path.name for path in folder.root.iterdir()}


def test_whatever_ends_a_submission_puts_back_what_resume_uses(folder: SubmitFolder) -> None:
    """A bug of ours too: a later `resume` must not run an old plan on a new study."""
    folder.root.mkdir(parents=True)
    folder.study_file.write_text("before")
    with pytest.raises(KeyError), in_place(folder, {folder.study_file.name: "after", "rayjob.yaml": ""}):
        raise KeyError("namespace")
    assert contents(folder.root) == {str(folder.study_file): b"before"}


def test_two_submissions_at_the_same_moment_exclude_each_other(
    slurm: SlurmCommands, arguments: list[str], folder: SubmitFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    """The second one is refused while Slurm still thinks about the first, whose id is on record."""
    go = slurm.folder / "go"
    slurm.after_taking_a_job(f"until [ -e {go} ]; do sleep 0.05; done")
    with subprocess.Popen([*SUBMIT, *arguments], stdout=subprocess.PIPE, text=True) as first:
        wait_until((slurm.folder / "number").exists)
        assert main(arguments) == 2
        assert "another command is submitting from this folder at this moment" in capsys.readouterr().err
        go.touch()
        out, _ = first.communicate(timeout=30)
    assert "submitted as slurm job 7" in out
    assert SubmitRecord.read(folder.record).id == "7"
    assert (slurm.folder / "number").read_text() == "7\n"


def test_a_submission_that_came_between_look_and_hand_over_is_seen(
    slurm: SlurmCommands, study_text: str, folder: SubmitFolder
) -> None:
    """What was prepared before is refused then."""
    request = Request(study=parse_study(study_text, "s.yaml"), run_dir=folder.run_dir, name="small")
    prepared = prepare(SlurmTarget(), request, fresh=False)
    assert hand_over(SlurmTarget(), folder, prepared).id == "7"
    slurm.queue("PENDING", "Resources")
    with pytest.raises(ResultsError, match="slurm job 7 is pending, and a second one"):
        hand_over(SlurmTarget(), folder, prepared)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Return a folder on a disk of its own."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "none", str(disk)], check=False)
    if mounted.returncode != 0:
        pytest.skip("a small disk is mounted by root")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def test_a_disk_that_is_full_once_slurm_has_the_job_loses_no_id(
    slurm: SlurmCommands, study: Path, small_disk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its record has its room before; the job is known to every later command."""
    slurm.after_taking_a_job(f"cat /dev/zero > {small_disk}/other 2>/dev/null; true")
    run_dir = small_disk / "run"
    assert main(["slurm", str(study), "--run-dir", str(run_dir)]) == 0
    assert "submitted as slurm job 7" in capsys.readouterr().out
    assert SubmitRecord.read(SubmitFolder(run_dir).record).id == "7"
    assert main(["status", str(run_dir)]) == 0


def test_a_disk_that_is_full_before_is_told_and_nothing_is_submitted(
    slurm: SlurmCommands, study: Path, small_disk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With folder and remedy."""
    subprocess.run(f"cat /dev/zero > {small_disk}/other", shell=True, stderr=subprocess.DEVNULL, check=False)  # noqa: S602
    assert main(["slurm", str(study), "--run-dir", str(small_disk / "run")]) == 2
    told = capsys.readouterr().err
    assert "cannot be written (No space left on device)" in told
    assert "Remedy: free space there" in told
    assert not (slurm.folder / "number").exists()


def test_an_id_that_cannot_be_noted_is_told(
    slurm: SlurmCommands, arguments: list[str], folder: SubmitFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    """With what the record would hold: written by hand, it works."""
    slurm.after_taking_a_job(f"rm -r {folder.root}")
    assert main(arguments) == 2
    told = capsys.readouterr().err
    assert "but the job was submitted: slurm job 7. Remedy: write this file with the lines below" in told
    assert SubmitRecord.model_validate_json(told[told.index("{") :]).id == "7"
    assert "Traceback" not in told


@pytest.mark.parametrize("number", ["INT", "TERM", "HUP"])
def test_an_interrupted_submission_is_on_record(
    number: str, slurm: SlurmCommands, arguments: list[str], folder: SubmitFolder
) -> None:
    """A signal between Slurm's yes and the record waits for the record."""
    slurm.after_taking_a_job(f"kill -{number} $PPID")
    done = subprocess.run([*SUBMIT, *arguments], capture_output=True, text=True, check=False)
    assert SubmitRecord.read(folder.record).id == "7"
    if number == "INT":
        assert (done.returncode, "Traceback" in done.stderr) == (75, False)
    else:
        assert done.returncode == -signal.Signals[f"SIG{number}"]


def give_up(submission: "subprocess.Popen[str]", number: signal.Signals) -> str:
    """Send a submission that waits a signal, and again once it has answered; return its last words."""
    assert submission.stderr is not None
    submission.send_signal(number)
    told = ""
    while "once more to give up" not in told:
        line = submission.stderr.readline()
        assert line, told
        told += line
    time.sleep(1.1)  # sooner it would be the same wish
    submission.send_signal(number)
    return submission.stderr.read()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_second_signal_gives_up_a_cluster_that_does_not_answer(
    number: signal.Signals, slurm: SlurmCommands, arguments: list[str], folder: SubmitFolder
) -> None:
    """The first one says so; the files stay, as the job may be there and read them."""
    slurm.after_taking_a_job("exec sleep 600")
    with subprocess.Popen([*SUBMIT, *arguments], stderr=subprocess.PIPE, text=True) as submission:
        wait_until((slurm.folder / "number").exists)
        told = give_up(submission, number)
    assert submission.returncode == 2
    assert "given up waiting for Slurm, which did not answer, and may have taken the job all the same" in told
    assert "Remedy: `squeue --me --name=small` shows it then" in told
    assert {"job.sbatch", "plan.json", "study.yaml"} <= {path.name for path in folder.root.iterdir()}
    assert not folder.record.exists()


KUBECTL = """\
case "$*" in
*--dry-run=server*) cat > /dev/null; echo ok;;
*current-context*) echo lab;;
*create*) cat > /dev/null; touch "$BIN/creating"; {then};;
*) echo '{"spec": {"accessModes": ["ReadWriteMany"]}}';;
esac
"""
"""A cluster that takes everything; what becomes of the answer to `create` is the test's."""


@pytest.fixture
def kuberay(study: Path, folder: SubmitFolder) -> list[str]:
    """Return the arguments of a submission to Kubernetes."""
    return ["kuberay", str(study), "--image=i:1", "--storage=pvc:a", "--run-dir", str(folder.run_dir)]


def test_the_ctrl_c_of_a_terminal_ends_no_kubectl_that_submits(
    slurm: SlurmCommands, kuberay: list[str], folder: SubmitFolder
) -> None:
    """A terminal signals all of its processes; the job that was created meanwhile is on record."""
    go = slurm.folder / "go"
    created = "echo RayJob/small team uid-7"
    slurm.write("kubectl", KUBECTL.replace("{then}", f"until [ -e {go} ]; do sleep 0.05; done; {created}"))
    with subprocess.Popen(
        [*SUBMIT, *kuberay], stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as submission:
        wait_until((slurm.folder / "creating").exists)
        os.killpg(submission.pid, signal.SIGINT)
        assert submission.stderr is not None
        while "once more to give up" not in (line := submission.stderr.readline()):
            assert line
        go.touch()
        submission.communicate(timeout=30)
    assert submission.returncode == 75
    assert SubmitRecord.read(folder.record).where["uid"] == "uid-7"


TAKEN = (
    r"and the cluster may have taken the job all the same. Remedy: `kubectl --context=lab get rayjobs small-"
)


def test_a_second_ctrl_c_gives_up_a_kubectl_that_does_not_answer(
    slurm: SlurmCommands, kuberay: list[str], folder: SubmitFolder
) -> None:
    """It tells how the job is found, whose files stay."""
    slurm.write("kubectl", KUBECTL.replace("{then}", "exec sleep 600"))
    with subprocess.Popen([*SUBMIT, *kuberay], stderr=subprocess.PIPE, text=True) as submission:
        wait_until((slurm.folder / "creating").exists)
        told = give_up(submission, signal.SIGINT)
    assert submission.returncode == 2
    assert f"given up before the cluster answered, {TAKEN}" in told
    assert {"rayjob.yaml", "study.yaml"} <= {path.name for path in folder.root.iterdir()}


def test_a_wait_that_is_given_up_before_a_cluster_has_the_job_submits_nothing(
    slurm: SlurmCommands, kuberay: list[str], folder: SubmitFolder
) -> None:
    """So it is told, and the files are as before."""
    silent = KUBECTL.replace("echo lab", 'touch "$BIN/creating"; exec sleep 600')
    slurm.write("kubectl", silent)
    with subprocess.Popen([*SUBMIT, *kuberay], stderr=subprocess.PIPE, text=True) as submission:
        wait_until((slurm.folder / "creating").exists)
        told = give_up(submission, signal.SIGTERM)
    assert submission.returncode == 2
    assert "given up before the cluster was handed the job: nothing was submitted. Remedy" in told
    assert not (folder.root / "rayjob.yaml").exists()


@pytest.mark.parametrize(
    ("words", "may_be_there"),
    [
        ('Post "https://lab/x": net/http: request canceled (Client.Timeout exceeded)', True),
        ("Error from server (Timeout): the request may still be processed", True),
        ('Post "https://lab/x": unexpected EOF', True),
        ('Post "https://lab/x": dial tcp 10.0.0.1:443: i/o timeout', False),
    ],
)
def test_a_kubectl_that_got_no_answer_may_have_created_the_job(
    words: str,
    *,
    may_be_there: bool,
    slurm: SlurmCommands,
    kuberay: list[str],
    folder: SubmitFolder,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Unless it was never connected: then nothing was submitted, and the files are as before."""
    slurm.write("kubectl", KUBECTL.replace("{then}", f"echo '{words}' >&2; exit 1"))
    assert main(kuberay) == 2
    assert (f"no answer, {TAKEN}" in capsys.readouterr().err) == may_be_there
    assert (folder.root / "rayjob.yaml").exists() == may_be_there


class _SilentDashboard(BaseHTTPRequestHandler):
    """Tell the version of Ray, and answer no submission."""

    asked = threading.Event()
    over = threading.Event()

    def do_GET(self) -> None:
        """Answer."""
        version = {"ray_version": metadata.version("ray")}
        version |= dict.fromkeys(("version", "ray_commit", "session_name"), "4")
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps(version).encode())

    def do_POST(self) -> None:
        """Answer nothing until the test is over."""
        self.asked.set()
        self.over.wait()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it
        """Say nothing."""


def test_who_gives_up_a_dashboard_that_does_not_answer_is_told_the_jobs_id(
    study: Path, folder: SubmitFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ray's client would wait for ever, and the job may run."""
    monkeypatch.delenv("RAY_AUTH_MODE", raising=False)
    with HTTPServer(("127.0.0.1", 0), _SilentDashboard) as dashboard:
        thread = threading.Thread(target=dashboard.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        place = ["--run-dir", str(folder.run_dir), "--address", f"http://127.0.0.1:{dashboard.server_port}"]
        command = [*SUBMIT, "ray", str(study), *place, "--working-dir", "none"]
        try:
            with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as submission:
                wait_until(_SilentDashboard.asked.is_set, lambda: submission.poll() is not None)
                told = give_up(submission, signal.SIGINT)
        finally:
            _SilentDashboard.over.set()
            dashboard.shutdown()
            thread.join()
    assert submission.returncode == 2
    assert re.search(r"given up before Ray answered, which may have taken job small-[0-9a-f]{8} all", told)
    assert (folder.root / "job.json").exists()


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_a_reader_who_has_gone_ends_no_command(
    stream: str, slurm: SlurmCommands, arguments: list[str], folder: SubmitFolder
) -> None:
    """As with `| head -1`: the exit code is the command's own, and nothing is told of a pipe."""
    for command in (arguments, ["status", str(folder.run_dir)], ["logs", str(folder.run_dir)], ["--help"]):
        reading, writing = os.pipe()
        os.close(reading)
        other = "stderr" if stream == "stdout" else "stdout"
        done = subprocess.run(
            [*SUBMIT, *command], **{stream: writing, other: subprocess.PIPE}, text=True, check=False
        )
        os.close(writing)
        told = done.stderr if stream == "stdout" else done.stdout
        assert done.returncode == 0, told
        assert "Error" not in told


def test_a_name_that_the_screen_cannot_show_ends_no_command(
    slurm: SlurmCommands, arguments: list[str]
) -> None:
    """It is shown as escapes."""
    ascii_only = {**os.environ, "PYTHONIOENCODING": "ascii"}
    command = [*SUBMIT, *arguments, "--name", "sm\N{LATIN SMALL LETTER O WITH DIAERESIS}l", "--dry-run"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=ascii_only)
    assert done.returncode == 0, done.stderr
    assert '--job-name="sm\\xf6l"' in done.stdout


def test_logs_are_those_of_every_submission(
    slurm: SlurmCommands, arguments: list[str], folder: SubmitFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    """After `resume` too, whose job may not have written anything yet."""
    assert main(arguments) == 0
    output_path(folder.root, "7").write_text("first\n")
    slurm.queue("COMPLETED")
    assert main(["resume", str(folder.run_dir)]) == 0
    capsys.readouterr()
    assert main(["logs", str(folder.run_dir)]) == 0
    assert capsys.readouterr().out == "first\n"
    output_path(folder.root, "8").write_text("second\n")
    assert main(["logs", str(folder.run_dir)]) == 0
    assert capsys.readouterr().out == "first\nsecond\n"


def test_a_wait_says_for_what(
    slurm: SlurmCommands, arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """A request that never starts is told while it is waited for."""
    once = 'if [ -e "$BIN/asked" ]; then echo "CANCELLED|None||0:00|N/A"; exit; fi; touch "$BIN/asked"\n'
    slurm.write("squeue", once + 'echo "PENDING|PartitionTimeLimit||30:00|N/A"\n')
    assert main([*arguments, "--wait"]) == 75
    told = capsys.readouterr().err
    assert "pending: PartitionTimeLimit: its --time is over the partition's limit, so it never starts" in told


@pytest.mark.parametrize("verb", ["status", "logs", "cancel", "resume"])
def test_a_path_in_a_circle_is_told(
    verb: str, tmp_path: Path, slurm: SlurmCommands, study: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Links that lead to each other lead to no folder."""
    (tmp_path / "a").symlink_to(tmp_path / "b")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    assert main([verb, str(tmp_path / "a")]) == 2
    assert "its symbolic links go round in a circle. Remedy" in capsys.readouterr().err
    assert main(["slurm", str(study), "--run-dir", str(tmp_path / "a" / "run")]) == 2
    assert "its symbolic links go round in a circle. Remedy" in capsys.readouterr().err


def test_a_submission_from_a_folder_that_is_gone_is_told(
    tmp_path: Path,
    slurm: SlurmCommands,
    study: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Another shell may have removed it."""
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert main(["slurm", str(study), "--run-dir", str(tmp_path / "run")]) == 2
    assert "the working directory is gone, so no path can start there. Remedy" in capsys.readouterr().err


@pytest.mark.parametrize(
    "damage",
    [
        b"\xff",
        b"{",
        b"[]",
        json.dumps({"target": "slurm", "id": "", "name": "x", "submitted_at": "now"}).encode(),
        json.dumps({"target": "slurm", "id": "--all", "name": "x", "submitted_at": "now"}).encode(),
        json.dumps({"target": "ray", "id": "x-1", "name": "x", "submitted_at": "now"}).encode(),
        json.dumps({"target": "kuberay", "id": "x", "name": "x", "submitted_at": "now"}).encode(),
    ],
)
@pytest.mark.parametrize("verb", ["status", "logs", "cancel", "resume", "slurm"])
def test_a_damaged_record_is_told(
    verb: str,
    damage: bytes,
    slurm: SlurmCommands,
    arguments: list[str],
    folder: SubmitFolder,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """With what to do before another submission: a job may be under way that it named."""
    folder.root.mkdir(parents=True)
    folder.record.write_bytes(damage)
    assert main(arguments if verb == "slurm" else [verb, str(folder.run_dir)]) == 2
    told = capsys.readouterr().err
    assert f"{folder.record}: is damaged" in told
    assert "Remedy: see with the cluster's own command" in told
    assert not (slurm.folder / "number").exists()


def test_a_cancelled_job_keeps_the_number_of_its_restarts(
    slurm: SlurmCommands, arguments: list[str], folder: SubmitFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whoever writes its last event."""
    assert main(arguments) == 0
    StatusLog(folder.status_log, job="7", restart=2).append("started")
    slurm.queue("PENDING", "BeginTime")
    assert main(["cancel", str(folder.run_dir)]) == 0
    slurm.queue("CANCELLED")
    capsys.readouterr()
    assert main(["status", str(folder.run_dir)]) == 0
    assert "restarts: 2\n" in capsys.readouterr().out


@pytest.mark.parametrize("left", ["FAILED", "CANCELLED", None])
def test_a_job_that_was_cancelled_before_its_launcher_listened_is_called_so(
    left: str | None,
    slurm: SlurmCommands,
    arguments: list[str],
    folder: SubmitFolder,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """While `setup` runs the signal ends the shell, which Slurm calls a failure; later it forgets the job."""
    assert main(arguments) == 0
    slurm.queue("RUNNING")
    slurm.write("scancel", f'echo "{left}|None|n1|0:00|N/A" > "$BIN/queue"\n')
    if left is None:
        slurm.write("scancel", 'rm "$BIN/queue"\n')
    assert main(["cancel", str(folder.run_dir)]) == 0
    capsys.readouterr()
    assert main(["status", str(folder.run_dir)]) == 0
    assert "slurm job 7 (small): cancelled" in capsys.readouterr().out
