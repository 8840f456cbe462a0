import dataclasses
import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.errors import DataError
from harness.recipe.data import DatasetSpec
from harness.training.data.cache import RECORD_NAME, array_file, cache_folder, cache_lock, is_ready
from harness.training.data.prepare import prepare_spec


@pytest.fixture
def ready_folder(tiny_spec: DatasetSpec, write_tiny: Callable[..., Path], tmp_path: Path) -> Path:
    """The cache folder of the tiny data set, prepared."""
    return prepare_spec(tiny_spec, write_tiny(tmp_path / "files")).folder


@pytest.mark.parametrize("configured", [None, "", "relative/folder"])
def test_the_cache_is_in_the_home_directory_by_default(
    tiny_spec: DatasetSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, configured: str | None
) -> None:
    """Without an absolute XDG_CACHE_HOME it is ~/.cache/recipe-harness/<name>."""
    monkeypatch.setenv("HOME", str(tmp_path))
    if configured is None:
        monkeypatch.delenv("XDG_CACHE_HOME")
    else:
        monkeypatch.setenv("XDG_CACHE_HOME", configured)
    assert cache_folder(tiny_spec) == tmp_path / ".cache" / "recipe-harness" / "tiny"


def test_the_cache_is_in_xdg_cache_home(
    tiny_spec: DatasetSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An absolute XDG_CACHE_HOME moves it."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "elsewhere"))
    assert cache_folder(tiny_spec) == tmp_path / "elsewhere" / "recipe-harness" / "tiny"


def test_a_cache_that_was_never_written_is_not_ready(tiny_spec: DatasetSpec, tmp_path: Path) -> None:
    """An absent folder is simply not ready."""
    assert not is_ready(tiny_spec, tmp_path / "absent")


def test_a_written_cache_is_ready(tiny_spec: DatasetSpec, ready_folder: Path) -> None:
    """What was prepared is found again."""
    assert is_ready(tiny_spec, ready_folder)


def test_a_touched_cache_is_hashed_and_still_ready(tiny_spec: DatasetSpec, ready_folder: Path) -> None:
    """A copy with other times of writing is good if its content is."""
    for part in tiny_spec.parts:
        os.utime(array_file(ready_folder, part.array), ns=(0, 0))
    assert is_ready(tiny_spec, ready_folder)


def test_an_altered_array_is_noticed(tiny_spec: DatasetSpec, ready_folder: Path) -> None:
    """One flipped bit makes the cache not ready."""
    file = array_file(ready_folder, "train-images")
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    assert not is_ready(tiny_spec, ready_folder)


@pytest.mark.parametrize("size", [0, 20, 200])
def test_a_truncated_array_is_noticed(tiny_spec: DatasetSpec, ready_folder: Path, size: int) -> None:
    """Lost header, lost values, lost everything: the cache is not ready."""
    os.truncate(array_file(ready_folder, "test-images"), size)
    assert not is_ready(tiny_spec, ready_folder)


@pytest.mark.parametrize("record", ["", "{", "[]", '{"dataset": "tiny"}', "\0"])
def test_a_damaged_record_never_decides(tiny_spec: DatasetSpec, ready_folder: Path, record: str) -> None:
    """Whatever the record holds, an altered array does not pass."""
    (ready_folder / RECORD_NAME).write_text(record, encoding="utf-8")
    os.truncate(array_file(ready_folder, "train-labels"), 150)
    assert not is_ready(tiny_spec, ready_folder)


def test_the_cache_of_other_content_is_not_ready(tiny_spec: DatasetSpec, ready_folder: Path) -> None:
    """Arrays whose checksums are not the registry's are not used."""
    images, labels, test_images, test_labels = tiny_spec.files
    swapped = dataclasses.replace(tiny_spec, files=(images, test_labels, test_images, labels))
    assert not is_ready(swapped, ready_folder)


def test_what_killed_processes_left_is_removed(tmp_path: Path) -> None:
    """Taking the lock clears abandoned scratch folders, and leaving it clears its own."""
    (tmp_path / ".tiny-abandoned" / "complete").mkdir(parents=True)
    (tmp_path / ".other-kept").mkdir()
    with cache_lock(tmp_path / "tiny", print) as scratch:
        assert {path.name for path in tmp_path.iterdir()} == {scratch.name, "tiny.lock", ".other-kept"}
    assert {path.name for path in tmp_path.iterdir()} == {"tiny.lock", ".other-kept"}


def test_a_second_writer_waits_and_says_so(tmp_path: Path) -> None:
    """While one holds the lock, another says that it waits, and goes on afterwards."""
    has_said, said, has_entered = threading.Event(), [], threading.Event()

    def say(message: str) -> None:
        said.append(message)
        has_said.set()

    def write() -> None:
        with cache_lock(tmp_path / "tiny", say):
            has_entered.set()

    with cache_lock(tmp_path / "tiny", print):
        second = threading.Thread(target=write)
        second.start()
        assert has_said.wait(timeout=30)
        assert not has_entered.is_set()
    second.join(timeout=30)
    assert has_entered.is_set()
    assert said == [f"waiting for another process that prepares {tmp_path / 'tiny'}"]


def test_a_cache_that_cannot_be_written_is_an_error(
    tiny_spec: DatasetSpec,
    write_tiny: Callable[..., Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The error names the cache folder, the reason and the remedy."""
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(DataError, match=r"cannot write .*/file/recipe-harness/tiny: .*set XDG_CACHE_HOME"):
        prepare_spec(tiny_spec, write_tiny(tmp_path / "files"))
