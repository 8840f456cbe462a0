import json
from pathlib import Path

import pytest

from harness.commands.planning import speed


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return where the speed will be kept."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "recipe-harness" / "speed.json"


def test_a_speed_is_measured_once(kept: Path) -> None:
    """The second time it is the one that was kept, and it is told since when."""
    first, second = speed.machine_speed(), speed.machine_speed()
    assert first.measured_at is None
    assert second.gflops == first.gflops
    assert f"measured on {second.measured_at}" in second.in_words()


def test_a_speed_is_measured_again_when_asked(kept: Path) -> None:
    """What is kept of other machines stays."""
    kept.parent.mkdir()
    kept.write_text(json.dumps({"other": {"gflops": 1.0, "measured_at": "then"}}), encoding="utf-8")
    speed.machine_speed()
    again = speed.machine_speed(is_measured_now=True)
    noted = json.loads(kept.read_text(encoding="utf-8"))
    assert again.measured_at is None
    assert again.gflops in [each["gflops"] for each in noted.values()]
    assert noted["other"]["gflops"] == 1.0


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", '{"m": 3}', '{"m": {"gflops": 0, "measured_at": ""}}', "\0"]
)
def test_what_is_no_speed_is_measured_anew(kept: Path, content: str) -> None:
    """A damaged file costs a measurement."""
    kept.parent.mkdir()
    kept.write_text(content, encoding="utf-8")
    assert speed.machine_speed().gflops > 0
    assert speed.machine_speed().measured_at is not None


def test_a_speed_that_cannot_be_kept_is_told(kept: Path) -> None:
    """A dry run goes on without the cache."""
    kept.parent.write_text("a file where the folder would be", encoding="utf-8")
    told = speed.machine_speed()
    assert told.gflops > 0
    assert "it could not be kept for the next time: " in told.in_words()
