"""`watch`: how far a study is, by its folder alone; and its live page."""

import gzip
import http.client
import json
import os
import re
import select
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from analysis.exports.reading import JournalReader
from analysis.results import results
from harness.commands import watch
from harness.commands.watching.page import Shown, looked_again, serving
from harness.commands.watching.progress import progress_of
from harness.records.folder import ResultsFolder
from harness.records.lock import FolderLock
from harness.study.reading.parse import load_study
from tests.analysis.conftest import Study
from tests.cluster.slurm_commands import SlurmCommands

REFERENCE = Path(__file__).parents[2] / "results/reference/optimizers"


@pytest.fixture
def begun(tmp_path: Path) -> tuple[Path, bytes]:
    """Return a study in mid-search, a run in flight, and the rest of its journal."""
    folder = tmp_path / "optimizers"
    folder.mkdir()
    for name in ("study.yaml", "declaration.json", "manifest.json"):
        shutil.copy(REFERENCE / name, folder / name)
    lines = gzip.decompress((REFERENCE / "journal.jsonl.gz").read_bytes()).splitlines(keepends=True)
    starts = [place for place, line in enumerate(lines) if b'"run_started"' in line]
    cut = next(place for place in starts if place > len(lines) // 2) + 2
    (folder / "journal.jsonl").write_bytes(b"".join(lines[:cut]))
    return folder, b"".join(lines[cut:])


def test_what_has_run_is_counted_with_what_is_in_flight(begun: tuple[Path, bytes]) -> None:
    """Each arm's runs and epochs are the journal's; the best is that of full search runs; time is left."""
    folder = begun[0]
    events = [json.loads(line) for line in (folder / "journal.jsonl").read_bytes().splitlines()]
    reader = JournalReader(ResultsFolder(folder))
    reader.read()
    found = results(folder)
    with FolderLock(folder / ".lock"):
        at = datetime.fromisoformat(events[-1]["time"])
        progress = progress_of(found, reader.runs, at)
    arm_of = {event["run_id"]: event["arm"] for event in events if event["event"] == "run_started"}
    for own in progress.arms:
        of_arm = [event for event in events if arm_of.get(event.get("run_id")) == own.arm]
        kinds = [event["event"] for event in of_arm]
        assert own.ended == kinds.count("run_ended")
        assert own.running == len({event["run_id"] for event in of_arm}) - own.ended
        assert own.epochs == kinds.count("epoch")
    assert sum(own.running for own in progress.arms) >= 1
    assert (
        sum(own.ended for own in progress.arms),
        sum(own.planned for own in progress.arms),
    ) == found.progress
    epochs = [datetime.fromisoformat(event["time"]) for event in events if event["event"] == "epoch"]
    pace = (len(epochs) - 1) / (max(*epochs, at) - min(epochs)).total_seconds()
    assert progress.epochs_per_second == pytest.approx(pace)
    assert progress.seconds_left is not None
    assert 0.2 < progress.seconds_left * pace / len(epochs) < 3


@pytest.mark.parametrize("columns", [60, 80])
def test_no_line_is_wider_than_the_screen(
    columns: int,
    begun: tuple[Path, bytes],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """And every arm, its counts and each claim are there."""
    monkeypatch.setenv("COLUMNS", str(columns))
    assert watch.main([str(begun[0]), "--once"]) == 0
    shown = capsys.readouterr().out
    assert max(map(len, shown.splitlines())) <= columns
    assert re.search(r"^sgd +\d+/70 ", shown, re.MULTILINE)
    assert "4. not yet: Adam reaches a higher" in shown


def test_a_study_that_ends_meanwhile_ends_the_watch(begun: tuple[Path, bytes]) -> None:
    """Without a terminal a line now and then, at the end everything; colours that are asked for make none."""
    folder, rest = begun
    environment = os.environ | {"FORCE_COLOR": "1"}
    command = [sys.executable, "-m", "harness.commands.watch", str(folder), "--every", "0.1"]
    with (
        FolderLock(folder / ".lock"),
        subprocess.Popen(command, stdout=subprocess.PIPE, env=environment, text=True) as watching,
    ):
        assert watching.stdout is not None
        assert "optimizers: running, " in watching.stdout.readline()
        with (folder / "journal.jsonl").open("ab") as journal:
            journal.write(rest)
        told = watching.stdout.read()
    assert watching.returncode == 0
    assert "optimizers: finished" in told
    assert "claims: 2 decided, 2 open" in told
    assert "\x1b" not in told


def test_a_study_whose_search_was_given_up_has_ended(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """There is nothing to resume; why it was given up is told."""
    study = Study(arms={"a": {"lr": {"low": 1e-3, "high": 1.0, "log": True}}}, confirm_runs=2)
    study.add("a", "search", status="failed", epochs=0)
    study.search_runs, study.winners, study.given_up = {"a": 8}, {"a": None}, {"a": "all of them failed"}
    assert watch.main([str(study.write(tmp_path))]) == 0
    shown = capsys.readouterr().out
    assert "The search of arm a was given up: all of them failed." in shown
    assert re.search(r"^a +1/1 ", shown, re.MULTILINE)


def test_ctrl_c_only_ends_the_watch(begun: tuple[Path, bytes]) -> None:
    """On a terminal too, with a sentence and no traceback."""
    master, slave = os.openpty()
    environment = os.environ | {"TERM": "xterm", "COLUMNS": "80", "LINES": "24"}
    command = [sys.executable, "-m", "harness.commands.watch", str(begun[0])]
    with (
        FolderLock(begun[0] / ".lock"),
        subprocess.Popen(
            command, stdin=slave, stdout=slave, stderr=subprocess.PIPE, env=environment, text=True
        ) as watching,
    ):
        shown = b""
        while b"epochs/s" not in shown and select.select([master], [], [], 60)[0]:
            shown += os.read(master, 4096)
        watching.send_signal(signal.SIGINT)
        assert watching.stderr is not None
        assert watching.stderr.read() == "no longer watched; the study goes on\n"
    os.close(master)
    os.close(slave)
    assert watching.returncode == 75


def test_a_study_that_nobody_works_on_waits_for_a_resume(
    begun: tuple[Path, bytes], capsys: pytest.CaptureFixture[str]
) -> None:
    """Its last event was long ago, and no sweep holds the folder."""
    assert watch.main([str(begun[0])]) == 75
    assert "with --resume" in " ".join(capsys.readouterr().out.split())


def test_a_submitted_study_shows_its_job(
    tmp_path: Path, study_text: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """From its RUN_DIR or the submit folder in it; before there are results, and where its job is over."""
    from harness.commands import submit

    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    slurm = SlurmCommands(tmp_path / "bin", monkeypatch)
    path, run_dir = tmp_path / "s.yaml", tmp_path / "run"
    path.write_text(study_text, encoding="utf-8")
    assert load_study(path)
    assert submit.main(["slurm", str(path), "--run-dir", str(run_dir)]) == 0
    slurm.queue("PENDING", "Resources")
    assert watch.main([str(run_dir), "--once"]) == 0
    assert "slurm job 7: pending (Resources" in capsys.readouterr().out
    assert watch.main([str(run_dir / "submit"), "--once"]) == 0
    assert f"no results yet in {run_dir}" in " ".join(capsys.readouterr().out.split())


@contextmanager
def connected(address: str) -> Iterator[http.client.HTTPConnection]:
    """Yield a connection to the server of an address."""
    connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=30)
    yield connection
    connection.close()


def status(address: str, path: str, **headers: str) -> int:
    """Return how the server answers."""
    with connected(address) as connection:
        connection.request("GET", path, headers=headers)
        return connection.getresponse().status


def test_the_live_page_answers_who_knows_it_and_nobody_else() -> None:
    """Bound to this machine; another Host, another path, a file's, and no token at all are refused."""
    shown = Shown(3, "told <so>", "<html><body><p>report</p></body></html>")
    with serving(lambda: shown, 0) as address:
        parts = urlsplit(address)
        assert parts.hostname == "127.0.0.1"
        assert len(parts.path.strip("/")) >= 20
        with connected(address) as connection:
            connection.request("GET", parts.path)
            answer = connection.getresponse()
            page = answer.read().decode()
            assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")
        assert page.startswith("<html><body><p>report</p>")
        assert "told &lt;so>" in page
        assert page.endswith("</body></html>")
        with connected(address) as connection:
            connection.request("GET", f"{parts.path}version")
            assert json.loads(connection.getresponse().read()) == {"version": 3, "told": "told <so>"}
        assert status(address, parts.path, Host=f"localhost:{parts.port}") == 200
        for path, headers in (
            (parts.path, {"Host": f"elsewhere.example:{parts.port}"}),
            (parts.path, {"Host": "127.0.0.1:1"}),
            ("/", {}),
            (parts.path.rstrip("/"), {}),
            (f"{parts.path[:-2]}/", {}),
            (f"{parts.path}../{parts.path}", {}),
            (f"{parts.path}journal.jsonl", {}),
            ("/etc/passwd", {}),
        ):
            assert status(address, path, **headers) == 404, path


def test_the_live_page_tells_that_its_sweep_has_ended(begun: tuple[Path, bytes]) -> None:
    """One that was killed writes nothing more; the page stays the one that was made of its journal."""
    shown = Shown(1, "", "the page", "; made at 12:00:00 UTC")
    with FolderLock(begun[0] / ".lock"):
        watched = watch.Watched(begun[0], every=None)
        shown = looked_again(watched, shown)
        assert "optimizers: running, " in shown.told
        assert "left" in shown.told
    after = looked_again(watched, shown)
    assert "optimizers: unfinished, " in after.told
    assert "left" not in after.told
    assert after.told.endswith("; made at 12:00:00 UTC")
    assert (after.version, after.page) == (1, "the page")


def test_a_browser_that_leaves_is_no_error(capfd: pytest.CaptureFixture[str]) -> None:
    """It closes its connection while a page, larger than a connection holds, is sent."""
    shown = Shown(1, "told", f"<body>{'x' * 50_000_000}</body>")
    with serving(lambda: shown, 0) as address:
        parts = urlsplit(address)
        with connected(address) as connection:
            connection.request("GET", parts.path)
            assert connection.getresponse().read(1) == b"<"
        assert status(address, f"{parts.path}version") == 200
    assert capfd.readouterr().err == ""


def test_a_port_that_is_taken_is_told() -> None:
    """With the remedy."""
    shown = Shown(1, "", "")
    with (
        serving(lambda: shown, 0) as address,
        pytest.raises(Exception, match=r"--port \d+: cannot be used .* Remedy: another one"),
        serving(lambda: shown, urlsplit(address).port or 0),
    ):
        pass
