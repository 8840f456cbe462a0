"""How long the rest of a study takes: worked out by hand."""

import pytest

from harness.study.time_left import Trained, seconds_left

TRAINED = {"small": Trained(epochs=20, seconds=20.0), "large": Trained(epochs=4, seconds=40.0)}
"""An epoch of 1 s and one of 10 s; 2.5 s on average."""


@pytest.mark.parametrize(
    ("left", "done", "elapsed", "seconds"),
    [
        ({"large": 3}, {"large": 1}, 10.0, 30.0),
        ({"large": 3}, {"small": 10}, 10.0, 30.0),
        ({"large": 3, "small": 10}, {"small": 10, "large": 3}, 20.0, 20.0),
        ({"new": 4}, {"small": 10}, 10.0, 10.0),
        ({}, {"small": 10}, 10.0, 0.0),
        ({"small": 1}, {}, 10.0, None),
    ],
    ids=["alone", "another arm", "both", "unknown", "nothing left", "nothing done"],
)
def test_an_epoch_left_is_as_long_as_its_arms_were(
    left: dict[str, float], done: dict[str, int], elapsed: float, seconds: float | None
) -> None:
    """What a session does in its time, by the lengths of its epochs, tells how fast the clock goes."""
    assert seconds_left(left, TRAINED, done, elapsed) == (None if seconds is None else pytest.approx(seconds))


def test_epochs_without_a_length_count_alike() -> None:
    """A program may report epochs that took no time that can be measured."""
    trained = {"a": Trained(epochs=3), "b": Trained(epochs=1)}
    assert seconds_left({"a": 2, "b": 2}, trained, {"a": 3, "b": 1}, 8.0) == pytest.approx(8.0)
