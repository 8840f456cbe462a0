"""What signals do to a command."""

import importlib
import inspect
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from types import FrameType

import pytest

from harness.tuning import interruption
from harness.tuning.interruption import INTERRUPTING, Interruption, sparing_children
from harness.tuning.local_ray import is_connecting


@pytest.fixture
def asked() -> Iterator[Interruption]:
    """Return an interruption that hears signals."""
    heard = Interruption()
    with heard.heard():
        yield heard


def ask(number: signal.Signals, is_heard: Callable[[], object] = lambda: False) -> None:
    """Ask this process to end, and give the thread that waits for SIGTERM the time to pass it on.

    Args:
        number: How.
        is_heard: What shows that it was heard, where that is no exception.
    """
    os.kill(os.getpid(), number)
    until = time.monotonic() + 20
    while not is_heard() and time.monotonic() < until:
        time.sleep(0.01)


@pytest.mark.parametrize("number", INTERRUPTING)
def test_the_first_signal_asks_to_stop(number: signal.Signals, asked: Interruption) -> None:
    """Ctrl-C, a scheduler's SIGTERM and its warning, and a closed terminal alike."""
    stops = []
    with asked.ends_by(lambda: stops.append(number)):
        ask(number, lambda: stops)
        assert stops == [number]


@pytest.mark.parametrize("number", INTERRUPTING)
def test_before_there_is_anything_to_stop_a_signal_ends_what_runs(
    number: signal.Signals, asked: Interruption
) -> None:
    """Whatever the command does then: it reads data, or starts Ray."""
    with pytest.raises(KeyboardInterrupt):
        ask(number)


@pytest.mark.parametrize("number", INTERRUPTING)
def test_nobody_takes_the_place_of_a_handler(number: signal.Signals, asked: Interruption) -> None:
    """As Ray does, which exits with the signal's number, and Tune."""

    def exit_with_number(number: int, _: object) -> None:
        raise SystemExit(number)

    signal.signal(number, exit_with_number)
    with pytest.raises(KeyboardInterrupt):
        ask(number)


def test_a_request_that_was_swallowed_is_not_forgotten(asked: Interruption) -> None:
    """A library that catches everything, or a destructor, can take the exception of a signal."""
    try:
        ask(signal.SIGTERM)
    except KeyboardInterrupt:
        swallowed = True
    assert swallowed
    with pytest.raises(KeyboardInterrupt), asked.ends_by(lambda: None):
        pass


def test_one_request_that_comes_twice_is_one(asked: Interruption) -> None:
    """Ray Jobs signals a driver and, once more, all its descendants."""
    stops = []
    with asked.ends_by(lambda: stops.append(1)):
        ask(signal.SIGUSR1, lambda: stops)
        ask(signal.SIGUSR1, lambda: stops)
        assert stops == [1]


