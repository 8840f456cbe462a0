"""Real sweeps whose terminal goes away, whose output nobody reads, and that are asked to end at odd times."""

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from getpass import getuser
from pathlib import Path

import psutil
import pytest

from harness.records.folder import ResultsFolder
from harness.records.journal import read_journal
from tests import drill

pytestmark = [pytest.mark.ray, pytest.mark.slow]

_SMALL = (
    "search.trials=1", "search.early_stopping=null", "search.audit=0", "confirm.seeds=1",
)  # fmt: skip

_SLOW = """\
study: slow
question: Is the way on told?
trial:
  command: [python, -S, slow.py, "{seed}"]
  epochs: 1
  metrics: {accuracy: {better: higher}}
arms:
  one: {}
confirm: {seeds: 2}
resources: {concurrency: 1}
"""


@dataclass
class Place:
    """Where a small study is swept."""

    root: Path
    study: Path
    epochs: int
    temporary: Path
    """The folder of temporary folders."""

    @property
    def folder(self) -> ResultsFolder:
        """Its results."""
        return ResultsFolder(self.root / "results" / "drill")

    @property
    def command(self) -> list[str]:
        """What sweeps it."""
        settings = (*_SMALL, f"recipe.epochs={self.epochs}")
        small = [word for setting in settings for word in ("--set", setting)]
        results = ["--results", str(self.folder.root.parent)]
        return [sys.executable, "-m", "harness.sweep", str(self.study), *results, *small]

    @property
    def environment(self) -> dict[str, str]:
        """Where it finds what."""
        return os.environ | {"TMPDIR": str(self.temporary)}

    def start(self, *head: str, output: int = subprocess.PIPE, **more: str) -> "subprocess.Popen[bytes]":
        """Start a sweep in a session, and so in a process group, of its own."""
        return subprocess.Popen(
            [*head, *self.command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT if output == subprocess.PIPE else output,
            env=self.environment | more,
            start_new_session=True,
        )


@pytest.fixture
def place(drill_study: Path, tmp_path: Path) -> Iterator[Place]:
    """Return a place for a sweep."""
    with tempfile.TemporaryDirectory(prefix="e-", dir="/tmp") as temporary:  # short, for Ray's sockets
        yield Place(root=tmp_path, study=drill_study, epochs=2, temporary=Path(temporary))
        left = {path.name for path in Path(temporary).iterdir()}
        assert left <= {f"torchinductor_{getuser()}"}, "a temporary folder is left"  # torch makes that one


def is_finished(place: Place) -> bool:
    """Return whether every run ended and the report is written."""
    ended = [event for event in read_journal(place.folder) if event.event == "run_ended"]
    has_report = (place.folder.report / "index.html").exists()
    return len(ended) == 4 and has_report and not place.folder.lock.exists()


def test_a_reader_who_has_seen_enough_costs_nothing(place: Place) -> None:
    """`2>&1 | head -2`: the study finishes, writes its report and ends by its own result."""
    line = '"$@" 2>&1 | head -1; exit ${PIPESTATUS[0]}'
    process = place.start("bash", "-c", line, "sweep")
    output, _ = process.communicate()
    assert process.returncode == 0
    assert output.count(b"\n") == 1
    assert is_finished(place)


def test_a_closed_terminal_is_an_interruption(place: Place) -> None:
    """The kernel sends SIGHUP to everything that runs on it, Ray's processes too: 75, and nothing is left."""
    place.epochs = 2000
    master, slave = os.openpty()
    process = subprocess.Popen(
        ["setsid", "--ctty", *place.command],
        stdin=slave,
        stdout=slave,
        stderr=slave,
        env=place.environment | {"TERM": "xterm"},
    )
    os.close(slave)
    looked_at = psutil.Process(process.pid)
    drill.wait_until(lambda: trains(place, looked_at), lambda: process.poll() is not None)
    family = looked_at.children(recursive=True)
    assert family
    os.close(master)
    assert process.wait() == 75
    _, left = psutil.wait_procs(family, timeout=20)
    assert not left
    assert list(read_journal(place.folder))


@pytest.mark.full
def test_a_terminal_that_goes_away_costs_nothing_under_nohup(place: Place) -> None:
    """The live table stands on a real terminal, which is closed while runs train; SIGHUP is ignored."""
    master, slave = os.openpty()
    ignoring = ("bash", "-c", 'trap "" HUP; exec "$@"', "sweep")  # as nohup, which redirects the output too
    process = place.start(*ignoring, output=slave, TERM="xterm")
    os.close(slave)
    shown = b""
    while b"elapsed" not in shown:
        shown += os.read(master, 4096)
    os.close(master)
    os.killpg(process.pid, signal.SIGHUP)
    assert process.wait() == 0
    assert is_finished(place)


@pytest.mark.full
def test_a_terminal_that_takes_nothing_costs_nothing(place: Place) -> None:
    """Ctrl-S, or a connection that hangs: the table fills the terminal, and nobody reads it."""
    master, slave = os.openpty()
    process = place.start(output=slave, TERM="xterm")
    os.close(slave)
    assert process.wait() == 0
    assert is_finished(place)
    os.close(master)


@pytest.mark.full
def test_closed_standard_streams_cost_nothing(place: Place) -> None:
    """Nothing that children print gets into a file of the study, which had the streams' numbers otherwise."""
    process = place.start("bash", "-c", '"$@" <&- >&- 2>&-', "sweep")
    process.communicate()
    assert process.returncode == 0
    assert is_finished(place)


def catches(number: signal.Signals) -> Callable[[Place, psutil.Process], bool]:
    """Return whether a sweep has a handler for a signal yet."""

    def is_caught(_place: Place, process: psutil.Process) -> bool:
        status = Path(f"/proc/{process.pid}/status").read_text()
        caught = int(next(line for line in status.splitlines() if line.startswith("SigCgt")).split()[1], 16)
        return bool(caught >> (number - 1) & 1)

    return is_caught


def has_declared(place: Place, process: psutil.Process) -> bool:
    """Return whether the manifest is written."""
    return place.folder.manifest.exists()


def has_child(name: str) -> Callable[[Place, psutil.Process], bool]:
    """Return whether a process of Ray is there."""
    return lambda _, process: any(name in child.name() for child in process.children(recursive=True))


def trains(place: Place, process: psutil.Process) -> bool:
    """Return whether the journal holds an event."""
    return place.folder.journal.exists() and place.folder.journal.stat().st_size > 0


MOMENTS = {
    "first line": catches(signal.SIGUSR1),
    "declared": has_declared,
    "Ray's first process": has_child("gcs_server"),
    "Ray's node": has_child("raylet"),
    "Ray's core": catches(signal.SIGTRAP),  # it takes SIGTERM, and some that nobody else has handlers for
    "training": trains,
}


_ALWAYS = {("Ray's core", signal.SIGTERM), ("training", signal.SIGTERM)}
"""What is tried in every test run; all others have the mark `full`."""


@pytest.mark.parametrize(
    ("moment", "number"),
    [
        pytest.param(moment, number, marks=[] if (moment, number) in _ALWAYS else pytest.mark.full)
        for moment in MOMENTS
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1)
    ],
)
def test_a_request_to_end_is_heard_at_every_moment(moment: str, number: signal.Signals, place: Place) -> None:
    """Exit code 75, nothing of Ray left; the whole process group hears SIGHUP, as of a closed terminal."""
    place.epochs = 2000
    process = place.start()
    looked_at = psutil.Process(process.pid)
    drill.wait_until(lambda: MOMENTS[moment](place, looked_at), lambda: process.poll() is not None)
    family = looked_at.children(recursive=True)
    (os.killpg if number == signal.SIGHUP else os.kill)(process.pid, number)
    output, _ = process.communicate()
    assert process.returncode == 75, output
    assert b"Traceback" not in output
    assert b"interrupted" in output
    _, left = psutil.wait_procs(family, timeout=20)
    assert not left


