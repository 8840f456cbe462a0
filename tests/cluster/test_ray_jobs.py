"""Studies as Ray Jobs, on a real Ray head with a token."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from shutil import copytree, ignore_patterns

import pandas as pd
import psutil
import pytest

from harness.cluster.ray_jobs.job import RayTarget
from harness.cluster.submit_folder import SubmitFolder, SubmitRecord
from harness.cluster.target import Request
from harness.errors import EnvironmentMismatchError
from harness.records.folder import ResultsFolder
from harness.records.recovery import recover_journal
from harness.study.reading.parse import load_study
from harness.study.submission import RaySite
from tests import drill
from tests.cluster.components import require
from tests.cluster.ray_head import MOST_SHIPPED_BYTES, RayHead, ray_head
from tests.processes import command_line, held

pytestmark = [pytest.mark.slow, pytest.mark.ray]

HOSTILE = 'it\'s $(touch pwned) `touch pwned` "$HOME" ; touch pwned & ünïcödé ☃'

MARK = """

import os as _os
from pathlib import Path as _Path

_Path(_os.environ["SEEN_IN"], str(_os.getpid())).write_text(__file__ + "\\n" + _os.environ["HOSTILE"])
"""
"""Makes a shipped module note the process that imports it, the file it comes from, and a variable."""


@pytest.fixture(scope="module")
def head() -> Iterator[RayHead]:
    """Return a Ray head of this module's own."""
    require("Ray Jobs", find_spec("aiohttp") is not None, "needs ray[default], in the extra `cluster`")
    with ray_head(cpus=2) as head:
        yield head


