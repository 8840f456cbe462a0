import threading

from harness.study.file import Search
from harness.tuning.time_limit import ends_after


def test_what_takes_longer_than_its_hours_is_stopped_and_says_why() -> None:
    """The reason names the setting and its value."""
    is_stopped, said = threading.Event(), list[str]()
    with ends_after(1e-6, is_stopped.set, said.append):
        assert is_stopped.wait(timeout=60)
    assert said == ["search.max_hours: 1e-06 hours are over, ending in good order"]


def test_what_ends_before_is_left_alone() -> None:
    """No thread waits on, and nothing is stopped."""
    before, is_stopped = threading.active_count(), threading.Event()
    with ends_after(1, is_stopped.set, print):
        assert threading.active_count() == before + 1
    assert not is_stopped.is_set()


def test_without_hours_there_is_no_limit() -> None:
    """No thread is started at all."""
    before = threading.active_count()
    with ends_after(None, print, print):
        assert threading.active_count() == before


def test_hours_are_not_declared_so_a_resumption_may_have_others() -> None:
    """They decide when a session ends, not what is measured."""
    search = Search(trials=3, max_hours=8)
    assert "max_hours" not in search.model_dump(mode="json")