def test_a_request_within_a_long_epoch_ends_the_sweep_in_good_order(tmp_path: Path) -> None:
    """Tune waits 10 s for a run, which hears nothing before its epoch ends; the way on is told even so."""
    study, folder = tmp_path / "slow.yaml", ResultsFolder(tmp_path / "results" / "slow")
    study.write_text(_SLOW)
    (tmp_path / "slow.py").write_text("import time; time.sleep(600)")
    command = [
        sys.executable,
        "-m",
        "harness.sweep",
        str(study),
        "--results",
        str(folder.root.parent),
        "--trust",
    ]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    drill.wait_until(
        lambda: folder.journal.exists() and b"run_started" in folder.journal.read_bytes(),
        lambda: process.poll() is not None,
    )
    family = psutil.Process(process.pid).children(recursive=True)
    process.terminate()
    output, _ = process.communicate()
    assert process.returncode == 75, output
    assert b"the same command with --resume finishes the study" in output
    _, left = psutil.wait_procs(family, timeout=20)
    assert not left


@pytest.mark.full
def test_a_request_to_the_whole_group_costs_no_order(place: Place) -> None:
    """`timeout 1h` signals everything that it has started; Ray's processes are no part of that group."""
    place.epochs = 2000
    process = place.start()
    looked_at = psutil.Process(process.pid)
    drill.wait_until(lambda: trains(place, looked_at), lambda: process.poll() is not None)
    family = looked_at.children(recursive=True)
    os.killpg(process.pid, signal.SIGTERM)
    output, _ = process.communicate()
    assert process.returncode == 75, output
    assert b"interrupted" in output
    assert b"Ray is gone" not in output
    _, left = psutil.wait_procs(family, timeout=20)
    assert not left