@pytest.fixture(autouse=True)
def _authorized(head: RayHead, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give a test the environment of this head's user."""
    for name in ("RAY_ADDRESS", "RAY_AUTH_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    for name, value in head.environment.items():
        monkeypatch.setenv(name, value)


def submit(*arguments: str | Path) -> "subprocess.CompletedProcess[str]":
    """Run `python -m harness.submit`."""
    command = [sys.executable, "-m", "harness.submit", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)


def committed(folder: Path) -> str:
    """Commit all files of a folder; return the commit."""
    git = ["git", "-C", str(folder), "-c", "user.name=A", "-c", "user.email=a@example.org"]
    for arguments in (["init", "--quiet"], ["add", "."], ["commit", "--quiet", "--message", "All"]):
        subprocess.run([*git, *arguments], check=True)
    return subprocess.check_output([*git, "rev-parse", "HEAD"], text=True).strip()


class Marked:
    """A job with hostile values everywhere, whose shipped code notes where it runs."""

    def __init__(self, head: RayHead, study: Path, folder: Path, repository: Path) -> None:
        self.folder, self.run_dir, self.seen = folder, folder / HOSTILE, folder / "seen in"
        self.env = HOSTILE.replace("$", "") + "\n%s {x} \\ end"
        code = folder / "code"
        for name in ("harness", "analysis"):
            copytree(repository / name, code / name, ignore=ignore_patterns("__pycache__"))
        for name in ("study_run.py", "trainable.py"):  # a driver's and a worker's
            with (code / "harness" / "tuning" / name).open("a") as module:
                module.write(MARK)
        self.commit = committed(code)
        self.seen.mkdir()
        self.question = f"Is it {HOSTILE}?"
        self.done = submit(
            "ray", study, "--address", head.address, "--run-dir", self.run_dir,
            "--working-dir", code, "--env", f"SEEN_IN={self.seen}", "--env", f"HOSTILE={self.env}",
            "--follow", "--wait", "--", "--set", f"question={json.dumps(self.question, ensure_ascii=False)}",
        )  # fmt: skip


@pytest.fixture(scope="module")
def marked(head: RayHead, drill_study: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Marked]:
    """Run the marked job once, from a folder of its own."""
    folder = tmp_path_factory.mktemp("marked")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for name, value in head.environment.items():
            patch.setenv(name, value)
        yield Marked(head, drill_study, folder, Path(__file__).parents[2])


def test_a_followed_study_is_completed_with_its_rows(marked: Marked) -> None:
    """The driver's output is shown, the exit code is the sweep's, and every planned run has its row."""
    assert marked.done.returncode == 0, marked.done.stderr
    assert "report: " in marked.done.stdout
    assert "the sweep ended with exit code 0" in marked.done.stdout
    phases = pd.read_parquet(ResultsFolder(marked.run_dir).runs).phase
    assert phases.value_counts().to_dict() == {"search": 8, "confirm": 4, "audit": 2}


def test_hostile_values_arrive_intact_and_are_not_executed(marked: Marked, drill_study: Path) -> None:
    """Folder, question and variable hold shell syntax, quotes, a newline and Unicode; no shell saw them."""
    declared = json.loads(ResultsFolder(marked.run_dir).declaration.read_text())
    assert declared["question"] == marked.question
    assert (marked.run_dir / "submit" / "study.yaml").read_bytes() == drill_study.read_bytes()
    notes = [note.read_text().split("\n", 1)[1] for note in marked.seen.iterdir()]
    assert notes
    assert all(note == marked.env for note in notes)
    assert not list(marked.folder.rglob("pwned"))


def test_driver_and_workers_run_the_shipped_code(marked: Marked) -> None:
    """Both import the harness from the package that was uploaded, not one that the cluster had."""
    files = [note.read_text().split("\n", 1)[0] for note in marked.seen.iterdir()]
    assert {Path(file).name for file in files} == {"study_run.py", "trainable.py"}
    assert all("/_ray_pkg_" in file for file in files)


def test_the_manifest_names_the_commit_of_the_shipped_code(marked: Marked) -> None:
    """Though its git history was not shipped."""
    manifest = json.loads(ResultsFolder(marked.run_dir).manifest.read_text())
    assert manifest["git"] == {"commit": marked.commit, "dirty": False}


def test_where_no_folder_is_shared_the_status_says_where_the_results_are(
    marked: Marked, tmp_path: Path
) -> None:
    """The exit code then comes from Ray; the results are on the node of the driver."""
    record = SubmitRecord.read(SubmitFolder(marked.run_dir).record)
    state = RayTarget().state(record, SubmitFolder(tmp_path))
    assert (state.phase, state.exit_code) == ("completed", 0)
    assert "this machine does not share it" in state.facts["results"]


def test_a_study_outlives_its_watcher_ends_whole_when_cancelled_and_is_resumed(
    head: RayHead, marked: Marked, drill_study: Path, tmp_path: Path
) -> None:
    """Ctrl-C only detaches; cancelled, the sweep ends in good order; resumed, it is as one undisturbed."""
    run_dir = tmp_path / "run"
    folder = SubmitFolder(run_dir)
    watching = followed(drill_study, head, run_dir)
    drill.wait_until(lambda: drill.ended_runs(ResultsFolder(run_dir)) >= 1)
    record = SubmitRecord.read(folder.record)
    with held(workers(head)):  # the study would end before its watcher has
        watching.send_signal(signal.SIGINT)
        assert "what was submitted goes on" in watching.communicate(timeout=60)[1]
        assert RayTarget().state(record, folder).phase == "running"
        RayTarget().cancel(record, folder)
    for where in (folder, SubmitFolder(tmp_path / "not shared")):
        assert wait_until_over(record, where) == ("interrupted", 75)
    recovered = recover_journal(ResultsFolder(run_dir))
    assert recovered.loss is None
    resumed = submit("resume", run_dir, "--follow", "--wait")
    assert resumed.returncode == 0, resumed.stdout + resumed.stderr
    assert SubmitRecord.read(folder.record).earlier == [record.id]
    assert resumed.stdout.count("the sweep ended with exit code") == 2
    assert drill.outcome(ResultsFolder(run_dir)) == drill.outcome(ResultsFolder(marked.run_dir))


def workers(head: RayHead) -> list[psutil.Process]:
    """Return the processes of a cluster in which runs train."""
    family = head.process.children(recursive=True)
    return [process for process in family if command_line(process).startswith("ray::ImplicitFunc")]


def followed(study: Path, head: RayHead, run_dir: Path) -> "subprocess.Popen[str]":
    """Submit a study and stay with it, in a process of its own that heeds Ctrl-C wherever the tests run."""
    command = ["env", "--default-signal=INT", sys.executable, "-m", "harness.submit", "ray", str(study)]
    return subprocess.Popen(
        [*command, "--address", head.address, "--run-dir", str(run_dir), "--follow"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_until_over(record: SubmitRecord, folder: SubmitFolder) -> tuple[str, int | None]:
    """Return phase and exit code of a job that is about to end."""
    drill.wait_until(lambda: RayTarget().state(record, folder).is_over)
    state = RayTarget().state(record, folder)
    return state.phase, state.exit_code


@pytest.mark.full
def test_wait_and_status_tell_how_a_sweep_failed(head: RayHead, drill_study: Path, tmp_path: Path) -> None:
    """A layer of a trillion units cannot be allocated: runs fail, so the exit code is 1, with its reason."""
    huge = ["--set", f"recipe.model.hidden=[{10**12}]", "--set", "search.trials=1"]
    done = submit(
        "ray", drill_study, "--address", head.address, "--run-dir", tmp_path / "run", "--follow", "--wait",
        "--", *huge,
    )  # fmt: skip
    assert done.returncode == 1, done.stdout + done.stderr
    assert "the sweep ended with exit code 1" in done.stdout
    assert set(pd.read_parquet(ResultsFolder(tmp_path / "run").runs).status) == {"failed"}
    told = submit("status", tmp_path / "run").stdout
    assert "(drill): failed" in told
    assert "some runs failed, and the report names the reasons" in told


def rendered(
    head: RayHead, study: Path, tmp_path: Path, working_dir: str | None = None
) -> tuple[Mapping[str, str], SubmitFolder]:
    """Return what a submission would use, and its folder with these files; nothing is submitted."""
    request = Request(study=load_study(study), run_dir=tmp_path / "run", name="drill")
    texts = RayTarget(RaySite(address=head.address, working_dir=working_dir)).render(request)
    request.folder.root.mkdir(parents=True)
    for name, text in texts.items():
        (request.folder.root / name).write_text(text, encoding="utf-8")
    return texts, request.folder


@pytest.mark.parametrize(
    ("environment", "told"),
    [
        ({"RAY_AUTH_TOKEN": "0" * 64}, "does not take this token"),
        ({"RAY_AUTH_MODE": ""}, "asks for a token (HTTP status 401), and RAY_AUTH_MODE here is not set"),
        ({"RAY_AUTH_MODE": "disabled"}, "RAY_AUTH_MODE here is disabled. Remedy: RAY_AUTH_MODE=token"),
    ],
)
def test_without_the_right_token_the_cluster_refuses(
    head: RayHead,
    drill_study: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    environment: Mapping[str, str],
    told: str,
) -> None:
    """The message names what is wrong and what to set; nothing is submitted."""
    texts, folder = rendered(head, drill_study, tmp_path)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    for ask in (lambda: RayTarget().check(texts, folder), lambda: RayTarget().submit(folder)):
        with pytest.raises(EnvironmentMismatchError) as refused:
            ask()
        assert told in str(refused.value)
        assert "0" * 64 not in str(refused.value)


def test_the_address_given_wins_over_that_of_the_environment(
    head: RayHead, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ray's client would prefer RAY_ADDRESS; ours asks the cluster that was named."""
    monkeypatch.setenv("RAY_ADDRESS", "http://127.0.0.1:1")
    record = SubmitRecord.now("ray", "nobody", "nobody", address=head.address)
    state = RayTarget().state(record, SubmitFolder(tmp_path))
    assert state.phase == "unknown"
    assert os.environ["RAY_ADDRESS"] == "http://127.0.0.1:1"


def test_a_working_directory_too_large_is_refused_with_a_remedy(
    head: RayHead, drill_study: Path, tmp_path: Path
) -> None:
    """The cluster takes packages up to a limit; the message says what to leave behind."""
    folder = tmp_path / "large"
    folder.mkdir()
    with (folder / "model.bin").open("wb") as file:
        file.truncate(MOST_SHIPPED_BYTES + 1)
    with pytest.raises(
        EnvironmentMismatchError, match=r"larger than its dashboard, .* takes\. Remedy: leave --working-dir"
    ):
        RayTarget().submit(rendered(head, drill_study, tmp_path, str(folder))[1])


def test_no_file_of_a_submission_holds_the_token(head: RayHead, marked: Marked) -> None:
    """Neither what was written for the submission, nor the driver's output."""
    token = head.token_path.read_text()
    assert head.token_path.stat().st_mode & 0o777 == 0o600
    for path in (marked.run_dir / "submit").iterdir():
        assert token not in path.read_text(encoding="utf-8")
    assert token not in marked.done.stdout + marked.done.stderr


def test_nothing_listens_beyond_this_machine(head: RayHead) -> None:
    """Every listening socket of the cluster is bound to the loopback address."""
    family = [head.process, *head.process.children(recursive=True)]
    listening = [
        connection.laddr.ip
        for process in family
        for connection in process.net_connections(kind="inet")
        if connection.status == psutil.CONN_LISTEN
    ]
    assert len(listening) > 5
    assert {address.removeprefix("::ffff:") for address in listening} == {"127.0.0.1"}
