"""What a user is told where no Ray cluster takes a job, and the driver as a process of its own."""

import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from types import SimpleNamespace

import pytest

from harness.cluster.ray_jobs import client
from harness.cluster.ray_jobs.client import NoTokenError, ask_version
from harness.cluster.ray_jobs.entry import PLAN_VARIABLE, DriverInstructions, exit_code_in
from harness.cluster.ray_jobs.job import RayTarget, sweep_exit_code
from harness.cluster.status_log import StatusDetail, StatusLog
from harness.cluster.submit_folder import SubmitFolder, SubmitRecord
from harness.cluster.target import UnreachableError
from harness.errors import EnvironmentMismatchError


@pytest.fixture(autouse=True)
def _no_token(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a test begin without any of a user's tokens."""
    for name in ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"):
        monkeypatch.delenv(name, raising=False)


class _Answer(BaseHTTPRequestHandler):
    """Answer every request with the server's own status and text, and keep what it was sent."""

    def do_GET(self) -> None:
        """Answer."""
        server = self.server
        assert isinstance(server, _Server)
        server.authorizations.append(self.headers.get("Authorization"))
        self.send_response(server.status)
        if server.location:
            self.send_header("Location", server.location)
        self.end_headers()
        self.wfile.write(server.text.encode())

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it
        """Say nothing."""


class _Server(HTTPServer):
    """A web server on this machine that always gives the same answer."""

    status = 200
    text = ""
    location = ""
    """Where it sends who asks, with a status of 302."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.authorizations: list[str | None] = []

    @property
    def address(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.server_port}"


@contextmanager
def serving() -> Iterator[_Server]:
    """Run a web server until the context ends."""
    with _Server() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def server() -> Iterator[_Server]:
    """Run a web server."""
    with serving() as server:
        yield server


@pytest.mark.parametrize(
    ("status", "text", "told"),
    [
        (200, "<html>", "is no dashboard of Ray"),
        (200, "{}", "is no dashboard of Ray"),
        (200, "[]", "is no dashboard of Ray"),
        (404, "", "answers with HTTP status 404"),
        (200, '{"ray_version": "2.9.3"}', "the cluster runs Ray 2.9.3, and this harness was checked with"),
    ],
)
def test_what_is_no_fitting_ray_is_told(server: _Server, status: int, text: str, told: str) -> None:
    """Another web server, or another version of Ray, is named as such."""
    server.status, server.text = status, text
    with pytest.raises(EnvironmentMismatchError, match=told):
        ask_version(server.address)


def test_a_port_that_speaks_no_http_is_told() -> None:
    """As Ray's own port 6379, which is easily taken for the dashboard's."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        thread = threading.Thread(target=_answer_in_frames, args=[other])
        thread.start()
        with pytest.raises(EnvironmentMismatchError, match="is no dashboard of Ray"):
            ask_version(f"http://127.0.0.1:{other.getsockname()[1]}")
        thread.join()


def _answer_in_frames(other: socket.socket) -> None:
    """Answer one request as a server of HTTP/2 does."""
    connection, _ = other.accept()
    with connection:
        connection.recv(4096)
        connection.sendall(b"\x00\x00\x12\x04\x00\x00\x00\x00\x00\n")


def test_a_token_is_sent_only_where_the_user_asks_for_it(
    server: _Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """RAY_AUTH_MODE=token sends RAY_AUTH_TOKEN, or what RAY_AUTH_TOKEN_PATH names; nothing is guessed."""
    server.text = '{"ray_version": "2.60.0"}'
    (tmp_path / "token").write_text("from-file\n")
    monkeypatch.setenv("RAY_AUTH_TOKEN_PATH", str(tmp_path / "token"))
    ask_version(server.address)
    monkeypatch.setenv("RAY_AUTH_MODE", "token")
    ask_version(server.address)
    monkeypatch.setenv("RAY_AUTH_TOKEN", "from-variable")
    ask_version(server.address)
    assert server.authorizations == [None, "Bearer from-file", "Bearer from-variable"]


def test_a_token_goes_to_no_other_host(server: _Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy before the dashboard may send who asks to a page of its own."""
    monkeypatch.setenv("RAY_AUTH_MODE", "token")
    monkeypatch.setenv("RAY_AUTH_TOKEN", "secret")
    with serving() as other:
        other.text = "<html>"
        server.status, server.location = 302, f"http://localhost:{other.server_port}/login"
        with pytest.raises(EnvironmentMismatchError, match="is no dashboard of Ray"):
            ask_version(server.address)
    assert (server.authorizations, other.authorizations) == (["Bearer secret"], [None])


@pytest.mark.parametrize("text", ["one\ntwo", "\N{LEFT DOUBLE QUOTATION MARK}one"])
@pytest.mark.parametrize("is_file", [True, False], ids=["file", "variable"])
def test_what_can_be_no_token_is_told_before_asking(
    text: str,
    is_file: bool,  # noqa: FBT001 - a parameter of the test
    server: _Server,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """With where it stands, and without the token itself."""
    path = tmp_path / "token"
    path.write_text(text, encoding="utf-8")
    monkeypatch.setenv("RAY_AUTH_MODE", "token")
    monkeypatch.setenv("RAY_AUTH_TOKEN_PATH" if is_file else "RAY_AUTH_TOKEN", str(path) if is_file else text)
    with pytest.raises(NoTokenError, match=r"holds no token of Ray, which is one line .*Remedy") as caught:
        ask_version(server.address)
    assert str(caught.value).startswith(f"{path}: " if is_file else "RAY_AUTH_TOKEN: ")
    assert "one\n" not in str(caught.value)
    assert server.authorizations == []


def test_a_token_that_is_missing_is_told_before_asking(
    server: _Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The message names the file that was looked at."""
    monkeypatch.setenv("RAY_AUTH_MODE", "token")
    monkeypatch.setenv("RAY_AUTH_TOKEN_PATH", str(tmp_path / "missing"))
    with pytest.raises(
        EnvironmentMismatchError, match=r"missing cannot be read .* Remedy: RAY_AUTH_TOKEN_PATH"
    ):
        ask_version(server.address)
    assert server.authorizations == []


def test_the_token_file_that_ray_made_is_hinted_at(
    server: _Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Where `ray start` turned tokens on by itself, its file opens the cluster, once the mode says so."""
    server.status = 401
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(EnvironmentMismatchError) as without:
        ask_version(server.address)
    (tmp_path / ".ray").mkdir()
    (tmp_path / ".ray" / "auth_token").write_text("secret")
    with pytest.raises(EnvironmentMismatchError) as having:
        ask_version(server.address)
    assert "exists" not in str(without.value)
    assert "~/.ray/auth_token exists: without RAY_AUTH_TOKEN_PATH it is taken" in str(having.value)


def test_a_closed_port_and_a_silent_one_are_unreachable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for an answer that never comes."""
    monkeypatch.setattr(client, "_PATIENCE_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(UnreachableError, match="does not answer"):
            ask_version(address)
    with pytest.raises(UnreachableError, match="does not answer"):
        ask_version(address)


def test_without_ray_default_the_remedy_is_told(tmp_path: Path) -> None:
    """A submission ends with the extra to install; rendering and looking need nothing of it."""
    program = (
        "import sys; sys.modules['aiohttp'] = None\n"
        "from harness.cluster.ray_jobs.client import connect\n"
        "from harness.errors import HarnessError\n"
        "try: connect('http://127.0.0.1:1')\n"
        "except HarnessError as error: print(error)\n"
        "print('ray' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "ray[default] is not installed here" in done.stdout
    assert 'pip install "recipe-harness[cluster]"' in done.stdout
    assert done.stdout.splitlines()[-1] == "False"


def test_of_a_cluster_that_is_gone_the_drivers_notes_tell_the_end(tmp_path: Path) -> None:
    """An end that was noted on a shared file system counts; without one the remedy is told."""
    folder = SubmitFolder(tmp_path)
    folder.root.mkdir()
    record = SubmitRecord.now("ray", "drill-1", "drill", address="http://127.0.0.1:1")
    log = StatusLog(folder.status_log, job="drill-1")
    log.append("started")
    with pytest.raises(UnreachableError, match=r"If it is gone for good: remove .*submit\.json"):
        RayTarget().state(record, folder)
    log.append("ended", StatusDetail(exit_code=75))
    state = RayTarget().state(record, folder)
    assert (state.phase, state.exit_code) == ("interrupted", 75)


@pytest.mark.parametrize("text", [None, "{", '{"address": "auto"}'])
def test_a_written_job_that_is_damaged_is_told(tmp_path: Path, text: str | None) -> None:
    """Whatever became of it, nothing else is submitted in its place."""
    folder = SubmitFolder(tmp_path)
    folder.root.mkdir()
    if text is not None:
        (folder.root / "job.json").write_text(text)
    with pytest.raises(EnvironmentMismatchError, match=r"job\.json: is missing or damaged"):
        RayTarget().submit(folder)


def drive(instructions: DriverInstructions) -> "subprocess.CompletedProcess[str]":
    """Run the driver as Ray does, without a cluster."""
    job: Mapping[str, object] = {"metadata": {"job_submission_id": "drill-1"}}
    environment = os.environ | {
        PLAN_VARIABLE: instructions.encode(),
        "RAY_JOB_CONFIG_JSON_ENV_VAR": json.dumps(job),
    }
    command = [sys.executable, "-m", "harness.cluster.ray_jobs.entry"]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)


def test_a_folder_that_the_driver_cannot_write_is_told(tmp_path: Path) -> None:
    """As where no file system is shared, and the cluster's user may not make the folder."""
    (tmp_path / "file").write_text("")
    done = drive(DriverInstructions(study="", run_dir=str(tmp_path / "file" / "run"), arguments=[]))
    assert done.returncode == 2
    assert "where the driver runs" in done.stderr
    assert "Remedy: --run-dir DIR on a file system that the cluster shares" in done.stderr


def test_the_driver_notes_how_its_sweep_ended(tmp_path: Path) -> None:
    """Exit code, last line and the log beside the results tell it."""
    folder = SubmitFolder(tmp_path / "run")
    done = drive(
        DriverInstructions(
            study="study: bad", run_dir=str(folder.run_dir), arguments=[str(folder.study_file)]
        )
    )
    assert done.returncode == 2
    assert "error: " in done.stderr
    assert done.stdout == "the sweep ended with exit code 2\n"
    assert exit_code_in(done.stdout.rstrip()) == 2
    events = [(event.event, event.job, event.detail) for event in StatusLog(folder.status_log).events()]
    assert events == [
        ("started", "drill-1", StatusDetail()),
        ("ended", "drill-1", StatusDetail(exit_code=2)),
    ]


@pytest.mark.parametrize(
    ("status", "ray", "output", "noted", "code"),
    [
        ("FAILED", 1, "No module named harness\n", None, None),
        ("FAILED", 1, "2 runs failed\nthe sweep ended with exit code 1\n", None, 1),
        ("FAILED", 1, "", 1, 1),
        ("FAILED", 2, "", None, 2),
        ("FAILED", None, "", 1, 1),
        ("FAILED", None, "", None, None),
        ("RUNNING", None, "the sweep ended with exit code 1\n", None, None),
        ("STOPPED", None, "the sweep ended with exit code 75\n", None, 75),
        ("STOPPED", None, "", None, None),
    ],
)
def test_an_exit_code_is_a_sweeps_or_none(
    status: str, ray: int | None, output: str, noted: int | None, code: int | None
) -> None:
    """1 means that some runs failed, and Python itself ends with 1 where the harness is not installed."""
    info = SimpleNamespace(status=SimpleNamespace(value=status), driver_exit_code=ray)
    answers = SimpleNamespace(get_job_logs=lambda _: output)
    record = SubmitRecord.now("ray", "drill-1", "drill", address="http://127.0.0.1:1")
    assert sweep_exit_code(answers, info, record, noted) == code


@pytest.mark.parametrize(
    ("message", "told"),
    [
        ("Request failed with status code 413: Maximum request body size exceeded.", "--working-dir"),
        ("Package at /x exceeds the maximum size 500MiB", "--working-dir"),
        ("Request failed with status code 502: <html><body>nginx</body></html>.", "502 from a web server"),
    ],
)
def test_what_the_dashboard_refuses_is_told_in_words(message: str, told: str) -> None:
    """What is shipped may be too large for it, or for a proxy, whose page is no message."""
    with pytest.raises(EnvironmentMismatchError) as caught, client.explained("http://head:8265"):
        raise RuntimeError(message)
    assert told in str(caught.value)
    assert "<html>" not in str(caught.value)
