"""What signals do to a sweep."""

import os
import signal

import pytest

from harness.tuning import interruption
from harness.tuning.interruption import INTERRUPTING, on_interrupt


@pytest.mark.parametrize("number", INTERRUPTING)
def test_the_first_signal_asks_to_stop(number: signal.Signals) -> None:
    """Ctrl-C, a scheduler's SIGTERM and its warning alike."""
    stops = []
    with on_interrupt(lambda: stops.append(number)):
        os.kill(os.getpid(), number)
        assert stops == [number]


def test_one_request_that_comes_twice_is_one() -> None:
    """Ray Jobs signals a driver and, once more, all its descendants."""
    stops = []
    with on_interrupt(lambda: stops.append(1)):
        os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGTERM)
        assert stops == [1]


def test_a_second_request_ends_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever asks again has no patience left."""
    monkeypatch.setattr(interruption, "_SAME_REQUEST_SECONDS", -1.0)
    with on_interrupt(lambda: None):
        os.kill(os.getpid(), signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)


def test_afterwards_signals_mean_what_they_did() -> None:
    """Handlers of the surrounding program come back."""
    before = [signal.getsignal(number) for number in (*INTERRUPTING, signal.SIGALRM)]
    with on_interrupt(lambda: None):
        pass
    assert [signal.getsignal(number) for number in (*INTERRUPTING, signal.SIGALRM)] == before
