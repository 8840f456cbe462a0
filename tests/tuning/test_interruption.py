"""What signals do to a command."""

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from harness.tuning import interruption
from harness.tuning.interruption import INTERRUPTING, Interruption, hear_again, sparing_children


@pytest.fixture
def asked() -> Iterator[Interruption]:
    """Return an interruption that hears signals."""
    heard = Interruption()
    with heard.heard():
        yield heard


@pytest.mark.parametrize("number", INTERRUPTING)
def test_the_first_signal_asks_to_stop(number: signal.Signals, asked: Interruption) -> None:
    """Ctrl-C, a scheduler's SIGTERM and its warning, and a closed terminal alike."""
    stops = []
    with asked.ends_by(lambda: stops.append(number)):
        os.kill(os.getpid(), number)
        assert stops == [number]


@pytest.mark.parametrize("number", INTERRUPTING)
def test_before_there_is_anything_to_stop_a_signal_ends_what_runs(
    number: signal.Signals, asked: Interruption
) -> None:
    """Whatever the command does then: it reads data, or starts Ray."""
    with pytest.raises(KeyboardInterrupt):
        os.kill(os.getpid(), number)


@pytest.mark.parametrize("number", INTERRUPTING)
def test_nobody_takes_the_place_of_a_handler(number: signal.Signals, asked: Interruption) -> None:
    """As Ray does, which exits with the signal's number, and Tune."""

    def exit_with_number(number: int, _: object) -> None:
        raise SystemExit(number)

    signal.signal(number, exit_with_number)
    with pytest.raises(KeyboardInterrupt):
        os.kill(os.getpid(), number)


def test_a_request_that_was_swallowed_is_not_forgotten(asked: Interruption) -> None:
    """A library that catches everything, or a destructor, can take the exception of a signal."""
    try:
        os.kill(os.getpid(), signal.SIGTERM)
    except KeyboardInterrupt:
        swallowed = True
    assert swallowed
    with pytest.raises(KeyboardInterrupt), asked.ends_by(lambda: None):
        pass


def test_one_request_that_comes_twice_is_one(asked: Interruption) -> None:
    """Ray Jobs signals a driver and, once more, all its descendants."""
    stops = []
    with asked.ends_by(lambda: stops.append(1)):
        os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGTERM)
        assert stops == [1]


def test_a_second_request_ends_at_once(asked: Interruption, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever asks again has no patience left."""
    monkeypatch.setattr(interruption, "_SAME_REQUEST_SECONDS", -1.0)
    with asked.ends_by(lambda: None):
        os.kill(os.getpid(), signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)


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


def test_a_handler_that_a_library_took_in_c_is_taken_back(asked: Interruption) -> None:
    """Ray's core does, for SIGTERM, when this process connects to a cluster; Python does not see it."""
    ctypes.CDLL(None).signal(int(signal.SIGTERM), 1)  # 1: SIG_IGN
    os.kill(os.getpid(), signal.SIGTERM)
    hear_again()
    with pytest.raises(KeyboardInterrupt):
        os.kill(os.getpid(), signal.SIGTERM)