def test_a_second_request_ends_at_once(asked: Interruption, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever asks again has no patience left."""
    monkeypatch.setattr(interruption, "_SAME_REQUEST_SECONDS", -1.0)
    stops = []
    with asked.ends_by(lambda: stops.append(1)):
        ask(signal.SIGINT, lambda: stops)
        with pytest.raises(KeyboardInterrupt):
            ask(signal.SIGINT)


def test_afterwards_signals_mean_what_they_did() -> None:
    """Handlers of the surrounding program come back."""
    watched = (*INTERRUPTING, signal.SIGALRM)
    before = [signal.getsignal(number) for number in watched]
    with Interruption().heard():
        assert all(signal.getsignal(number) not in before for number in watched)
    assert [signal.getsignal(number) for number in watched] == before


def test_a_hangup_that_was_ignored_from_the_start_stays_ignored() -> None:
    """`nohup` asks for a study that runs on when the terminal is closed."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with Interruption().heard():
            os.kill(os.getpid(), signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, before)


def test_children_do_not_hear_of_a_closed_terminal(asked: Interruption) -> None:
    """What arrives while one is started is heard once it is."""
    tell = "import os, signal; os.kill(os.getpid(), signal.SIGHUP); os.kill(os.getpid(), signal.SIGUSR1)"
    with sparing_children():
        assert subprocess.run([sys.executable, "-c", tell], check=False).returncode == 0
    with pytest.raises(KeyboardInterrupt), sparing_children():
        os.kill(os.getpid(), signal.SIGHUP)


_TAKEN_IN_C = """\
import ctypes, os, signal, time
from harness.tuning.interruption import Interruption
with Interruption().heard():
    ctypes.CDLL(None).signal(int(signal.SIGTERM), 0)  # 0: SIG_DFL, to die of it
    try:
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(60)
    except KeyboardInterrupt:
        print("heard")
"""


def test_a_handler_that_a_library_took_in_c_is_never_run() -> None:
    """Ray's core does, for SIGTERM, when this process connects to a cluster; Python does not see it."""
    done = subprocess.run([sys.executable, "-c", _TAKEN_IN_C], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "heard\n"), done.stderr


class Delicate:
    """Say that every frame is delicate, or none; know whether it was asked, by a signal's handler."""

    def __init__(self, *, is_so: bool) -> None:
        self._is_so = is_so
        self.was_asked = False

    def __call__(self, _frame: FrameType | None) -> bool:
        """Return whether a frame is."""
        self.was_asked = True
        return self._is_so


def end_of(heard: Interruption, number: signal.Signals, delicate: Delicate, error: Exception | None) -> str:
    """Ask this process to end while that is put off; return what came to its end."""
    ended = "cut"
    try:
        with heard.put_off(delicate):
            ask(number, lambda: delicate.was_asked)
            ended = "whole"
            if error is not None:
                raise error
    except KeyboardInterrupt:
        return ended
    return "not interrupted"


@pytest.mark.parametrize("number", INTERRUPTING)
def test_what_must_not_be_cut_ends_before_a_request_is_heard(
    number: signal.Signals, asked: Interruption
) -> None:
    """An exception while Ray's core starts crashes the process."""
    assert end_of(asked, number, Delicate(is_so=True), None) == "whole"
    with Interruption().put_off(Delicate(is_so=True)):
        pass  # nobody asked, so nothing is raised


def test_what_fails_of_a_request_is_an_interruption(asked: Interruption) -> None:
    """The processes that Ray starts may hear of the signal too."""
    assert end_of(asked, signal.SIGTERM, Delicate(is_so=True), OSError()) == "whole"
    with pytest.raises(OSError, match="of its own"), Interruption().put_off(Delicate(is_so=True)):
        raise OSError("of its own")


def test_what_may_be_cut_is_cut(asked: Interruption) -> None:
    """The start of Ray's processes can take half a minute on a busy machine."""
    assert end_of(asked, signal.SIGTERM, Delicate(is_so=False), None) == "cut"


class Looking:
    """A node that Ray is asked to connect to."""

    def get_gcs_client(self) -> None:
        """Tell where this is asked for."""
        raise LookupError(is_connecting(inspect.currentframe()))


def test_where_ray_connects_is_known() -> None:
    """By the name of Ray's own function, which another version may change."""
    worker = importlib.import_module("ray._private.worker")
    with pytest.raises(LookupError, match="True"):
        worker.connect(Looking(), "session", worker=worker.Worker())
    with pytest.raises(LookupError, match="False"):
        Looking().get_gcs_client()


def test_children_hear_sigterm(asked: Interruption) -> None:
    """Ray ends its processes with it, and this process has it blocked."""
    waiting = [sys.executable, "-c", "import time; time.sleep(600)"]
    with subprocess.Popen(waiting, preexec_fn=int) as child:  # noqa: PLW1509 - as Ray does
        child.terminate()
        assert child.wait() == -signal.SIGTERM


@pytest.mark.parametrize("entry", ["sweep", "lr_finder", "commands.console, harness.commands.sweep"])
def test_what_is_imported_before_a_request_is_heard_takes_no_time(entry: str) -> None:
    """A command's `main` hears it: until then Ctrl-C ends Python's own way. Nothing of others is imported."""
    code = (
        f"import sys; before = set(sys.modules); import harness.{entry}; "
        "print(*{name.partition('.')[0] for name in {*sys.modules} - before} - sys.stdlib_module_names)"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True).split() == ["harness"]
